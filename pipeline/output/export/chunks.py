"""Chunks for retrieval: one JSON object a chunk and line.

A chunk is text below one heading: it never reaches across a heading, and goes on over pages. It has
at most `chunks.max_tokens` tokens: a longer paragraph, list or table is divided, between rows and
sentences where there are any, and the head of a table stands before each part. Headers and footers
of pages are left out; footnotes, captions and the text of figures are in. A heading without text
below is a chunk that has the heading as its text. Pure, but for the tokenizer's file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.output.export.elements import Element, Role, elements
from pipeline.output.export.geometry import box_pt
from pipeline.output.export.parts import Limit, parts
from pipeline.output.export.source import DocumentSource
from pipeline.output.export.tokens import counter
from pipeline.types import PageResult

_LEFT_OUT: Final = (Role.HEADER, Role.FOOTER)
_BETWEEN: Final = "\n\n"
_Place = tuple[PageResult, Element]


def write(source: DocumentSource) -> Iterator[str]:
    """Yield a line for each chunk.

    Raises:
        ConfigError: The tokenizer cannot be loaded.
    """
    config = source.options.chunks
    limit = Limit(counter(config.tokenizer), config.max_tokens)
    for number, chunk in enumerate(_chunks(source, limit), 1):
        record = _record(source, number, chunk, config.tokenizer)
        record["tokens"] = limit.count(chunk.text)
        yield json.dumps(record, ensure_ascii=False) + "\n"


@dataclass(slots=True)
class _Chunk:
    """Text below one heading, and where it stands."""

    headings: tuple[str, ...]
    text: str = ""
    places: list[_Place] = field(default_factory=list)

    def add(self, text: str, place: _Place) -> None:
        self.text = f"{self.text}{_BETWEEN}{text}" if self.text else text
        if place not in self.places[-1:]:
            self.places.append(place)


@dataclass(slots=True)
class _Heading:
    """A heading that chunks are below.

    Attributes:
        has_text: Whether any text is below it.
    """

    level: int
    text: str
    place: _Place
    has_text: bool = False


def _chunks(source: DocumentSource, limit: Limit) -> Iterator[_Chunk]:
    path: list[_Heading] = []
    chunk = _Chunk(())
    for page in source.pages:
        for element in elements(page):
            if element.role is Role.HEADING:
                yield from _filled(chunk)
                yield from _leave(path, element.level, limit)
                path.append(_Heading(element.level, element.text, (page, element)))
                chunk = _Chunk(_texts(path))
            elif element.text and element.role not in _LEFT_OUT:
                for heading in path:
                    heading.has_text = True
                for text in parts(element, limit):
                    if chunk.text and not limit.allows(f"{chunk.text}{_BETWEEN}{text}"):
                        yield chunk
                        chunk = _Chunk(chunk.headings)
                    chunk.add(text, (page, element))
    yield from _filled(chunk)
    yield from _leave(path, 0, limit)


def _filled(chunk: _Chunk) -> Iterator[_Chunk]:
    if chunk.text:
        yield chunk


def _leave(path: list[_Heading], level: int, limit: Limit) -> Iterator[_Chunk]:
    """Take the headings of a level and below from the path; yield the one without any text."""
    while path and path[-1].level >= level:
        heading = path.pop()
        if not heading.has_text:
            for text in parts(heading.place[1], limit):
                yield _Chunk(_texts(path), text, [heading.place])
            for outer in path:
                outer.has_text = True


def _texts(path: list[_Heading]) -> tuple[str, ...]:
    return tuple(heading.text for heading in path)


def _record(source: DocumentSource, number: int, chunk: _Chunk, tokenizer: str) -> dict[str, Any]:
    ref = source.pages[0].ref
    return {
        "id": f"{ref.doc_id[:16] or source.pages[0].ids.page_id[:16]}-{number}",
        "uri": ref.uri,
        "doc_id": ref.doc_id,
        "chunk": number,
        "headings": list(chunk.headings),
        "text": chunk.text,
        "pages": list(dict.fromkeys(page.ref.page for page, _ in chunk.places)),
        "boxes": list(_boxes(chunk.places)),
        "tokenizer": tokenizer,
    }


def _boxes(places: list[_Place]) -> Iterator[dict[str, Any]]:
    """Each box once, in pixels of the page's image and in points; origin top left."""
    seen = set()
    for page, element in places:
        key = page.ref.page, element.box
        if element.box is None or key in seen:
            continue
        seen.add(key)
        points = [round(value, 2) for value in box_pt(page, element.box)]
        known = points if page.ref.width_pt and page.width_px else None
        yield {"page": page.ref.page, "box_px": list(element.box), "box_pt": known}
