"""Which caption belongs to which figure or table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.output.export.elements import Element, Role


def captioned(parts: Sequence[Element]) -> Iterator[tuple[Element, Element | None]]:
    """Yield the elements of a page, figures and tables with their caption.

    The caption after a figure belongs to it, and so does the one before a table. Any other caption
    is an element of its own.
    """
    at = 0
    while at < len(parts):
        part, after = parts[at], parts[at + 1] if at + 1 < len(parts) else None
        at += 1
        if part.role is Role.FIGURE and after is not None and after.role is Role.CAPTION:
            at += 1
            yield part, after
        elif part.role is Role.CAPTION and after is not None and after.role is Role.TABLE:
            at += 1
            yield after, part
        else:
            yield part, None
