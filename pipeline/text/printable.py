"""Text that a terminal only shows. Pure."""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the direction of what follows, and halves of surrogates."""


def printable(text: str) -> str:
    """The text with ``?`` for signs that are no signs, such as those that move a cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def printable_lines(text: str) -> str:
    r"""A text of several lines in which what a terminal would obey is an escape, such as ``\x1b``.

    Line ends, tabs and joiners stay: unlike `printable` it is for texts that are read.
    """
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
