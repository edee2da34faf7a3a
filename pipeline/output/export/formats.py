"""The formats of an export: one module for each, and the table of them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import ConfigError
from pipeline.output.export import (
    alto,
    chunks,
    docling,
    dolma,
    hocr,
    html,
    jsonl,
    markdown,
    searchable_pdf,
    text,
)
from pipeline.output.export.source import Write


@dataclass(frozen=True, slots=True)
class Format:
    """A format with one file for each document.

    Attributes:
        suffix: What is appended to the document's name.
        write: Yields the parts of the file.
        summary: What it is, in one line.
        sections: The settings that change what is written.
        has_files_beside: Whether it writes figures as files of their own.
    """

    suffix: str
    write: Write
    summary: str
    sections: tuple[str, ...] = ()
    has_files_beside: bool = False


FORMATS: Final[Mapping[str, Format]] = {
    "markdown": Format(
        ".md",
        markdown.write,
        "Markdown with front matter, an anchor for each page, and figures beside it",
        ("figures", "render"),
        has_files_beside=True,
    ),
    "html": Format(
        ".html",
        html.write,
        "one HTML file that needs no other, figures in it",
        ("figures", "render"),
    ),
    "text": Format(".txt", text.write, "plain text, a form feed after each page"),
    "jsonl": Format(
        ".jsonl", jsonl.write, "one JSON object a page: text, blocks with boxes, status"
    ),
    "searchable-pdf": Format(
        ".searchable.pdf",
        searchable_pdf.write,
        "the original as a PDF whose recognised text is found and selected",
        ("render", "searchable"),
    ),
    "hocr": Format(".hocr", hocr.write, "hOCR: blocks, lines and words with boxes, as HTML"),
    "alto": Format(".alto.xml", alto.write, "ALTO 4: blocks, lines and words with boxes, as XML"),
    "chunks": Format(
        ".chunks.jsonl",
        chunks.write,
        "chunks for retrieval: headings, text, pages, boxes, tokens",
        ("chunks",),
    ),
    "docling": Format(
        ".docling.json", docling.write, "a DoclingDocument: structure, cells, boxes in points"
    ),
    "dolma": Format(".dolma.jsonl", dolma.write, "one JSON object a document, with page spans"),
}


DATASET: Final = "dataset"
"""The format with files for all documents together (`pipeline.output.export.dataset`)."""


def summaries() -> dict[str, str]:
    """What each format is, in one line."""
    known = {name: each.summary for name, each in FORMATS.items()}
    return known | {DATASET: "Parquet with images of pages and text, for load_dataset"}


def check_names(names: Iterable[str]) -> None:
    """Check names of formats.

    Raises:
        ConfigError: There is no such format.
    """
    for name in names:
        if name not in summaries():
            raise ConfigError(f"unknown format {name!r}; choose from {', '.join(summaries())}")
