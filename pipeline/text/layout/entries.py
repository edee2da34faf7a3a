"""Distinguishes two lists side by side from the rows of a table: where their entries begin. Pure.

The lines of two lists, such as references, may be on the same baselines, and hardly one begins in
lower case. But their entries of several lines begin at different rows; those of a table begin
together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.text.layout.page_lines import Flags, Floats, Indices, PageLines, middle_value
from pipeline.text.layout.prose import (
    RUN_EM,
    is_block,
    is_running_text,
    is_worded_prose,
    steps_of,
    wrapped_share,
)

_MIN_LIST_LINES = 8
"""Minimum lines of a list, and of the text beside it, that are columns on the same baselines."""
_LINES_A_HOLE = 16
"""Minimum lines of such a list for each hole in it, where a line was not found."""
_DENSE = 0.6
"""Minimum lines of such a list for each line of the text beside it: labels of rows are fewer."""
_MIN_WRAPPED_SHARE = 0.65
"""Minimum share of lines whose next word would not fit, in text that is broken into lines."""
_MAX_HOLE_EM = 4.0
"""Maximum line spacing in a list, in line heights."""
_MIN_CHARS = 24
"""Minimum median of characters a line: cells are shorter."""
_SHARE = 0.15, 0.85
"""Minimum and maximum share of lines that begin an entry."""
_FLUSH_EM = 0.35
"""Maximum distance of left edges at one place, in line heights."""
_HANGING_EM = 0.5, 4.0
"""Minimum and maximum indent of the lines that continue an entry, in line heights."""
_MIN_INDENTED = 0.7
"""Minimum share of those that are at one place."""
_MAX_TOGETHER = 0.8
"""Maximum share of rows on which both lists, or neither, begin an entry."""
_MIN_LEADERS = 3
"""Minimum entries with a leader of each of two columns of contents ..."""
_MIN_LEADER_SHARE = 0.4
"""... and their minimum share of the rows: headings, and first rows of long entries have none."""
_NUMBER = re.compile(r"[\[(]?\d{1,3}[\]).]")


def is_list(page: PageLines, side: Indices) -> bool:
    """Whether the lines may be a list: many, worded, hardly a hole between them."""
    if len(side) < _MIN_LIST_LINES or not is_block(page, side):
        return False
    steps = steps_of(page, side)
    holes = steps > RUN_EM * page.em_px
    if not holes.any():
        return True
    return (
        int(holes.sum()) * _LINES_A_HOLE <= len(side) and steps.max() <= _MAX_HOLE_EM * page.em_px
    )


def is_list_beside_text(page: PageLines, entries: Indices, text: Indices) -> bool:
    """Whether there are entries, such as references, all along a long text.

    They may be on its baselines, and hardly a line of theirs begins in lower case; but no cell of
    a table is such a text.
    """
    if not (is_list(page, entries) and is_list(page, text)):
        return False
    top, bottom = page.y0[text[0]], page.y1[text[-1]]
    beside = (page.middle[entries] >= top) & (page.middle[entries] <= bottom)
    first, last = page.y0[entries[0]], page.y1[entries[-1]]
    rows = int(((page.middle[text] >= first) & (page.middle[text] <= last)).sum())
    return (
        int(beside.sum()) >= max(_MIN_LIST_LINES, _DENSE * rows)
        and is_running_text(page, text)
        and is_worded_prose(page, text)
        and wrapped_share(page, text) >= _MIN_WRAPPED_SHARE
    )


def are_lists(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether both sides are lists of entries that begin at different rows."""
    begins = [_entry_starts(page, side) for side in (left, right)]
    if begins[0] is None or begins[1] is None:
        return False
    after = np.searchsorted(page.middle[right], page.middle[left])
    near = np.minimum(after, len(right) - 1)
    above = np.maximum(after - 1, 0)
    middle = page.middle[left]
    is_above = middle - page.middle[right[above]] < np.abs(page.middle[right[near]] - middle)
    beside = np.where(is_above, above, near)
    return float(np.mean(begins[0] == begins[1][beside])) <= _MAX_TOGETHER


def are_contents(page: PageLines, left: Indices, right: Indices) -> bool:
    """Whether both sides are contents, whose entries have dots between text and page.

    Args:
        page: The lines of the page.
        left: All lines on the left.
        right: All lines on the right.
    """
    return all(_is_contents(page, side) for side in (left, right))


def _is_contents(page: PageLines, side: Indices) -> bool:
    """Whether enough rows have a text and a leader behind it."""
    if int(page.has_leader[side].sum()) < _MIN_LEADERS:
        return False
    texts: dict[int, list[int]] = {}
    for i, row in zip(side.tolist(), page.row[side].tolist(), strict=True):
        texts.setdefault(row, []).append(i)
    led = sum(_has_leader(page, lines) for lines in texts.values())
    return led >= max(_MIN_LEADERS, _MIN_LEADER_SHARE * len(texts))


def _has_leader(page: PageLines, row: Sequence[int]) -> bool:
    worded = [page.x0[i] for i in row if page.has_words[i]]
    leaders = [page.x1[i] for i in row if page.has_leader[i]]
    return bool(worded and leaders) and min(worded) < max(leaders)


def _entry_starts(page: PageLines, side: Indices) -> Flags | None:
    """Which lines begin an entry, by their numbers or a hanging indent; None where none do."""
    if len(side) < _MIN_LIST_LINES or middle_value(page.length[side]) < _MIN_CHARS:
        return None
    low, high = _SHARE
    for begins in (_numbered(page, side), _outdented(page, side)):
        if begins is not None and low <= float(begins.mean()) <= high:
            return begins
    return None


def _numbered(page: PageLines, side: Indices) -> Flags:
    marked = page.marker[side] >= 0
    texts = np.array([bool(_NUMBER.match(page.lines[i].text)) for i in side], np.bool_)
    numbered: Flags = marked | texts
    return numbered


def _outdented(page: PageLines, side: Indices) -> Flags | None:
    """The lines at the left edge, where the others are indented by one indent."""
    edges = page.x0[side]
    flush_px = _FLUSH_EM * page.em_px
    begins: Flags = edges <= np.quantile(edges, _SHARE[0] / 2) + flush_px
    if begins.all():
        return None
    inner = edges[~begins]
    place = float(np.median(inner))
    indent_em = (place - float(np.median(edges[begins]))) / page.em_px
    is_hanging = _HANGING_EM[0] <= indent_em <= _HANGING_EM[1]
    return begins if is_hanging and _near(inner, place, flush_px) >= _MIN_INDENTED else None


def _near(edges: Floats, place: float, flush_px: float) -> float:
    return float(np.mean(np.abs(edges - place) <= flush_px))
