"""Writes a copy of a document as a PDF with invisible text.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence

from pipeline.config import RenderConfig
from pipeline.documents.images import as_pdf
from pipeline.documents.page_text import PageText
from pipeline.documents.pdf.searchable import SearchablePdf
from pipeline.documents.sandbox import input_file
from pipeline.documents.sandbox.searchable_client import SearchableCopy
from pipeline.errors import DocumentError, ErrorKind


def write(
    path: str,
    target: str,
    pages: Iterable[PageText],
    passwords: Sequence[str],
    render: RenderConfig,
    max_pages: int,
) -> SearchableCopy:
    """Write a copy of a PDF or an image file with the text of its pages.

    Args:
        path: The document.
        target: The path of the copy.
        pages: The text.
        passwords: For encrypted PDFs, tried in turn.
        render: The limit of pixels of images, and their resolution where the file states none.
        max_pages: Maximum pages that the document may have.

    Raises:
        DocumentError: UNREADABLE, PASSWORD or LIMIT.
        PageError: A page of an image file cannot be decoded.
        OSError: A file cannot be read or written.
        MemoryError: A library ran out of memory.
    """
    if not _is_image(path, target, render, max_pages):
        shutil.copyfile(path, target)
    copy = SearchablePdf(target, passwords, max_pages)
    try:
        if copy.refusal:
            return SearchableCopy(copy.refusal, ())
        return SearchableCopy("", copy.add(pages))
    finally:
        copy.close()


def _is_image(path: str, target: str, render: RenderConfig, max_pages: int) -> bool:
    """Whether a file is an image, which is then written as a PDF.

    A PDF whose beginning is damaged is none: MuPDF may repair it.
    """
    if input_file.is_pdf(path):
        return False
    try:
        as_pdf.write(path, target, render, max_pages)
    except DocumentError as error:
        if error.kind is not ErrorKind.UNREADABLE or not path.lower().endswith(".pdf"):
            raise
        return False
    return True
