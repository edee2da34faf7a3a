"""Lines of a page that lies askew, as on the straight page and back. Pure and total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.imaging.skewed_boxes import Point, around, fits, middle, sides, turned
from pipeline.types import Line


def page_skew_deg(lines: Sequence[Line]) -> float:
    """The clockwise angle at which most lines lie, by their length; 0 without lines."""
    if not any(line.skew_deg for line in lines):
        return 0.0
    known = sorted((line.skew_deg, max(_sides(line))) for line in lines)
    left = sum(length for _, length in known) / 2
    for deg, length in known:
        left -= length
        if left <= 0:
            return deg
    return 0.0


def turned_lines(lines: Iterable[Line], deg: float, about: Point = (0.0, 0.0)) -> list[Line]:
    """The lines after a clockwise turn of their page; the same for 0."""
    if not deg:
        return list(lines)
    return [_turned(line, deg, about) for line in lines]


def _turned(line: Line, deg: float, about: Point) -> Line:
    skew_deg = round(line.skew_deg + deg, 4)
    center = turned(middle(line.box), deg, about)
    return replace(line, box=around(center, *_sides(line), skew_deg), skew_deg=skew_deg)


def _sides(line: Line) -> tuple[float, float]:
    """The sides of a line's rectangle; of its box where that is no box of it."""
    return sides(line.box, line.skew_deg if fits(line.box, line.skew_deg) else 0.0)
