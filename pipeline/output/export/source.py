"""What a format writes a document from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import ExportOptions
from pipeline.documents.page_text import PageText
from pipeline.errors import DocumentError, ErrorKind
from pipeline.output.export.figures import Figure, Figures
from pipeline.types import PageResult


def no_figures(result: PageResult) -> Figures:
    """For formats and tests without originals: a page has no figures."""
    return {}


def nowhere(figure: Figure) -> str:
    """For formats and tests without files beside the document: a figure has no place."""
    return ""


def no_copy(pages: Iterable[PageText]) -> AbstractContextManager[Path]:
    """For tests without originals.

    Raises:
        DocumentError: Always.
    """
    raise DocumentError(ErrorKind.NOT_FOUND, "there is no original")


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """A document of an output.

    Attributes:
        pages: Its pages, in order; at least one.
        options: The settings of the export.
        figures: Cuts the figures out of a page, which is drawn for it.
        saved: Writes a figure beside the document's file, and returns its relative URL.
        searchable: A copy of the original as a PDF with invisible text, as long as it is open.
    """

    pages: Sequence[PageResult]
    options: ExportOptions
    figures: Callable[[PageResult], Figures] = no_figures
    saved: Callable[[Figure], str] = nowhere
    searchable: Callable[[Iterable[PageText]], AbstractContextManager[Path]] = no_copy


Write = Callable[[DocumentSource], Iterator[str] | Iterator[bytes]]
"""Yields the parts of a document's file."""


def common(values: Iterable[str]) -> str:
    """The value that all pages have; several, separated by commas, where they differ."""
    return ", ".join(sorted({value for value in values if value}))


def provenance(pages: Sequence[PageResult]) -> dict[str, Any]:
    """Where a document is from and how it was read."""
    first = pages[0]
    return {
        "source": first.ref.uri,
        "sha256": first.ref.doc_id,
        "page_count": first.ref.page_count,
        "engine": common(page.engine for page in pages),
        "model": common(page.model for page in pages),
        "recipe_hash": common(page.ids.recipe_hash for page in pages),
    }


def failure_message(page: PageResult) -> str:
    """Why a page has no text, in one line; "" where it has some."""
    failure = page.recognition.failure
    return " ".join(failure.message.split()) if failure else ""
