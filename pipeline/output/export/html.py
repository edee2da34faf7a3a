"""One HTML file a document, which needs no other: figures are in it, nothing of a page runs.

A page is a section ``page-N``, a figure has the anchor ``page-N-block-M``. Headers and footers of a
page are small and grey, its footnotes stand at its end. All text is escaped; a policy in the file
forbids scripts and every outside resource.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from pipeline.output.export.captions import captioned
from pipeline.output.export.elements import Element, Item, Role, elements
from pipeline.output.export.figures import Figure, Figures
from pipeline.output.export.inline import Inline
from pipeline.output.export.source import DocumentSource, failure_message, provenance
from pipeline.output.export.style import STYLE
from pipeline.output.export.tables import Cell, Cells, size
from pipeline.types import PageResult

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_LABELS: Final = {
    "source": "Source",
    "sha256": "SHA-256",
    "page_count": "Pages",
    "engine": "Engine",
    "model": "Model",
    "recipe_hash": "Recipe",
}


def write(source: DocumentSource) -> Iterator[str]:
    """Yield the head of the document, each page, and the end."""
    yield from _head(source.pages)
    for page in source.pages:
        number = page.ref.page
        yield f'<section id="page-{number}" class="page" aria-label="Page {number}">\n'
        yield f'<p class="number"><a href="#page-{number}">Page {number}</a></p>\n'
        yield from _page(page, source)
        yield "</section>\n"
    yield "</main>\n</body>\n</html>\n"


def _head(pages: Sequence[PageResult]) -> Iterator[str]:
    name = escape(pages[0].ref.uri.rpartition("/")[2] or pages[0].ref.uri)
    yield '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    yield f'<header>\n<p class="name">{name}</p>\n<details>\n<summary>About</summary>\n<dl>\n'
    for key, value in provenance(pages).items():
        yield f"<dt>{_LABELS[key]}</dt><dd>{escape(str(value))}</dd>\n"
    yield "</dl>\n</details>\n"
    yield from _links(pages)
    yield "</header>\n<main>\n"


def _links(pages: Sequence[PageResult]) -> Iterator[str]:
    if len(pages) > 1:
        numbers = [page.ref.page for page in pages]
        links = "\n".join(f'<a href="#page-{number}">{number}</a>' for number in numbers)
        yield f"<details>\n<summary>{len(pages)} pages</summary>\n"
        yield f"<nav>\n{links}\n</nav>\n</details>\n"


def _page(page: PageResult, source: DocumentSource) -> Iterator[str]:
    if message := failure_message(page):
        yield f'<p class="missing">Page {page.ref.page} was not read: {escape(message)}</p>\n'
        return
    parts = elements(page)
    figures = source.figures(page)
    writer = _PageWriter(page, figures)
    yield from writer.body([part for part in parts if part.role is not Role.FOOTNOTE])
    notes = [part for part in parts if part.role is Role.FOOTNOTE]
    if notes:
        yield '<aside class="notes" aria-label="Footnotes">\n'
        for note in notes:
            yield f'<p dir="auto">{writer.inline(note.text)}</p>\n'
        yield "</aside>\n"


class _PageWriter:
    """Writes the elements of a page."""

    def __init__(self, page: PageResult, figures: Figures) -> None:
        # An engine with lines writes no Markdown inside of a block: its stars are stars.
        self.inline = Inline(is_markdown=page.recognition.raw is not None)
        self._number, self._figures = page.ref.page, figures

    def body(self, parts: Sequence[Element]) -> Iterator[str]:
        """Yield the elements of the page."""
        for part, caption in captioned(parts):
            text = caption.text if caption else ""
            if part.role is Role.FIGURE:
                yield from self._figure(part, text)
            elif part.role is Role.TABLE:
                yield from self._table(part.cells, text)
            else:
                yield from self._element(part)

    def _element(self, part: Element) -> Iterator[str]:
        if part.role is Role.LIST:
            yield from self._list(part.items)
        elif part.role is Role.HEADING:
            yield f'<h{part.level} dir="auto">{self.inline(part.text)}</h{part.level}>\n'
        elif part.role is Role.EQUATION:
            yield f'<pre class="equation">{escape(part.text)}</pre>\n'
        elif part.role is Role.PARAGRAPH:
            yield f'<p dir="auto">{self.inline(part.text)}</p>\n'
        else:
            yield f'<p class="{part.role}" dir="auto">{self.inline(part.text)}</p>\n'

    def _list(self, items: Sequence[Item]) -> Iterator[str]:
        yield '<ul dir="auto">\n'
        for item in items:
            if item.marker:  # as printed: a list of HTML would count on its own
                marker = f'<span class="marker">{escape(item.marker)}</span> '
                yield f'<li class="numbered">{marker}{self.inline(item.text)}</li>\n'
            else:
                yield f"<li>{self.inline(item.text)}</li>\n"
        yield "</ul>\n"

    def _table(self, cells: Cells, caption: str) -> Iterator[str]:
        yield '<figure class="table">\n'
        if caption:
            yield f'<figcaption dir="auto">{self.inline(caption)}</figcaption>\n'
        yield '<div><table dir="auto">\n'
        rows = [""] * size(cells)[0]
        for cell in cells:
            rows[cell.row] += self._cell(cell)
        yield "".join(f"<tr>{row}</tr>\n" for row in rows)
        yield "</table></div>\n</figure>\n"

    def _cell(self, cell: Cell) -> str:
        tag = "th" if cell.is_head else "td"
        spans = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
        spans += f' colspan="{cell.columns}"' if cell.columns > 1 else ""
        text = "<br>\n".join(map(self.inline, cell.text.split("\n")))
        return f"<{tag}{spans}>{text}</{tag}>"

    def _figure(self, part: Element, caption: str) -> Iterator[str]:
        yield f'<figure id="page-{self._number}-block-{part.block}">\n'
        yield self._picture(self._figures.get(part.block))
        if caption:
            yield f'<figcaption dir="auto">{self.inline(caption)}</figcaption>\n'
        if part.text:
            yield "<details><summary>Text in the figure</summary>"
            yield f'<p dir="auto">{self.inline(part.text)}</p></details>\n'
        yield "</figure>\n"

    def _picture(self, figure: Figure | None) -> str:
        if figure is None:
            return '<p class="missing">A figure without a box: it is not cut out</p>\n'
        if figure.missing:
            return f'<p class="missing">A figure, not here: {escape(figure.missing)}</p>\n'
        content = base64.b64encode(figure.png).decode("ascii")
        alt = f"Figure on page {figure.page}"
        return f'<img src="data:image/png;base64,{content}" alt="{alt}">\n'
