"""Finds the lines that run up or down a page. Pure and total."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.types import Line

_SIDEWAYS = 2.0
"""A line of several characters with at least this ratio of height to width is vertical."""
_SAME_STRIP = 0.25
"""Maximum offset of the edges of pieces of one vertical line, in widths."""
_MAX_STRIPS = 64
"""A page with more vertical lines is sideways as a whole."""
_NEAR = 3.0
"""Maximum white space between such pieces, in widths."""


def vertical_lines(lines: Sequence[Line]) -> list[bool]:
    """For each line, whether it is vertical.

    A short piece of a vertical line, such as a number in a stamp, is not tall. It is vertical if
    it continues one: same left and right edge, close to its end.
    """
    vertical = [_is_tall(line) for line in lines]
    strips = [line.box for line, is_tall in zip(lines, vertical, strict=True) if is_tall]
    if not 0 < len(strips) <= _MAX_STRIPS:
        return vertical
    left, right = min(box[0] for box in strips), max(box[2] for box in strips)
    pieces = {
        i
        for i, line in enumerate(lines)
        if not vertical[i] and left - 9 <= line.box[0] and line.box[2] <= right + 9
    }
    while strips and pieces:
        strip = strips.pop()
        found = [i for i in pieces if _continues(lines[i], strip)]
        for i in found:
            vertical[i] = True
            strips.append(lines[i].box)
            pieces.discard(i)
    return vertical


def _is_tall(line: Line) -> bool:
    x0, y0, x1, y1 = line.box
    return len(line.text) > 2 and y1 - y0 > _SIDEWAYS * (x1 - x0)


def _continues(line: Line, strip: tuple[float, float, float, float]) -> bool:
    """Whether a line is in the same vertical strip as another one, and near its end."""
    width = strip[2] - strip[0]
    x0, y0, x1, y1 = line.box
    return (
        abs(x0 - strip[0]) <= _SAME_STRIP * width
        and abs(x1 - strip[2]) <= _SAME_STRIP * width
        and max(y0 - strip[3], strip[1] - y1) <= _NEAR * width
    )
