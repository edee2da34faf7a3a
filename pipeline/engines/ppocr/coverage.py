"""How much of the detected lines was read, by their length and their characters. Pure.

The recogniser says nothing of letters that it does not have: a Russian line comes out as its full
stops, an Arabic one as nothing, with a high score. But a line's length says how many characters it
must have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

_MIN_ASPECT: Final = 3.0
"""Length of a line in heights: shorter ones are numbers and words, of any length."""
_MIN_EM: Final = 30.0
"""Length of all lines together in heights, from which a coverage means something: two lines."""
_MIN_UNREAD_EM: Final = 10.0
"""The same where nothing at all was read: half a line. In textless pictures the detector finds less
than four."""
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


def _width(char: str) -> float:
    if char.isspace():
        return _SPACE
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _NARROW
