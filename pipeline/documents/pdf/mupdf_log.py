"""MuPDF's collected warnings. Running out of memory is one of them, not an exception."""

from __future__ import annotations

import re
from typing import Final

import pymupdf

_OUT_OF_MEMORY: Final = re.compile(r"[mc]alloc|not enough memory|out of memory", re.IGNORECASE)

# They are collected page by page; printing them to stderr would report them twice.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


def take() -> tuple[str, ...]:
    """MuPDF's warnings since the last call."""
    return tuple(pymupdf.TOOLS.mupdf_warnings(reset=True).splitlines())


def check_memory(*messages: str) -> None:
    """Raise where a warning is about memory: MuPDF goes on, and the page would be incomplete.

    Raises:
        MemoryError: A message is about memory.
    """
    if any(map(_OUT_OF_MEMORY.search, messages)):
        raise MemoryError


def message(error: Exception) -> str:
    """MuPDF's message without its number ("code=7: no objects found")."""
    return str(error).partition(": ")[2] or str(error)
