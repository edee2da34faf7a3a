"""Opens the documents of an output again, in the sandbox, to see what its rows were read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from pipeline.config import ExportOptions
from pipeline.documents import page_text
from pipeline.documents.attachment_files import extractor
from pipeline.documents.page_text import PageText
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox.searchable_client import SearchableClient
from pipeline.errors import DocumentError, ErrorKind, RecordedError, RefusedError
from pipeline.storage.document_cache import DocumentCache, containing_pdf
from pipeline.types import PageImage, PageRef

CHANGED: Final = "it changed since it was read"


class Originals:
    """The documents of an output, by the identity that its rows have.

    The bytes of a document are compared with its `doc_id` once, before its first page is drawn.

    Args:
        options: The stores, the limits and the passwords.

    Raises:
        ConfigError: A file with passwords cannot be read.
    """

    def __init__(self, options: ExportOptions) -> None:
        self._options = options
        self._passwords = Passwords.read(options)
        self._client = SearchableClient(options.read, options.render, options.input)
        self._cache = DocumentCache(
            options.store,
            options.input,
            options.store.cache_mib,
            extractor(self._client, self._passwords),
        )
        self._checked: tuple[str, str] | None = None
        self._error: RecordedError | None = None

    def another(self) -> Originals:
        """The same documents, opened in a process of its own, for another thread."""
        return Originals(self._options)

    def page(self, ref: PageRef) -> PageImage:
        """Draw a page, as displayed, at `render.dpi`.

        Raises:
            RecordedError: The document is gone or another one, cannot be opened or fetched, or the
                page cannot be drawn.
            JobError: The sandbox's process does not start.
        """
        outer = containing_pdf(ref.uri)
        passwords = self._passwords.of(ref.uri, outer)
        self._check(ref, outer, passwords)
        path = self._cache.path(ref.uri, ref.doc_id, outer)
        return self._client.render(path, ref.page, passwords)

    @contextmanager
    def searchable(self, ref: PageRef, pages: Iterable[PageText]) -> Iterator[Path]:
        """A copy of a document as a PDF with invisible text, which is deleted at the end.

        Args:
            ref: One of its pages.
            pages: The text of its pages.

        Raises:
            RecordedError: The document is gone or another one, or cannot be opened, fetched or
                copied.
            RefusedError: It must not be changed.
            JobError: The sandbox's process does not start.
        """
        outer = containing_pdf(ref.uri)
        passwords = self._passwords.of(ref.uri, outer)
        self._check(ref, outer, passwords)
        with TemporaryDirectory(prefix="rayscribe-searchable-") as folder:
            text, target = Path(folder, "text.jsonl"), Path(folder, "copy.pdf")
            page_text.write(text, pages)
            path = self._cache.path(ref.uri, ref.doc_id, outer)
            copy = self._client.add_text(path, str(text), str(target), passwords)
            if copy.refusal:
                raise RefusedError(copy.refusal)
            yield target

    def _check(self, ref: PageRef, outer: str, passwords: tuple[str, ...]) -> None:
        """Compare the bytes of a document, unless they are those of the last call."""
        if self._checked != (ref.uri, ref.doc_id):
            self._checked, self._error = (ref.uri, ref.doc_id), None
            try:
                path = self._cache.path(ref.uri, ref.doc_id, outer)
                if self._client.inspect(path, passwords).doc_id != ref.doc_id:
                    raise DocumentError(ErrorKind.FETCH, CHANGED)
            except RecordedError as error:
                self._error = error
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the sandbox's process and delete what was fetched."""
        self._client.close()
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
