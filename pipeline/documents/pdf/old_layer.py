"""Takes the invisible text of a page away: the layer of an earlier OCR that a new one replaces.

What is visible stays as it is drawn, images with their very bytes: MuPDF writes the page's content
anew without the strings in render mode 3. Runs in the worker process of
`pipeline.documents.sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pymupdf import mupdf

_INVISIBLE: Final = re.compile(rb"(?<![\d.])3\s+Tr\b")
_MAX_FORMS: Final = 100
"""Forms of a page, and forms in them, that are searched for invisible text."""


def remove(pdf: Any, number: int) -> None:
    """Remove the invisible text of a page; one without any is not touched.

    Args:
        pdf: The document.
        number: The page, from 0.

    Raises:
        mupdf.FzErrorBase: The page cannot be read or changed.
    """
    target = mupdf.pdf_lookup_page_obj(pdf, number)
    if not any(_INVISIBLE.search(each) for each in _contents(target)):
        return
    # Redaction deletes links and what other redactions mark: it must not see them.
    annotations = mupdf.pdf_dict_gets(target, "Annots")
    mupdf.pdf_dict_dels(target, "Annots")
    try:
        _redact(pdf, number)
    finally:
        mupdf.pdf_dict_dels(target, "Annots")
        if annotations.m_internal:
            mupdf.pdf_dict_puts(target, "Annots", annotations)


def _redact(pdf: Any, number: int) -> None:
    page = mupdf.pdf_load_page(pdf, number)
    mark = mupdf.pdf_create_annot(page, mupdf.PDF_ANNOT_REDACT)
    mupdf.pdf_set_annot_rect(mark, mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE))
    options = mupdf.PdfRedactOptions()
    options.black_boxes = 0
    options.image_method = mupdf.PDF_REDACT_IMAGE_NONE
    options.line_art = mupdf.PDF_REDACT_LINE_ART_NONE
    options.text = mupdf.PDF_REDACT_TEXT_REMOVE_INVISIBLE
    mupdf.pdf_redact_page(pdf, page, options)
    # Else the file would be written anew, as for secrets: here the text is only not to be found.
    pdf.m_internal.redacted = 0


def _contents(target: Any) -> Iterator[bytes]:
    """The content streams of a page and of its forms, decoded."""
    contents = mupdf.pdf_dict_gets(target, "Contents")
    if mupdf.pdf_is_array(contents):
        for index in range(mupdf.pdf_array_len(contents)):
            yield _decoded(mupdf.pdf_array_get(contents, index))
    elif contents.m_internal:
        yield _decoded(contents)
    inherited = mupdf.pdf_dict_get_inheritable(target, mupdf.PDF_ENUM_NAME_Resources)
    waiting = list(_forms(inherited))
    for _ in range(_MAX_FORMS):
        if not waiting:
            return
        form = waiting.pop()
        yield _decoded(form)
        waiting += _forms(mupdf.pdf_dict_gets(form, "Resources"))


def _forms(resources: Any) -> Iterator[Any]:
    listed = mupdf.pdf_dict_gets(resources, "XObject")
    for index in range(mupdf.pdf_dict_len(listed)):
        found = mupdf.pdf_dict_get_val(listed, index)
        if mupdf.pdf_to_name(mupdf.pdf_dict_gets(found, "Subtype")) == "Form":
            yield found


def _decoded(stream: Any) -> bytes:
    """The content of a stream, none of what is no stream: MuPDF draws such a page, too."""
    if not mupdf.pdf_is_stream(stream):
        return b""
    return bytes(mupdf.pdf_load_stream(stream).fz_buffer_extract())
