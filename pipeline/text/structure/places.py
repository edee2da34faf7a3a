"""Where lines are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.text.word_spans import Span
from pipeline.types import Box, Line

FindWords = Callable[[Line], Sequence[Span]]
"""Where each word of a line begins and ends, px; none where that is not known."""


def center_x(line: Line) -> float:
    """The horizontal centre of a line, px."""
    return (line.box[0] + line.box[2]) / 2


def center_y(line: Line) -> float:
    """The vertical centre of a line, px."""
    return (line.box[1] + line.box[3]) / 2


def part_of(line: Line, text: str, x0: float, x1: float) -> Line:
    """A part of a line, from one position to another."""
    return replace(line, text=text, box=(x0, line.box[1], x1, line.box[3]), word_starts=())


def touch(a: Box, b: Box, near: float = 0.0) -> bool:
    """Whether two boxes overlap, or are no farther apart than `near`."""
    is_beside = a[0] <= b[2] + near and b[0] <= a[2] + near
    return is_beside and a[1] <= b[3] + near and b[1] <= a[3] + near


def sort_top_down(lines: Sequence[Line]) -> list[Line]:
    """The lines sorted from top to bottom, independent of the given order."""
    return sorted(lines, key=lambda line: (line.box[1], line.box, line.text, line.score))


def without(lines: Sequence[Line], used: Sequence[Line]) -> list[Line]:
    """The lines that are not among `used`; of equal lines each counts for itself."""
    taken = {id(line) for line in used}
    return [line for line in lines if id(line) not in taken]
