"""Full-width forms in Latin text: at low resolution the recogniser reads "#" as U+FF03. Pure."""

from __future__ import annotations

import re
from typing import Final

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width forms of ASCII, and what they are forms of."""
_WIDE: Final = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fff\u3001-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc]"
)
"""Chinese, Japanese and Korean letters and marks, among which full-width forms belong."""


def half_width(text: str) -> str:
    """A line with ASCII for its full-width forms, unless it has Chinese, Japanese or Korean."""
    if text.isascii() or _WIDE.search(text):
        return text
    return text.translate(_FULL_WIDTH)
