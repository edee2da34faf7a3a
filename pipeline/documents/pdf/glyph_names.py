"""What the names of glyphs say."""

from __future__ import annotations

from typing import Final

from pymupdf import mupdf

UNKNOWN: Final = 0xFFFD


def code_point(name: str) -> int:
    """The character that a glyph's name says, `UNKNOWN` where it says none.

    Args:
        name: As MuPDF gives it. Names in a file may be any bytes: those that are no UTF-8 are
            surrogates here, which MuPDF does not take back.
    """
    return int(mupdf.ll_fz_unicode_from_glyph_name(name)) if name.isascii() else UNKNOWN
