"""How much of the detected lines was read, by their length and their characters. Pure.

The recogniser says nothing of letters that it does not have: a Russian line comes out as its full
stops, an Arabic one as nothing, with a high score. But a line's length says how many characters it
must have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

from pipeline.types import Box

_MIN_ASPECT: Final = 3.0
"""Length of a line in heights: shorter ones are numbers and words, of any length."""
_MIN_EM: Final = 30.0
"""Length of all lines together in heights, from which a coverage means something: two lines."""
_MIN_UNREAD_EM: Final = 10.0
"""The same where nothing at all was read: half a line. In textless pictures the detector finds less
than four."""
_LONG_ASPECT: Final = 8.0
"""Length in heights of a line that says by itself whether it was read: two words ..."""
_LEAST_READ: Final = 0.7
"""... by the share of it that its characters account for. On 20 pages in scripts that PP-OCR reads
no line has less."""
_MAX_GAP: Final = 1.5
"""White space to the next line of a paragraph, in heights."""
_MIN_SHARED: Final = 0.5
"""Share of the shorter line that is below or above the other one of a paragraph."""
_SINGLE_ASPECT: Final = 10.0
"""Length in heights of a single line that is surely text ..."""
_MAX_SINGLE_READ: Final = 0.3
"""... of which no more than this share was read ..."""
_SINGLE_HEIGHTS: Final = (0.7, 1.6)
"""... and which is as high as the lines that were read: in shares of their median height."""
_MIN_READ_LINES: Final = 5
"""Lines that were read, for their height to mean something."""
_WIDE, _NARROW, _SPACE = 1.0, 0.5, 0.3
"""Width of characters, in heights of the detector's box."""


def coverage(lines: Iterable[tuple[str, float]]) -> float | None:
    """The share of the lines' length that their characters account for, 0 to 1.

    Args:
        lines: What was read in each line, "" for nothing; and its length by its height.

    Returns:
        The share; None where the lines are too few or too short.
    """
    length = read = 0.0
    for text, aspect in lines:
        if aspect >= _MIN_ASPECT:
            length += aspect
            read += min(aspect, sum(map(_width, text)))
    return read / length if length >= (_MIN_EM if read else _MIN_UNREAD_EM) else None


def unread_lines(lines: Sequence[tuple[str, Box]]) -> int:
    """The number of lines of text that were found and not read.

    Those are of the longest such paragraph. One line may be a signature or a rule; two below each
    other are text, and a page of which a tenth is in another script has as good a coverage as one
    that was read. Or else it is single lines, as high as those that were read, of which next to
    nothing was.

    Args:
        lines: What was read in each line, "" for nothing; and its box.
    """
    unread = sorted(
        (box for text, box in lines if _is_unread(text, box)), key=lambda box: (box[1], box)
    )
    counts: list[int] = []
    for i, box in enumerate(unread):
        above = (counts[k] for k in range(i) if _follows(unread[k], box))
        counts.append(1 + max(above, default=0))
    longest = max(counts, default=0)
    return longest if longest > 1 else _single_lines(lines)


def _single_lines(lines: Sequence[tuple[str, Box]]) -> int:
    """The number of long lines, as high as those that were read, of which hardly anything was."""
    heights = [
        box[3] - box[1]
        for text, box in lines
        if _aspect(box) >= _MIN_ASPECT and _share_read(text, box) >= _LEAST_READ
    ]
    if len(heights) < _MIN_READ_LINES:
        return 0
    low, high = (share * median(heights) for share in _SINGLE_HEIGHTS)
    return sum(
        low <= box[3] - box[1] <= high
        and _aspect(box) >= _SINGLE_ASPECT
        and _share_read(text, box) < _MAX_SINGLE_READ
        for text, box in lines
    )


def _is_unread(text: str, box: Box) -> bool:
    return _aspect(box) >= _LONG_ASPECT and _share_read(text, box) < _LEAST_READ


def _aspect(box: Box) -> float:
    return (box[2] - box[0]) / max(box[3] - box[1], 1.0)


def _share_read(text: str, box: Box) -> float:
    """The share of a line's length that its characters account for."""
    return sum(map(_width, text)) / _aspect(box)


def _follows(above: Box, below: Box) -> bool:
    """Whether a line is the next one of a paragraph."""
    is_near = below[1] - above[3] < _MAX_GAP * (below[3] - below[1]) and below[1] > above[1]
    shared = min(above[2], below[2]) - max(above[0], below[0])
    return is_near and shared > _MIN_SHARED * min(above[2] - above[0], below[2] - below[0])


def _width(char: str) -> float:
    if char.isspace():
        return _SPACE
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _NARROW
