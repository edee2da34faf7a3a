"""Where lines are. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.types import Line


def center_x(line: Line) -> float:
    """The horizontal centre of a line, px."""
    return (line.box[0] + line.box[2]) / 2


def center_y(line: Line) -> float:
    """The vertical centre of a line, px."""
    return (line.box[1] + line.box[3]) / 2


def sort_top_down(lines: Sequence[Line]) -> list[Line]:
    """The lines sorted from top to bottom, independent of the given order."""
    return sorted(lines, key=lambda line: (line.box[1], line.box, line.text, line.score))


def without(lines: Sequence[Line], used: Sequence[Line]) -> list[Line]:
    """The lines that are not among `used`; of equal lines each counts for itself."""
    taken = {id(line) for line in used}
    return [line for line in lines if id(line) not in taken]
