"""Straight lines of a page, those that continue each other as one. Pure and total."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

import numpy as np

from pipeline.types import Box, Line

_SAME_PX: Final = 1.0
"""Lines are on one line, and continue each other, if they differ by no more than this."""


_TOUCH_PX: Final = 4.0
"""Rules touch if they are no farther apart."""
_BESIDE_EM: Final = 0.2
"""An underline ends where its text does, to within this, in line heights, ..."""
_BELOW_EM: Final = 0.3
"""... and is no farther below it."""


def is_level(rule: Box) -> bool:
    """Whether a rule is horizontal."""
    return rule[2] - rule[0] >= rule[3] - rule[1]


def joined_rules(rules: Iterable[Box]) -> tuple[Box, ...]:
    """The rules, where each side of a cell may have been drawn alone, and twice.

    Args:
        rules: Horizontal and vertical lines, as boxes in px.
    """
    turned = sorted(
        (not is_level(rule), rule if is_level(rule) else _turned(rule)) for rule in rules
    )
    return tuple(
        _turned(rule) if is_upright else rule
        for is_upright, group in groupby(turned, key=lambda each: each[0])
        for rule in _joined([rule for _, rule in group])
    )


def without_underlines(rules: Sequence[Box], lines: Sequence[Line]) -> tuple[Box, ...]:
    """The rules without those that only underline text.

    A rule of a table is wider than its text, or it touches a vertical rule.

    Args:
        rules: Horizontal and vertical lines.
        lines: The lines of text of the page.
    """
    level = [i for i, rule in enumerate(rules) if is_level(rule)]
    if not level or not lines:
        return tuple(rules)
    x0, y0, x1, y1 = np.array([rules[i] for i in level]).T[:, :, None]
    left, top, right, bottom = np.array([line.box for line in lines]).T
    height, at = bottom - top, (y0 + y1) / 2
    beside = _BESIDE_EM * height
    is_within = (left - beside <= x0) & (x1 <= right + beside)
    is_below = ((top + bottom) / 2 <= at) & (at <= bottom + _BELOW_EM * height)
    found = [level[i] for i in np.flatnonzero((is_within & is_below).any(axis=1)).tolist()]
    upright = [rule for rule in rules if not is_level(rule)] if found else []
    dropped = {i for i in found if not any(_touches(rules[i], each) for each in upright)}
    return tuple(rule for i, rule in enumerate(rules) if i not in dropped)


def _touches(level: Box, upright: Box) -> bool:
    x, (_, top, _, bottom) = (upright[0] + upright[2]) / 2, upright
    is_level_with = top - _TOUCH_PX <= (level[1] + level[3]) / 2 <= bottom + _TOUCH_PX
    return is_level_with and min(abs(x - level[0]), abs(x - level[2])) <= _TOUCH_PX


def _turned(box: Box) -> Box:
    return box[1], box[0], box[3], box[2]


def _joined(level: list[Box]) -> Iterator[Box]:
    """Horizontal rules, those on one line that touch as one."""
    level.sort(key=lambda rule: rule[1] + rule[3])
    line: list[Box] = []
    for rule in level:
        if line and _height(rule) - _height(line[0]) > _SAME_PX:
            yield from _on_one_line(line)
            line = []
        line.append(rule)
    yield from _on_one_line(line)


def _height(rule: Box) -> float:
    return (rule[1] + rule[3]) / 2


def _on_one_line(level: list[Box]) -> Iterator[Box]:
    level.sort()
    for rule in level:
        if rule is level[0]:
            x0, y0, x1, y1 = rule
        elif rule[0] <= x1 + _SAME_PX:
            y0, x1, y1 = min(y0, rule[1]), max(x1, rule[2]), max(y1, rule[3])
        else:
            yield x0, y0, x1, y1
            x0, y0, x1, y1 = rule
    if level:
        yield x0, y0, x1, y1
