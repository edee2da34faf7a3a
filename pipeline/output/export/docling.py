"""A DoclingDocument as JSON, for Docling's own tools (docling-project.github.io/docling). Pure.

What the elements of a page become:

- A heading of level 1 is a `title`, one of level N a `section_header` of level N - 1.
- Paragraphs are `text`, equations `formula`, notes `footnote`; lists are groups of `list_item`.
- Tables are tables with cells and spans, figures pictures without an image; a caption is that of
  its figure or table.
- Headers and footers of the page are `page_header` and `page_footer` in the layer `furniture`.

`prov` has the page and the box of the block in PDF points with the origin bottom left, as Docling
writes it; where a page's size in points is not known, its pixels are taken for points. An element
without a box has that of its page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from pipeline.output.export.captions import captioned
from pipeline.output.export.elements import Element, Item, Role, elements
from pipeline.output.export.geometry import box_pt, page_size_pt
from pipeline.output.export.source import DocumentSource
from pipeline.output.export.tables import Cell, size
from pipeline.types import PageRef, PageResult

VERSION: Final = "1.3.0"
"""The version of the schema: newer programs read it too."""

_LABELS: Final = {
    Role.PARAGRAPH: "text",
    Role.EQUATION: "formula",
    Role.CAPTION: "caption",
    Role.HEADER: "page_header",
    Role.FOOTER: "page_footer",
    Role.FOOTNOTE: "footnote",
}
_FURNITURE: Final = (Role.HEADER, Role.FOOTER)
_BODY: Final = "#/body"
_MEDIA_TYPES: Final = (
    *("application/pdf", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/tiff"),
    "image/x-portable-anymap",
)
"""Docling refuses a document of a media type that the Python of its reader does not know; without
a system's own list Python 3.11 knows neither JPEG 2000 nor WebP."""
_ANY_BYTES: Final = "application/octet-stream"
_Json = dict[str, Any]


def write(source: DocumentSource) -> Iterator[str]:
    """Yield the document."""
    document = _Document()
    for page in source.pages:
        if page.ref.page:
            document.add_page(page)
    yield json.dumps(document.to_json(source.pages[0].ref), ensure_ascii=False) + "\n"


class _Document:
    """The items of a document, which refer to each other by place."""

    def __init__(self) -> None:
        self._items: dict[str, list[_Json]] = {
            name: [] for name in ("groups", "texts", "pictures", "tables")
        }
        self._pages: dict[str, _Json] = {}
        self._children: list[_Json] = []

    def to_json(self, ref: PageRef) -> _Json:
        """The whole document."""
        name = ref.uri.rpartition("/")[2] or ref.uri
        return {
            "schema_name": "DoclingDocument",
            "version": VERSION,
            "name": name.rpartition(".")[0] or name,
            "origin": _origin(ref, name),
            "furniture": _root("furniture", []),
            "body": _root("body", self._children),
            **self._items,
            "key_value_items": [],
            "form_items": [],
            "pages": self._pages,
        }

    def add_page(self, page: PageResult) -> None:
        """Add a page and what is on it."""
        width, height = page_size_pt(page)
        number = page.ref.page
        self._pages[str(number)] = {"size": {"width": width, "height": height}, "page_no": number}
        for part, caption in captioned(elements(page)):
            if part.role is Role.LIST:
                self._add_list(page, part)
            elif part.role in (Role.FIGURE, Role.TABLE):
                self._add_float(page, part, caption)
            else:
                self._add_text(page, part)

    def _add(self, kind: str, item: _Json, parent: str = _BODY) -> str:
        place = f"#/{kind}/{len(self._items[kind])}"
        self._items[kind].append(
            {"self_ref": place, "parent": {"$ref": parent}, "children": []}
            | {"content_layer": "body"}
            | item
        )
        if parent == _BODY:
            self._children.append({"$ref": place})
        else:
            _, kind, number = parent.split("/")
            self._items[kind][int(number)]["children"].append({"$ref": place})
        return place

    def _add_text(self, page: PageResult, part: Element, parent: str = _BODY) -> str:
        item = _text(page, part, part.text)
        if part.role is Role.HEADING:
            item |= _heading(part.level)
        else:
            item["label"] = _LABELS[part.role]
        if part.role in _FURNITURE:
            item["content_layer"] = "furniture"
        return self._add("texts", item, parent)

    def _add_list(self, page: PageResult, part: Element) -> None:
        group = self._add("groups", {"name": "list", "label": "list"})
        for each in part.items:
            self._add("texts", _text(page, part, each.text) | _item(each), group)

    def _add_float(self, page: PageResult, part: Element, caption: Element | None) -> None:
        item: _Json = {"label": "picture", "prov": _prov(page, part, "")}
        item |= {"captions": [], "references": [], "footnotes": []}
        if part.role is Role.TABLE:
            item |= {"label": "table", "data": _table(part)}
        place = self._add("tables" if part.role is Role.TABLE else "pictures", item)
        if caption is not None:
            item = self._items[place.split("/")[1]][-1]
            item["captions"].append({"$ref": self._add_text(page, caption, place)})
        if part.role is Role.FIGURE and part.text:  # what is written in the figure
            label = {"label": "text"}
            self._add("texts", _text(page, part, part.text) | label, place)


def _root(name: str, children: list[_Json]) -> _Json:
    return {
        "self_ref": f"#/{name}",
        "children": children,
        "content_layer": name,
        "name": "_root_",
        "label": "unspecified",
    }


def _origin(ref: PageRef, name: str) -> _Json:
    return {
        "mimetype": ref.media_type if ref.media_type in _MEDIA_TYPES else _ANY_BYTES,
        "binary_hash": int(ref.doc_id[-16:] or "0", 16),  # Docling keeps 64 bits of the SHA-256
        "filename": name,
    }


def _text(page: PageResult, part: Element, text: str) -> _Json:
    return {"prov": _prov(page, part, text), "orig": text, "text": text}


def _heading(level: int) -> _Json:
    if level == 1:
        return {"label": "title"}
    return {"label": "section_header", "level": level - 1}


def _item(item: Item) -> _Json:
    marker = item.marker or "-"
    return {"label": "list_item", "enumerated": bool(item.marker), "marker": marker}


def _prov(page: PageResult, part: Element, text: str) -> list[_Json]:
    width, height = page_size_pt(page)
    x0, y0, x1, y1 = box_pt(page, part.box) if part.box else (0.0, 0.0, width, height)
    # Lines of text layers may reach over the edge of the page, which Docling does not allow.
    x0, x1 = min(max(x0, 0.0), width), min(max(x1, 0.0), width)
    y0, y1 = min(max(y0, 0.0), height), min(max(y1, 0.0), height)
    box = {"l": x0, "t": height - y0, "r": x1, "b": height - y1, "coord_origin": "BOTTOMLEFT"}
    return [{"page_no": page.ref.page, "bbox": box, "charspan": [0, len(text)]}]


def _table(part: Element) -> _Json:
    rows, columns = size(part.cells)
    cells = [_cell(cell) for cell in part.cells]
    return {"table_cells": cells, "num_rows": rows, "num_cols": columns}


def _cell(cell: Cell) -> _Json:
    return {
        "row_span": cell.rows,
        "col_span": cell.columns,
        "start_row_offset_idx": cell.row,
        "end_row_offset_idx": cell.row + cell.rows,
        "start_col_offset_idx": cell.column,
        "end_col_offset_idx": cell.column + cell.columns,
        "text": cell.text,
        "column_header": cell.is_head,
        "row_header": False,
        "row_section": False,
    }
