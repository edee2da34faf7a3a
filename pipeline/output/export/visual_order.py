"""Text in the order in which it is seen, as PDFs hold it. Pure.

Readers of PDFs put the letters of right-to-left scripts back into logical order; of text that is
not in visual order they would reverse the words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from pipeline.errors import ConfigError
from pipeline.output.export.page_lines import is_right_to_left

_STAND_INS: Final = range(0x2400, 0x2420)
"""Neutral characters, as brackets are, that no mirror changes."""


def visual_order(text: str) -> str:
    """The characters of a line from left to right.

    Brackets stay as they are: readers reorder them, and do not mirror them back.

    Raises:
        ConfigError: The text is of a right-to-left script, and python-bidi is not installed.
    """
    if not any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text):
        return text
    try:
        from bidi import get_display
    except ImportError as error:
        raise ConfigError(
            "right-to-left text of a searchable PDF needs python-bidi (the extra `export`)"
        ) from error
    brackets = sorted({char for char in text if unicodedata.mirrored(char)})
    shown = [chr(code) for code in _STAND_INS][: len(brackets)]
    base = "R" if is_right_to_left(text) else "L"
    seen = get_display(_replaced(text, brackets, shown), base_dir=base)
    return _replaced(str(seen), shown, brackets)


def _replaced(text: str, old: Sequence[str], new: Sequence[str]) -> str:
    # Some line with more kinds of brackets than there are stand-ins keeps those.
    return text.translate({ord(a): b for a, b in zip(old, new, strict=False)})
