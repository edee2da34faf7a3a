"""Adds invisible text to the pages of a PDF, whose own bytes stay as they are.

Runs in the worker process of `pipeline.documents.sandbox`. The copy that is changed grows by an
incremental update: the original is an exact prefix of it, even where a page's old invisible text
is taken out: the page then has other content. MuPDF cannot do that with a file that it
had to repair; then the file is written anew, with the streams of the original as they were.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.page_text import PageText
from pipeline.documents.pdf import mupdf_log, old_layer
from pipeline.documents.pdf.added_text import AddedText
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import DocumentError, ErrorKind

_OWNER: Final = 4
"""The bit with which MuPDF says that a password is the owner's."""
_MAX_FIELDS: Final = 10_000
"""Fields of a form that are searched for signatures; a form with more counts as signed."""


class SearchablePdf(PdfFile):
    """A copy of a PDF that gets invisible text.

    Attributes:
        refusal: Why it must not be changed, "" where it may.

    Args:
        path: The copy, which is changed.
        password: Or several, that are tried in turn.
        max_pages: Maximum pages that it may declare.

    Raises:
        DocumentError: As `PdfFile`.
        MemoryError: MuPDF ran out of memory.
    """

    def __init__(self, path: str, password: str | Sequence[str], max_pages: int) -> None:
        super().__init__(path, password, max_pages)
        self._path = path
        self._passwords = [password] if isinstance(password, str) else password
        with _errors("read"):
            self._root = mupdf.pdf_dict_gets(mupdf.pdf_trailer(self._pdf), "Root")
            marked = mupdf.pdf_dict_getp(self._root, "MarkInfo/Marked")
            self._is_tagged = bool(mupdf.pdf_to_bool(marked))
            self.refusal = self._refusal()

    def _refusal(self) -> str:
        if not self._may_be_changed():
            return "encrypted, and its permissions forbid changes; give the owner's password"
        form = mupdf.pdf_dict_gets(self._root, "AcroForm")
        is_certified = mupdf.pdf_dict_getp(self._root, "Perms/DocMDP").m_internal
        if is_certified or _is_signed(mupdf.pdf_dict_gets(form, "Fields")):
            return "signed: a change would invalidate the signature"
        return ""

    def _may_be_changed(self) -> bool:
        """Whether it is not encrypted, or its permissions or the owner's password allow changes."""
        if mupdf.pdf_document_permissions(self._pdf) & mupdf.PDF_PERM_MODIFY:
            return True
        return any(
            mupdf.pdf_authenticate_password(self._pdf, password) & _OWNER
            for password in self._passwords
        )

    def add(self, pages: Iterable[PageText]) -> tuple[str, ...]:
        """Add the text of pages and save the file.

        Returns:
            MuPDF's warnings, and which pages could not be changed.

        Raises:
            DocumentError: UNREADABLE, the file cannot be changed or written.
            MemoryError: MuPDF ran out of memory.
        """
        with _errors("changed"):
            text = AddedText(self._pdf, self._is_tagged)
            lost = [page.page for page in pages if not self._is_added(page, text)]
            text.finish()
            self._save()
        warnings = mupdf_log.take()
        mupdf_log.check_memory(*warnings)
        return (*(f"page {number} cannot be changed" for number in lost), *warnings)

    def _is_added(self, page: PageText, text: AddedText) -> bool:
        """Whether a page is there and has its text now."""
        if not 1 <= page.page <= self._page_count:
            return False
        try:
            if page.replaces_layer:
                old_layer.remove(self._pdf, page.page - 1)
            text.add(mupdf.pdf_lookup_page_obj(self._pdf, page.page - 1), page)
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return False
        return True

    def _save(self) -> None:
        options = mupdf.PdfWriteOptions()
        options.do_encrypt = mupdf.PDF_ENCRYPT_KEEP
        if mupdf.pdf_can_be_saved_incrementally(self._pdf):
            options.do_incremental = 1
            mupdf.pdf_save_document(self._pdf, self._path, options)
            return
        whole = self._path + ".whole"  # MuPDF still reads from the other
        mupdf.pdf_save_document(self._pdf, whole, options)
        os.replace(whole, self._path)


def _is_signed(fields: Any) -> bool:
    """Whether a form has a field with a signature; one that is to be signed yet does not count."""
    todo = [(fields, False)]
    for _ in range(_MAX_FIELDS):
        if not todo:
            return False
        listed, is_signature = todo.pop()
        for index in range(mupdf.pdf_array_len(listed)):
            field = mupdf.pdf_array_get(listed, index)
            kind = mupdf.pdf_to_name(mupdf.pdf_dict_gets(field, "FT"))
            is_one = kind == "Sig" or (is_signature and not kind)
            if is_one and mupdf.pdf_dict_gets(field, "V").m_internal:
                return True
            if mupdf.pdf_dict_gets(field, "Kids").m_internal:
                todo.append((mupdf.pdf_dict_gets(field, "Kids"), is_one))
    return True


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Translate MuPDF's errors; its warnings so far are forgotten."""
    mupdf_log.take()
    try:
        yield
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        message = f"MuPDF: it cannot be {doing}: {mupdf_log.message(error)}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None
