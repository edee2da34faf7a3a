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

from pipeline.text.plausibility import plausibility
from pipeline.types import Box, Line

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
"""Length in heights of a single line that is surely text, ..."""
_SINGLE_HEIGHTS: Final = (0.9, 1.6)
"""... and its height, in median heights of the lines that were read: labels in figures are lower,
signatures higher. On a page where these are the lines that were not read ..."""
_MAX_SINGLE_READ: Final = 0.3
"""... no more than this share of one was read, ..."""
_GUESSED_SCORE: Final = 0.8
_SURE_SCORE: Final = 0.95
"""... or it is read with so much less confidence than the others ..."""
_MAX_GUESSED: Final = 0.7
"""... and is no words of a language: other letters that look like its own. No address, code or
dotted line is: ..."""
_MIN_PARTS: Final = 2
"""... so many of its parts between spaces have small letters."""
_MIN_READ_LINES: Final = 5
"""Lines that were read, for their height and score to mean something."""
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


def unread_lines(lines: Sequence[Line]) -> int:
    """The number of lines of text that were found and not read.

    Those are of the longest such paragraph. One line may be a signature or a rule; two below each
    other are text, and a page of which a tenth is in another script has as good a coverage as one
    that was read. Or else it is single lines, as high as those that were read, of which next to
    nothing was, or other letters.

    Args:
        lines: All that were found; text "" where nothing was read.
    """
    unread = sorted((line.box for line in lines if _is_unread(line)), key=lambda box: (box[1], box))
    counts: list[int] = []
    for i, box in enumerate(unread):
        above = (counts[k] for k in range(i) if _follows(unread[k], box))
        counts.append(1 + max(above, default=0))
    longest = max(counts, default=0)
    return longest if longest > 1 else _single_lines(lines)


def _single_lines(lines: Sequence[Line]) -> int:
    """The number of long lines, as high as those that were read, that were not."""
    read = [
        line
        for line in lines
        if _aspect(line.box) >= _MIN_ASPECT and _share_read(line) >= _LEAST_READ
    ]
    if len(read) < _MIN_READ_LINES:
        return 0
    low, high = (share * median(map(_height, read)) for share in _SINGLE_HEIGHTS)
    are_sure = median(line.score for line in read) >= _SURE_SCORE
    return sum(
        _aspect(line.box) >= _SINGLE_ASPECT
        and low <= _height(line) <= high
        and (_share_read(line) < _MAX_SINGLE_READ or (are_sure and _is_guessed(line)))
        for line in lines
    )


def _is_guessed(line: Line) -> bool:
    """Whether a line was read as letters that are no words."""
    if line.score >= _GUESSED_SCORE or plausibility(line.text) >= _MAX_GUESSED:
        return False
    parts = line.text.split()
    return sum(any(map(str.islower, part)) for part in parts) >= _MIN_PARTS


def _height(line: Line) -> float:
    return line.box[3] - line.box[1]


def _is_unread(line: Line) -> bool:
    return _aspect(line.box) >= _LONG_ASPECT and _share_read(line) < _LEAST_READ


def _aspect(box: Box) -> float:
    return (box[2] - box[0]) / max(box[3] - box[1], 1.0)


def _share_read(line: Line) -> float:
    """The share of a line's length that its characters account for."""
    return sum(map(_width, line.text)) / _aspect(line.box)


def _follows(above: Box, below: Box) -> bool:
    """Whether a line is the next one of a paragraph."""
    is_near = below[1] - above[3] < _MAX_GAP * (below[3] - below[1]) and below[1] > above[1]
    shared = min(above[2], below[2]) - max(above[0], below[0])
    return is_near and shared > _MIN_SHARED * min(above[2] - above[0], below[2] - below[0])


def _width(char: str) -> float:
    if char.isspace():
        return _SPACE
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _NARROW
