"""Translates MuPDF's errors while a page or an embedded file is read into ours.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymupdf import mupdf

from pipeline.documents.pdf import mupdf_log
from pipeline.errors import DocumentError, ErrorKind, PageError


@contextmanager
def page_errors(doing: str) -> Iterator[None]:
    """Clear MuPDF's warnings, and translate its errors into PageError."""
    mupdf_log.take()
    try:
        yield
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        raise PageError(
            ErrorKind.RENDER, f"MuPDF cannot {doing} it: {mupdf_log.message(error)}"
        ) from None


@contextmanager
def attachment_errors(doing: str) -> Iterator[None]:
    """Clear MuPDF's warnings, and translate its errors into DocumentError."""
    mupdf_log.take()
    try:
        yield
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        message = f"the PDF's attachments cannot be {doing}: {mupdf_log.message(error)}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None
