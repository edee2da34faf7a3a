"""The lines of a page as arrays: edges, neighbours on the same row, and what their texts are like.

Everything about a single line or a pair of lines is computed here, once a page. What divides the
page afterwards works on arrays of indices into these lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

import numpy as np
import numpy.typing as npt

from pipeline.text.layout.merged_lines import ended_at_gutters
from pipeline.text.layout.skew import straightened
from pipeline.types import Box, Line

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

_SHARED_HEIGHT = 0.5
"""Two lines are on one row if they overlap by this share of the smaller one's height."""
_MAX_PAIRS = 4_000_000
"""Maximum number of pairs of lines that are compared: hostile pages have lines on top of others."""
_MIN_WINDOW = 64
_MIN_EM_PX = 1.0
"""Minimum line height that is assumed, px."""
_MARKER = re.compile(
    r"[^\w\s+=<>/%$\u20ac\xa3&()\[\]{}|\"'.,;:!?\u2212\xd7\xf7\xb1~^]"
    r"|[(\[]?(?:\d{1,3}|[A-Za-z]|[ivxlcIVXLC]{1,5})[.)\]]{1,2}"
)
"""A bullet or number of an item, that stands apart from the item's text."""
_MAX_MARKER_CHARS = 7
_MARKER_EM = 3.0
"""Maximum white space between a marker and its item, in line heights."""
PIECE_EM = 0.15
"""Maximum white space between pieces of one line, in line heights."""
_MAX_PIECES = 4
"""Steps to the ends of a line: each doubles the number of pieces."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LEADER = re.compile(r"(?:[.\u2026\xb7]\s?){4,}")
_WORD = re.compile(r"[^\W\d_]{4}")
_WORDS = re.compile(r"(?:[^\W\d_].*?){4}", re.DOTALL)
"""A text with at least four letters; most have them in one word, which is faster to find."""


@dataclass(frozen=True, slots=True)
class PageLines:
    """The lines of a page, from top to bottom.

    Attributes:
        lines: The lines, as they were given, sorted by `middle`.
        x0: Left edges of the lines on the straightened page, px; so are the others.
        x1: Right edges.
        y0: Tops.
        y1: Bottoms.
        middle: Vertical centres.
        before: Index of the next line on the left on the same row, -1 for none.
        after: Index of the next line on the right, -1 for none.
        row: Lines with the same value are on one row.
        width: Width of each line, together with those on its row that are a word space apart.
        length: Number of characters of each text; full-width ones count twice.
        head: That of its first word.
        has_words: Whether it contains words, not only numbers and symbols.
        starts_lower: Whether it starts in lower case.
        has_lower: Whether it contains a lower-case letter.
        has_leader: Whether it holds the dots between an entry of contents and its page.
        marker: Index of the bullet or number in front of it, -1 for none. A line with a marker
            begins at the marker's left edge.
        em_px: The usual height of a line.
    """

    lines: list[Line]
    x0: Floats
    x1: Floats
    y0: Floats
    y1: Floats
    middle: Floats
    before: Indices
    after: Indices
    row: Indices
    width: Floats
    length: Indices
    head: Indices
    has_words: Flags
    starts_lower: Flags
    has_lower: Flags
    has_leader: Flags
    marker: Indices
    em_px: float

    @property
    def all(self) -> Indices:
        """The indices of all lines but the markers, which follow their items."""
        others = np.ones(len(self.lines), np.bool_)
        others[self.marker[self.marker >= 0]] = False
        return np.flatnonzero(others)


def page_lines(lines: Sequence[Line]) -> PageLines:
    """The lines of a page as arrays, independent of the given order."""
    lines = sorted(lines, key=_down)
    boxes = np.array([line.box for line in lines], np.float64).reshape(-1, 4)
    x0, y0 = np.minimum(boxes[:, :2], boxes[:, 2:]).T
    x1, y1 = np.maximum(boxes[:, :2], boxes[:, 2:]).T
    x0, y0, x1, y1 = straightened(x0, y0, x1, y1)
    order = np.argsort(y0 + y1, kind="stable")
    lines = [lines[i] for i in order.tolist()]
    x0, y0, x1, y1 = x0[order], y0[order], x1[order], y1[order]
    em_px = max(_MIN_EM_PX, middle_value(y1 - y0)) if lines else _MIN_EM_PX
    x1 = ended_at_gutters(x0, y0, x1, y1, em_px)
    before, after, row = _neighbours(x0, y0, x1, y1)
    texts = [line.text for line in lines]
    marker = _markers(texts, before, after, x0, x1, em_px)
    return PageLines(
        lines, x0, x1, y0, y1, (y0 + y1) / 2, before, after, row,
        _widths(before, after, x0, x1, PIECE_EM * em_px),
        np.array([_length(text) for text in texts], np.intp),
        np.array([_length(text.partition(" ")[0]) for text in texts], np.intp),
        np.array([_has_words(text) for text in texts], np.bool_),
        np.array([text[:1].islower() for text in texts], np.bool_),
        np.array([text != text.upper() for text in texts], np.bool_),
        np.array([_has_leader(text) for text in texts], np.bool_),
        marker, em_px,
    )  # fmt: skip


def middle_value(values: Floats | Indices) -> float:
    """The median of at least one number: on short arrays faster than NumPy's."""
    ordered = sorted(values.tolist())
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _down(line: Line) -> tuple[float, Box, str, float]:
    """Sorts lines from top to bottom, whatever their order was."""
    return line.box[1] + line.box[3], line.box, line.text, line.score


