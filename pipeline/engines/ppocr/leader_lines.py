"""Puts dot leaders into the lines of a page: no dot is in two lines. Pure and total."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from pipeline.engines.ppocr.dot_leaders import Leader
from pipeline.types import Box, Line

_MIN_EM = 0.14
"""Least pitch in heights of a line: the dots of dotted frames stand closer."""
_MAX_DOT_EM = 0.3
"""Largest diameter in heights of a line: larger dots are bullets."""
_DOTS_EM = 9.0
"""Height of a line in diameters, where no line says it."""
_ON_LINE = (0.4, 0.95)
"""Where in the box of a line its leader is, from 0 at the top to 1 at the bottom."""
_MARKS = " .\u00b7\u2026,"
"""What the recogniser makes of dots."""
_DOTS = re.compile(r"(?:[.\u00b7\u2026]\s?){3,}")


def add_leaders(lines: Sequence[Line], found: Sequence[Leader]) -> list[Line]:
    """The lines of a page and its leaders as lines, no dot in two of them.

    Lines are cut where a leader begins or ends, and lose the dots that were read there. A line
    with a leader in its midst keeps it, with the right number of dots.

    Args:
        lines: What was recognised.
        found: The leaders in the same image.
    """
    result = list(lines)
    heights = [y1 - y0 for x0, y0, x1, y1 in (line.box for line in lines) if x1 - x0 > y1 - y0]
    for leader in found:
        usual = median(heights) if heights else _DOTS_EM * leader.diameter_px
        result = _with_leader(result, leader, usual)
    return result


def _with_leader(lines: list[Line], leader: Leader, usual_px: float) -> list[Line]:
    """The lines with one leader more, where it is one for lines of this height."""
    nearest = min(
        (line for line in lines if _is_level(line, leader)),
        key=lambda line: _apart(line.box, leader.box),
        default=None,
    )
    top, bottom = nearest.box[1::2] if nearest else _free_standing(leader, usual_px)
    height = bottom - top
    if leader.pitch_px < _MIN_EM * height or leader.diameter_px > _MAX_DOT_EM * height:
        return lines
    own = Line(leader.text(height), (leader.box[0], top, leader.box[2], bottom), leader.score)
    around = [line for line in lines if _is_level(line, leader) and _surrounds(line, leader)]
    if around:
        return [_corrected(line, own.text) if line is around[0] else line for line in lines]
    cut = (_cut(line, leader) if _is_level(line, leader) else line for line in lines)
    return [*filter(None, cut), own]


def _free_standing(leader: Leader, height_px: float) -> tuple[float, float]:
    """Top and bottom of the line that a rule makes on its own."""
    return max(0.0, leader.box[3] - height_px), leader.box[3]


def _is_level(line: Line, leader: Leader) -> bool:
    """Whether the dots are where the full stops of the line are."""
    x0, y0, x1, y1 = line.box
    place = ((leader.box[1] + leader.box[3]) / 2 - y0) / max(y1 - y0, 1.0)
    return x1 - x0 > (y1 - y0) / 4 and _ON_LINE[0] <= place <= _ON_LINE[1]


def _apart(box: Box, other: Box) -> float:
    return max(box[0] - other[2], other[0] - box[2], 0.0)


def _surrounds(line: Line, leader: Leader) -> bool:
    """Whether the line has text on both sides of the leader."""
    left, right = leader.box[0] - leader.pitch_px, leader.box[2] + leader.pitch_px
    return line.box[0] < left and line.box[2] > right


def _corrected(line: Line, dots: str) -> Line:
    """The line with these dots instead of its own; as it is where it is not clear which."""
    if len(_DOTS.findall(line.text)) != 1:
        return line
    before, after = _DOTS.split(line.text)
    text = f"{before.rstrip()} {dots} {after.lstrip()}".strip()
    return replace(line, text=text, word_starts=())


def _cut(line: Line, leader: Leader) -> Line | None:
    """What is left of a line without the leader, None where nothing is."""
    (x0, y0, x1, y1), (start, _, end, _) = line.box, leader.box
    if x1 <= start - leader.pitch_px or x0 >= end + leader.pitch_px:
        return line
    if not any(map(str.isalnum, line.text)) and start <= (x0 + x1) / 2 <= end:
        return None
    if x0 < start - leader.pitch_px:
        return Line(line.text.rstrip(_MARKS), (x0, y0, min(x1, start), y1), line.score)
    if x1 > end + leader.pitch_px:
        return Line(line.text.lstrip(_MARKS), (max(x0, end), y0, x1, y1), line.score)
    return line
