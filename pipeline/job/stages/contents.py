"""What a document contains: its pages, and the documents that are embedded in it.

An attachment is a document of its own with rows of its own: an error in it has no effect on the
rows of its PDF. Attachments of attachments are not followed: hostile files nest them without end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from pipeline.config import OcrOptions
from pipeline.documents.attachment_files import extractor
from pipeline.documents.attachments import SelectedAttachments, select
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import DocumentError, ErrorKind, RecordedError
from pipeline.job.stages.plan import Planner
from pipeline.job.stages.records import PlannedPage
from pipeline.storage import uris
from pipeline.storage.document_cache import DocumentCache, containing_pdf
from pipeline.types import Document

_PDF: Final = "application/pdf"


class Contents:
    """Lists the pages of documents, and of their attachments where they are wanted.

    Args:
        options: The limits, the passwords, and whether attachments are wanted.
        planner: Decides the route of each page.
        reader: Opens the documents, with the limits of `options`; who gives one closes it. None: a
            new one.
    """

    def __init__(
        self, options: OcrOptions, planner: Planner, reader: SandboxClient | None = None
    ) -> None:
        self._reader = reader or SandboxClient(options.read, options.render, options.input)
        self._owns_reader = reader is None
        self._passwords = Passwords.read(options)
        # A remote PDF is kept while its attachments are looked at; others are opened once.
        cache_mib = options.store.cache_mib if options.attachments else 0
        extract = extractor(self._reader, self._passwords, self._set_warnings)
        self._documents = DocumentCache(options.store, options.input, cache_mib, extract)
        self._planner, self._input = planner, options.input
        self._wants_attachments = options.attachments
        self._extract_warnings: tuple[str, ...] = ()

    def pages(self, document: Document) -> list[PlannedPage]:
        """Every page of a document, then those of its attachments, one after the other.

        An error of a document becomes a row; it is never raised.
        """
        document = replace(document, outer=containing_pdf(document.uri))
        pages = self._own_pages(document)
        if not self._wants_attachments or not _may_have_attachments(pages):
            return pages
        try:
            names = self._names(document)
        except RecordedError as error:
            return [*pages, self._unnamed(document, error)]
        found = select(names, self._input.suffixes, self._input.max_attachments)
        pages = _with_warning(pages, _left_out_line(found.left_out), found.left_out.total())
        for name in found.names:
            pages += self._attached(Document(uris.join_member(document.uri, name), 0, document.uri))
        return pages + self._over_limit(document, found)

    def close(self) -> None:
        """End the reader and delete what was fetched."""
        if self._owns_reader:
            self._reader.close()
        self._documents.close()

    def _own_pages(self, document: Document) -> list[PlannedPage]:
        self._extract_warnings = ()
        try:
            path = self._documents.path(document.uri, outer=document.outer)
            passwords = self._passwords.of(document.uri, document.outer)
            inspection = self._reader.inspect(path, passwords)
            document = replace(document, size_bytes=inspection.size_bytes)
            sizes = [(float(width), float(height)) for width, height in inspection.pages]
            warnings = (*self._extract_warnings, *inspection.warnings)
            return list(
                self._planner.readable(
                    document, inspection.doc_id, inspection.media_type, sizes, warnings
                )
            )
        except RecordedError as error:
            return [self._planner.unreadable(document, error)]
        except Exception as error:
            internal = DocumentError(ErrorKind.INTERNAL, repr(error))
            return [self._planner.unreadable(document, internal)]

    def _attached(self, document: Document) -> list[PlannedPage]:
        """The pages of an attachment, with a warning where it has attachments itself."""
        pages = self._own_pages(document)
        if not _may_have_attachments(pages):
            return pages
        try:
            nested = len(self._names(document))
        except RecordedError:  # they would not be followed anyway
            return pages
        files = "1 file" if nested == 1 else f"{nested} files"
        line = f"{files} embedded in this attachment: not followed, not recognised"
        return _with_warning(pages, line if nested else "", nested)

    def _names(self, document: Document) -> tuple[str, ...]:
        path = self._documents.path(document.uri, outer=document.outer)
        return self._reader.attachments(path, self._passwords.of(document.uri, document.outer))

    def _over_limit(self, document: Document, found: SelectedAttachments) -> list[PlannedPage]:
        """A row for the attachments beyond the limit, if there are any."""
        if not found.over:
            return []
        limit = f"input.max_attachments ({self._input.max_attachments})"
        message = f"{found.over} more embedded documents than {limit}: not recognised"
        return [self._unnamed(document, DocumentError(ErrorKind.LIMIT, message))]

    def _unnamed(self, document: Document, error: RecordedError) -> PlannedPage:
        """The row of attachments whose names are not known; its URI is ``mail.pdf!/``."""
        place = uris.join_member(document.uri, "")
        return self._planner.unreadable(Document(place, 0, document.uri), error)

    def _set_warnings(self, warnings: tuple[str, ...]) -> None:
        self._extract_warnings = warnings


def _may_have_attachments(pages: list[PlannedPage]) -> bool:
    """Whether the document is a PDF that opens; it may be one without pages."""
    failure = pages[0].failure
    has_no_pages = failure is not None and failure.kind is ErrorKind.NO_PAGES
    return has_no_pages or pages[0].ref.media_type == _PDF


def _with_warning(pages: list[PlannedPage], line: str, left_out: int) -> list[PlannedPage]:
    """The pages of a document with a warning and a count on the first of them."""
    warnings = (*pages[0].warnings, line) if line else pages[0].warnings
    return [replace(pages[0], warnings=warnings, attachments_left_out=left_out), *pages[1:]]


def _left_out_line(left_out: Counter[str]) -> str:
    if not left_out:
        return ""
    endings = ", ".join(f"{count} {ending}" for ending, count in sorted(left_out.items()))
    return f"embedded files not recognised for their ending: {endings}"
