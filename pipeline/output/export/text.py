"""Plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.output.export.source import DocumentSource

_PAGE_BREAK: Final = "\f"
"""After each page, as pdftotext writes it."""


def write(source: DocumentSource) -> Iterator[str]:
    """Yield the text of each page, with a form feed after it."""
    for page in source.pages:
        text = page.recognition.text.replace(_PAGE_BREAK, "\n")
        yield text.rstrip("\n") + "\n" + _PAGE_BREAK
