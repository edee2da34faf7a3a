"""Writes files embedded in PDFs out, for the cache of documents."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.storage.document_cache import ExtractAttachment

OnWarnings = Callable[[tuple[str, ...]], object]
"""Takes the reader's warnings from writing an attachment out."""


def extractor(
    reader: SandboxClient, passwords: Passwords, on_warnings: OnWarnings | None = None
) -> ExtractAttachment:
    """The function that `DocumentCache` writes attachments out with.

    Args:
        reader: Opens their PDFs.
        passwords: Of those PDFs.
        on_warnings: Called after each attachment, with the reader's warnings.
    """

    def extract(path: str, outer: str, name: str, target: str) -> str:
        doc_id, warnings = reader.extract(path, name, target, passwords.of(outer))
        if on_warnings is not None:
            on_warnings(warnings)
        return doc_id

    return extract
