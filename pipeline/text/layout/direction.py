"""Whether the lines of a page are read from right to left, and boxes as in a mirror. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeline.types import Box, Line

_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""The blocks with all letters of these scripts: most texts have none of their characters."""


def is_right_to_left(lines: Sequence[Line]) -> bool:
    """Whether most letters are of a right-to-left script.

    The text of each line is in logical order already; only the order of lines side by side, and of
    columns, has to be mirrored.
    """
    return is_right_to_left_text(line.text for line in lines)


def is_right_to_left_text(texts: Iterable[str]) -> bool:
    """Whether most letters of some texts are of a right-to-left script."""
    every = list(texts)
    if not _RIGHT_TO_LEFT.search("".join([text for text in every if not text.isascii()])):
        return False
    ways: Counter[str] = Counter()
    for char, count in Counter("".join(every)).items():
        ways[unicodedata.bidirectional(char)] += count
    return ways["R"] + ways["AL"] > ways["L"]


def mirrored(box: Box, width_px: int) -> Box:
    """The box in the mirror image of the page."""
    return width_px - box[2], box[1], width_px - box[0], box[3]
