"""Text that a terminal only shows. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with ``?`` for signs that are no signs, such as those that move a cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
