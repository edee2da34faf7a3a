"""Adds objects to a PDF, written as PDF writes them.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from pymupdf import mupdf

_COMPRESSED: Final = 1


class PdfObjects:
    """The objects of a PDF.

    Attributes:
        pdf: MuPDF's document.
    """

    def __init__(self, pdf: Any) -> None:
        self.pdf = pdf

    def add(self, form: bytes, *values: bytes | int | float) -> Any:
        """Add an object, and return a reference to it.

        Args:
            form: The object, with the places of values as `%` takes them.
            values: Those values.
        """
        return mupdf.pdf_add_object(self.pdf, self.parsed(form, *values))

    def add_stream(self, data: bytes, entries: bytes = b"") -> Any:
        """Compress and add a stream, and return a reference to it."""
        return self.add_encoded(zlib.compress(data), b"/Filter/FlateDecode" + entries)

    def add_encoded(self, data: bytes, entries: bytes) -> Any:
        """Add a stream of encoded data, whose filter is in the entries of its dictionary."""
        buffer = mupdf.fz_new_buffer_from_copied_data(data)
        described = self.parsed(b"<<%s>>", entries)
        return mupdf.pdf_add_stream(self.pdf, buffer, described, _COMPRESSED)

    def parsed(self, form: bytes, *values: bytes | int | float) -> Any:
        """An object that is not added. It is no reference: MuPDF would read its first number."""
        buffer = mupdf.fz_new_buffer_from_copied_data(form % values)
        lexer = mupdf.PdfLexbuf(mupdf.PDF_LEXBUF_SMALL)
        return mupdf.pdf_parse_stm_obj(self.pdf, mupdf.fz_open_buffer(buffer), lexer)


def reference(added: Any) -> bytes:
    """A reference to an added object, to be written in another one."""
    return b"%d 0 R" % mupdf.pdf_to_num(added)
