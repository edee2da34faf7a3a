"""The text of a page as headings, paragraphs, lists, tables and figures. Pure and total.

The blocks of all engines have a kind and text in Markdown. What stands here is the same for them
all, without the marks of Markdown around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.output.export.figures import PICTURES
from pipeline.output.export.markdown import has_text_in_blocks
from pipeline.output.export.tables import Cells, html_cells, pipe_cells
from pipeline.text.structure.markdown import Kind
from pipeline.types import Block, Box, PageResult


class Role(StrEnum):
    """What an element is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"
    FIGURE = "figure"
    CAPTION = "caption"
    EQUATION = "equation"
    HEADER = "header"
    FOOTER = "footer"
    FOOTNOTE = "footnote"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list.

    Attributes:
        marker: Its number as printed, such as "3." or "b)"; "" for a bullet.
        text: The rest.
    """

    marker: str
    text: str


@dataclass(frozen=True, slots=True)
class Element:
    """A part of a page.

    Attributes:
        role: What it is.
        text: Its text; that of a table or list as Markdown.
        block: Number of its block on the page, from 1; 0 where it is of none.
        box: The box of its block, in pixels of the page.
        level: Of a heading, 1 to 6.
        items: Of a list.
        cells: Of a table.
    """

    role: Role
    text: str
    block: int = 0
    box: Box | None = None
    level: int = 0
    items: tuple[Item, ...] = ()
    cells: Cells = ()


_ROLES: Final[Mapping[str, Role]] = {
    Kind.HEADER: Role.HEADER,
    Kind.FOOTER: Role.FOOTER,
    Kind.FOOTNOTE: Role.FOOTNOTE,
    Kind.IMAGE_CAPTION: Role.CAPTION,
    Kind.TABLE_CAPTION: Role.CAPTION,
}
"""Kinds whose text has no other structure."""
_LEVELS: Final[Mapping[str, int]] = {Kind.TITLE: 1, Kind.SUB_TITLE: 2}
_HEADING: Final = re.compile(r"(#{1,6})[ \t]+(.*)")
_TABLE_TAG: Final = re.compile(r"<(/?)table\b[^<>]*>", re.IGNORECASE)
_ITEM: Final = re.compile(r"\s*(?:[-*+]|(\(?(?:\d{1,3}|[A-Za-z])[.)]))\s+(.*)")
_BLANK: Final = re.compile(r"\n[ \t]*\n\s*")
_REFERENCE: Final = re.compile(r"!\[\w*\]\(#block-(\d{1,6})\)")


def elements(page: PageResult) -> list[Element]:
    """The elements of a page, in reading order."""
    blocks = page.recognition.blocks
    if has_text_in_blocks(page):
        numbered = enumerate(blocks, 1)
        return [part for number, block in numbered for part in of_block(block, number)]
    # What a model wrote outside of its regions: the text has all of it.
    return list(_of_text(page.recognition.text, page))


def _of_text(text: str, page: PageResult) -> Iterator[Element]:
    """The elements of a text in Markdown that may refer to figures of the page."""
    at = 0
    for match in _REFERENCE.finditer(text):
        yield from _parts(text[at : match.start()], "")
        number, at = int(match[1]), match.end()
        known = page.recognition.blocks[number - 1 : number] if number else ()
        yield Element(Role.FIGURE, "", number, known[0].box if known else None)
    yield from _parts(text[at:], "")


def of_block(block: Block, number: int) -> Iterator[Element]:
    """The elements of a block, which has this number on its page."""
    if block.kind in PICTURES:
        yield Element(Role.FIGURE, block.text.strip(), number, block.box)
    elif role := _ROLES.get(block.kind):
        if block.text.strip():
            yield Element(role, block.text.strip(), number, block.box)
    else:
        yield from _parts(block.text, block.kind, number, block.box)


def _parts(text: str, kind: str, block: int = 0, box: Box | None = None) -> Iterator[Element]:
    """The elements of a text in Markdown: tables of HTML, and what blank lines divide."""
    at = 0
    for start, end in _tables(text):
        yield from _paragraphs(text[at:start], kind, block, box)
        yield Element(Role.TABLE, text[start:end], block, box, cells=html_cells(text[start:end]))
        at = end
    yield from _paragraphs(text[at:], kind, block, box)


def _tables(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each outer table of HTML; one without an end reaches to the end."""
    depth = start = 0
    for tag in _TABLE_TAG.finditer(text):
        if not tag[1]:
            start = start if depth else tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                yield start, tag.end()
    if depth:
        yield start, len(text)


def _paragraphs(text: str, kind: str, block: int, box: Box | None) -> Iterator[Element]:
    for part in _BLANK.split(text):
        for element in _of_lines(part.strip("\n").split("\n"), kind):
            if element.text:
                yield Element(
                    element.role,
                    element.text,
                    block,
                    box,
                    element.level,
                    element.items,
                    element.cells,
                )


def _of_lines(lines: list[str], kind: str) -> Iterator[Element]:
    """The elements of lines without a blank one between them."""
    text = "\n".join(lines).strip()
    heading = _HEADING.fullmatch(lines[0].strip())
    if level := _LEVELS.get(kind):  # all of it is a heading, on however many lines
        level, text = (len(heading[1]), text.lstrip("#")) if heading else (level, text)
        yield Element(Role.HEADING, " ".join(text.split()), level=level)
    elif heading:
        yield Element(Role.HEADING, heading[2].strip(), level=len(heading[1]))
        if lines[1:]:
            yield from _of_lines(lines[1:], kind)
    elif cells := pipe_cells(lines):
        yield Element(Role.TABLE, text, cells=cells)
    elif kind == Kind.EQUATION or (text.startswith("$$") and text.endswith("$$")):
        yield Element(Role.EQUATION, text.strip("$").strip())
    elif (items := _items(lines)) and (kind == Kind.LIST or len(items) == len(lines) > 1):
        yield Element(Role.LIST, text, items=items)
    else:
        yield Element(Role.PARAGRAPH, text)


def _items(lines: list[str]) -> tuple[Item, ...]:
    """The items of a list; none where the first line is none. Other lines continue an item."""
    found: list[Item] = []
    for line in lines:
        match = _ITEM.fullmatch(line)
        if match:
            found.append(Item(match[1] or "", match[2].strip()))
        elif found:
            found[-1] = Item(found[-1].marker, f"{found[-1].text} {line.strip()}".strip())
        else:
            return ()
    return tuple(found)
