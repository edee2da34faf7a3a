"""Which regions of a page may be tables and figures. Pure.

They come from the layout model and from what the page draws: its images, and the rules of its
tables. Of regions at one place one is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from pipeline.text.layout.rows import bounding_box
from pipeline.types import Box, Region, RegionKind

_MIN_PICTURE: Final = 0.01
"""A picture of less than this share of the page is an icon."""
_MAX_PICTURE: Final = 0.7
"""A picture of more than this share of the page is its background, or the page itself."""
_SAME: Final = 0.6
"""A region is dropped if a larger one covers this share of it."""
_MAX_RULES: Final = 600
"""On a page with more lines than this no table is looked for by its lines: it is a drawing."""
_MIN_RULES: Final = 3
"""Minimum rules of a ruled table in each direction."""
_TOUCH_EM: Final = 0.25
_EXACT: Final = 1.0
"""Score of a region that the page's own drawing says."""


def candidates(
    regions: Iterable[Region],
    by_rules: Iterable[Region],
    size_px: tuple[int, int],
    taken: Iterable[Box] = (),
) -> list[Region]:
    """The regions that may be tables and figures, tables first, none inside another.

    A picture that the page draws has a better box than the layout model's. But where the model
    sees one figure in several pictures, it is one.

    Args:
        regions: What the layout model and the drawing say.
        by_rules: What `ruled` says.
        size_px: Width and height of the page.
        taken: Tables that were found: what shares their place is dropped.
    """
    area = size_px[0] * size_px[1]
    tables = [region for region in regions if region.kind is RegionKind.TABLE]
    pictures = [
        region
        for region in regions
        if region.kind is RegionKind.PICTURE
        and _MIN_PICTURE * area <= _area(region.box) <= _MAX_PICTURE * area
    ]
    tables += by_rules
    exact = [region for region in pictures if region.score >= _EXACT]
    seen = [region for region in pictures if region.score < _EXACT]
    several = [each for each in seen if sum(_is_same(each, one) for one in exact) > 1]
    single = [each for each in seen if each not in several]
    known = [Region(RegionKind.TABLE, box) for box in taken]
    ordered = (*known, *_by_size(tables), *_by_size(several), *_by_size(exact), *_by_size(single))
    return [region for region in _distinct(ordered) if not any(region is each for each in known)]


def _by_size(regions: Iterable[Region]) -> list[Region]:
    return sorted(regions, key=lambda region: (-_area(region.box), region.box))


def _distinct(regions: Sequence[Region]) -> list[Region]:
    """The regions without those that share their place with an earlier one."""
    dropped: set[int] = set()
    for (i, a), (j, b) in combinations(enumerate(regions), 2):
        if i not in dropped and _is_same(a, b):
            dropped.add(j)
    return [region for i, region in enumerate(regions) if i not in dropped]


def _is_same(a: Region, b: Region) -> bool:
    return _common(a.box, b.box) >= _SAME * min(_area(a.box), _area(b.box))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _common(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def ruled(rules: Sequence[Box], em_px: float) -> list[Region]:
    """The regions where rules cross each other as in a table."""
    if len(rules) > _MAX_RULES or not _is_ruled(rules, em_px):
        return []
    return [
        Region(RegionKind.TABLE, bounding_box(group))
        for group in _touching(rules, _TOUCH_EM * em_px)
        if _is_ruled(group, em_px)
    ]


def _is_ruled(group: Sequence[Box], em_px: float) -> bool:
    across = {round((y0 + y1) / em_px) for x0, y0, x1, y1 in group if x1 - x0 >= y1 - y0}
    down = {round((x0 + x1) / em_px) for x0, y0, x1, y1 in group if x1 - x0 < y1 - y0}
    return len(across) >= _MIN_RULES and len(down) >= _MIN_RULES


def _touching(boxes: Sequence[Box], near: float) -> list[list[Box]]:
    """Groups of boxes that touch each other."""
    x0, y0, x1, y1 = np.array(boxes).T
    beside = (x0[:, None] <= x1 + near) & (x0 <= x1[:, None] + near)
    touches = beside & (y0[:, None] <= y1 + near) & (y0 <= y1[:, None] + near)
    parents = list(range(len(boxes)))
    for i, j in zip(*(side.tolist() for side in np.nonzero(np.triu(touches, 1))), strict=True):
        a, b = _root(parents, i), _root(parents, j)
        parents[max(a, b)] = min(a, b)
    groups: defaultdict[int, list[Box]] = defaultdict(list)
    for i, box in enumerate(boxes):
        groups[_root(parents, i)].append(box)
    return list(groups.values())


def _root(parents: list[int], i: int) -> int:
    """The lowest index of the group of a box (union-find, with shortened paths)."""
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i