def _has_words(text: str) -> bool:
    return bool(_WORD.search(text) or _WORDS.search(text))


def _has_leader(text: str) -> bool:
    may_have = text.count(".") > 3 or not text.isascii()  # cheaper to tell than by the pattern
    return may_have and _LEADER.search(text) is not None


def _length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + sum(east_asian_width(char) in "WF" for char in _NOT_ASCII.findall(text))


def _markers(
    texts: Sequence[str], before: Indices, after: Indices, x0: Floats, x1: Floats, em_px: float
) -> Indices:
    """The marker of each item, -1 for none; items are widened by their markers (in place)."""
    marker = np.full(len(texts), -1, np.intp)
    for i, text in enumerate(texts):
        if len(text) > _MAX_MARKER_CHARS or not _MARKER.fullmatch(text):
            continue
        item = after[i]
        if item < 0 or before[item] != i or x0[item] - x1[i] > _MARKER_EM * em_px:
            continue
        if not _has_words(texts[item]):
            continue
        marker[item] = i
        x0[item] = x0[i]
        after[after == i] = item
        before[before == i] = before[i]
    return marker


def _neighbours(x0: Floats, y0: Floats, x1: Floats, y1: Floats) -> tuple[Indices, Indices, Indices]:
    """For each line the next one on the left and on the right, and the number of its row.

    A row goes from line to line, to the nearest on the right each time, so that the rows of a
    slightly skewed page stay whole.
    """
    nobody = np.full(len(x0), -1, np.intp)
    first, second = _overlapping(y0, y1)
    height = y1 - y0
    shared = np.minimum(y1[first], y1[second]) - np.maximum(y0[first], y0[second])
    share = shared / np.maximum(np.minimum(height[first], height[second]), 1e-9)
    level = share > _SHARED_HEIGHT
    first, second, share = first[level], second[level], share[level]
    swapped = x0[first] > x0[second]
    left, right = np.where(swapped, second, first), np.where(swapped, first, second)
    # The boxes of neighbouring words may overlap by the margin that a detector adds.
    apart = x1[left] <= x0[right] + height[right] / 2
    left, right, share = left[apart], right[apart], share[apart]
    before, after = nobody.copy(), nobody.copy()
    # Of several values assigned to one index the last counts.
    nearest = np.lexsort((share, x1[left]))
    before[right[nearest]] = left[nearest]
    nearest = np.lexsort((share, -x0[right]))
    after[left[nearest]] = right[nearest]
    return before, after, _rows(before, x0, y0)


def _widths(before: Indices, after: Indices, x0: Floats, x1: Floats, gap_px: float) -> Floats:
    """The width of each line with the pieces that continue it on both sides."""
    own = np.arange(len(before))
    near = (after >= 0) & (x0[after] - x1 <= gap_px) & (before[after] == own)
    if not near.any():
        return x1 - x0
    last = np.where(near, after, own)
    first = own.copy()
    first[after[near]] = own[near]
    for _ in range(_MAX_PIECES):
        first, last = first[first], last[last]
    return np.maximum(x1[last] - x0[first], x1 - x0)


def _overlapping(y0: Floats, y1: Floats) -> tuple[Indices, Indices]:
    """The pairs of lines of which one begins above the other's end."""
    order = np.argsort(y0, kind="stable")
    places = np.arange(len(order))
    counts = np.searchsorted(y0[order], y1[order]) - places - 1
    counts = np.clip(counts, 0, max(_MIN_WINDOW, _MAX_PAIRS // max(1, len(order))))
    first = np.repeat(places, counts)
    starts = np.cumsum(counts) - counts
    second = np.arange(len(first)) - np.repeat(starts, counts) + first + 1
    return order[first], order[second]


def _rows(before: Indices, x0: Floats, y0: Floats) -> Indices:
    """The number of each line's row: the index of its first line.

    A line continues in one other line only; the others that have it on their left, such as those
    beside a drop cap, begin rows of their own.
    """
    row = np.arange(len(before))
    linked = np.flatnonzero(before >= 0)
    linked = linked[np.lexsort((y0[linked], x0[linked]))[::-1]]
    heir = np.full(len(before), -1, np.intp)
    heir[before[linked]] = linked
    linked = heir[heir >= 0]
    row[linked] = before[linked]
    while True:
        onward = row[row]
        if (onward == row).all():
            return row
        row = onward
