"""A client of the sandbox that also writes searchable copies of documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.documents.sandbox.client import SandboxClient
from pipeline.documents.sandbox.protocol import bounded
from pipeline.errors import DocumentError


@dataclass(frozen=True, slots=True)
class SearchableCopy:
    """What became of a copy.

    Attributes:
        refusal: Why the document must not be changed, "" where there is a copy.
        warnings: What is wrong with it.
    """

    refusal: str
    warnings: tuple[str, ...]


class SearchableClient(SandboxClient):
    """A `SandboxClient` for exports, which the job and the service do without."""

    _worker_module = "pipeline.documents.sandbox.searchable_worker"

    def add_text(
        self, path: str, text: str, target: str, password: str | Sequence[str] = ""
    ) -> SearchableCopy:
        """Write a copy of a document as a PDF with invisible text.

        The limits of time and CPU hold for the whole document: it takes about 2 ms a page.

        Args:
            path: The document.
            text: A file of `pipeline.documents.page_text`.
            target: The path of the copy, which is created or overwritten. After an error or a
                refusal it may hold part of the bytes.
            password: For encrypted PDFs, or several that are tried in turn.

        Raises:
            DocumentError: As `inspect`; UNREADABLE for a document that cannot be written, RENDER or
                LIMIT for an image that cannot be decoded, FETCH where the target cannot be written.
            JobError: The worker process does not start.
            RuntimeError: The client is closed.
        """
        with self._lock, self._raising(DocumentError):
            _, reply = self._request("add_text", path, password, text=text, target=target)
            return SearchableCopy(str(reply["refusal"]), bounded(reply["warnings"]))
