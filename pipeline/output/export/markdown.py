"""Markdown: front matter, an anchor for each page, figures as files.

What the blocks of a page become, beside their own text:

- An anchor ``page-N`` stands before each page, ``page-N-block-M`` before each figure.
- Headers and footers of the page are comments, ``<!-- header: ... -->``: they interrupt no text,
  and are kept.
- Footnotes follow the text of their page, below a comment ``<!-- footnotes -->``. Their marks stay
  as they are printed.
- A figure is an image, cut out of the original, in the folder ``NAME.figures`` beside the file. One
  that cannot be had is a quote that says why.
- Tables are what the engine gives: pipes, or HTML where it has spans.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.output.export.figures import PICTURES, Figure, Figures
from pipeline.output.export.source import DocumentSource, failure_message, provenance
from pipeline.text.structure.markdown import Kind
from pipeline.types import Block, PageResult, Status

_MARGINS: Final = (Kind.HEADER, Kind.FOOTER)


def write(source: DocumentSource) -> Iterator[str]:
    """Yield the front matter and each page. A page without text says why."""
    yield "\n".join(["---", *_front_matter(source.pages), "---"]) + "\n"
    for page in source.pages:
        yield "\n" + "\n\n".join(_page(page, source)) + "\n"


def _front_matter(pages: Sequence[PageResult]) -> list[str]:
    fields = provenance(pages)
    for status in (Status.FAILED, Status.TRUNCATED):
        if numbers := [page.ref.page for page in pages if page.recognition.status is status]:
            fields[f"{status}_pages"] = numbers
    # JSON is YAML: strings are quoted, whatever is in them.
    return [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]


def _page(page: PageResult, source: DocumentSource) -> Iterator[str]:
    yield f'<a id="page-{page.ref.page}"></a>'
    if message := failure_message(page):
        yield f"> Page {page.ref.page} was not read: {message}"
    elif has_text_in_blocks(page):
        yield from _blocks(page, source.figures(page), source)
    elif text := page.recognition.text.strip():
        # Anchors of blocks are unique in a page only.
        yield text.replace("](#block-", f"](#page-{page.ref.page}-block-")


def has_text_in_blocks(page: PageResult) -> bool:
    """Whether the blocks of a page have all of its text: a model's answer may have other text."""
    written = page.recognition.text.split()
    parts: list[str] = []
    for number, block in enumerate(page.recognition.blocks, 1):
        if block.kind in PICTURES:
            parts.append(reference(block, number))
        parts += block.text.split()
    return bool(parts) and parts == written


def reference(block: Block, number: int) -> str:
    """How the text of a page refers to a figure.

    Args:
        block: The figure.
        number: Its number on the page, from 1.
    """
    return f"![{block.kind}](#block-{number})"


def _blocks(page: PageResult, figures: Figures, source: DocumentSource) -> Iterator[str]:
    notes: list[str] = []
    for number, block in enumerate(page.recognition.blocks, 1):
        if block.kind in PICTURES:
            yield from _picture(page, number, figures.get(number), source)
        if block.kind in _MARGINS:
            yield _comment(f"{block.kind}: {block.text}")
        elif block.kind == Kind.FOOTNOTE:
            notes.append(block.text)
        elif block.text:
            yield block.text
    if notes:
        yield "\n\n".join([_comment("footnotes"), *notes])


def _picture(
    page: PageResult, number: int, figure: Figure | None, source: DocumentSource
) -> Iterator[str]:
    at = page.ref.page
    yield f'<a id="page-{at}-block-{number}"></a>'
    if figure is None:
        yield f"> Figure on page {at}: the engine gave no box, so it is not cut out"
    elif figure.missing:
        yield f"> Figure on page {at} is not here: {figure.missing}"
    else:
        yield f"![Figure on page {at}]({source.saved(figure)})"


def _comment(text: str) -> str:
    """A comment; dashes in a row would end it."""
    inside = " ".join(text.split())
    while "--" in inside:
        inside = inside.replace("--", "- -")
    return f"<!-- {inside.rstrip('-')} -->"
