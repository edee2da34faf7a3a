"""Text for XML 1.0, which lacks some characters. Pure."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import quoteattr

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT: Final = "\ufffd"


def allowed(text: str) -> str:
    """The text with U+FFFD for what XML cannot hold: control characters and lone surrogates."""
    return _FORBIDDEN.sub(_REPLACEMENT, text)


def attribute(text: str) -> str:
    """The text as a quoted attribute value."""
    return quoteattr(allowed(text))
