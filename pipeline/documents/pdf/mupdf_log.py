"""What MuPDF complains about: it collects warnings, and leaves out what it has no memory for."""

from __future__ import annotations

import re
from typing import Final

import pymupdf

_OUT_OF_MEMORY: Final = re.compile(r"[mc]alloc|not enough memory|out of memory", re.IGNORECASE)

# They are asked for page by page; printed, they would be said twice.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


def take() -> tuple[str, ...]:
    """What MuPDF complained about since the last call."""
    return tuple(pymupdf.TOOLS.mupdf_warnings(reset=True).splitlines())


def check_memory(*messages: str) -> None:
    """Look for complaints about memory: MuPDF goes on, and the page would look whole.

    Raises:
        MemoryError: There is one.
    """
    if any(map(_OUT_OF_MEMORY.search, messages)):
        raise MemoryError


def say(error: Exception) -> str:
    """MuPDF's message without its number ("code=7: no objects found")."""
    return str(error).partition(": ")[2] or str(error)
