"""The formats of an export: each turns the pages of a document into the text of one file. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline.types import PageResult, Status

Write = Callable[[Sequence[PageResult]], str]

_PAGE_BREAK: Final = "\f"
"""Between the pages of a text file, as pdftotext does."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes:
        suffix: What is appended to the document's name.
        write: Gives the file's content for the pages of a document, in order.
        summary: What it is, in one line.
    """

    suffix: str
    write: Write
    summary: str


def markdown(pages: Sequence[PageResult]) -> str:
    """Markdown with YAML front matter, and an anchor ``page-N`` before each page.

    A page without text says why: the document has all of its pages.
    """
    front = "\n".join(["---", *_front_matter(pages), "---"])
    return "\n\n".join([front, *(_markdown_page(page) for page in pages)]) + "\n"


def text(pages: Sequence[PageResult]) -> str:
    """The text of all pages, with a form feed after each, as pdftotext writes it."""
    return "".join(page.recognition.text.rstrip("\n") + "\n" + _PAGE_BREAK for page in pages)


def jsonl(pages: Sequence[PageResult]) -> str:
    """One JSON object a page and line: what the service answers of a page, and where it is from."""
    return "".join(json.dumps(_record(page), ensure_ascii=False) + "\n" for page in pages)


def dolma(pages: Sequence[PageResult]) -> str:
    """One JSON object in Dolma's form, with the spans of the pages.

    `attributes.pdf_page_numbers` has for each page [first character, end, page number], as olmOCR
    writes them.
    """
    parts: list[str] = []
    spans: list[list[int]] = []
    at = 0
    for page in pages:
        part = page.recognition.text
        if parts:
            part = "\n" + part
        parts.append(part)
        spans.append([at, at + len(part), page.ref.page])
        at += len(part)
    first = pages[0]
    record = {
        "id": first.ref.doc_id or first.ids.page_id,
        "text": "".join(parts),
        "source": "rayscribe",
        "metadata": {
            "Source-File": first.ref.uri,
            "pdf-total-pages": first.ref.page_count,
            "recipe_hash": first.ids.recipe_hash,
        },
        "attributes": {"pdf_page_numbers": spans},
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


FORMATS: Final[Mapping[str, Format]] = {
    "markdown": Format(".md", markdown, "Markdown with front matter and an anchor for each page"),
    "text": Format(".txt", text, "plain text, a form feed after each page"),
    "jsonl": Format(".jsonl", jsonl, "one JSON object a page: text, blocks with boxes, status"),
    "dolma": Format(".dolma.jsonl", dolma, "one JSON object a document, with page spans"),
}


def _front_matter(pages: Sequence[PageResult]) -> list[str]:
    first = pages[0]
    fields: dict[str, Any] = {
        "source": first.ref.uri,
        "sha256": first.ref.doc_id,
        "page_count": first.ref.page_count,
        "engine": _some(page.engine for page in pages),
        "model": _some(page.model for page in pages),
        "recipe_hash": _some(page.ids.recipe_hash for page in pages),
    }
    without = [page.ref.page for page in pages if page.recognition.status is Status.FAILED]
    if without:
        fields["failed_pages"] = without
    # JSON is YAML: strings are quoted, whatever is in them.
    return [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]


def _some(values: Any) -> str:
    """The value that all pages have; several, separated by commas, where they differ."""
    return ", ".join(sorted({value for value in values if value}))


def _markdown_page(page: PageResult) -> str:
    anchor = f'<a id="page-{page.ref.page}"></a>'
    recognition = page.recognition
    if recognition.failure:
        said = " ".join(recognition.failure.message.split())
        return f"{anchor}\n\n> Page {page.ref.page} was not read: {said}"
    # Block anchors of pictures are unique in a page only.
    body = recognition.text.replace("](#block-", f"](#page-{page.ref.page}-block-").strip()
    return f"{anchor}\n\n{body}".rstrip()


def _record(page: PageResult) -> dict[str, Any]:
    ref, recognition = page.ref, page.recognition
    failure = recognition.failure
    return {
        "uri": ref.uri,
        "doc_id": ref.doc_id,
        "page": ref.page,
        "page_count": ref.page_count,
        "page_id": page.ids.page_id,
        "status": recognition.status,
        "source": page.source,
        "text": recognition.text,
        "blocks": [asdict(block) for block in recognition.blocks],
        "width_px": page.width_px,
        "height_px": page.height_px,
        "width_pt": ref.width_pt,
        "height_pt": ref.height_pt,
        "turned_deg": page.turned_deg,
        "error": {"kind": failure.kind, "message": failure.message} if failure else None,
        "warnings": list(page.warnings),
        "engine": page.engine,
        "model": page.model,
    }
