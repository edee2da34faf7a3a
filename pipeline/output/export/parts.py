"""Divides the text of an element into parts of a limited number of tokens. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.output.export.elements import Element, Role
from pipeline.output.export.tables import Cells, size
from pipeline.output.export.tokens import Count

_BREAKS: Final = (
    re.compile(r"\n+"),
    re.compile(r"(?<=[.!?…])\s+|(?<=[\u3002\uff01\uff1f])"),
    re.compile(r"\s+"),
)
"""Where a text is divided, the best kind of place first."""
_MIDDLE: Final = 0.25
"""A place counts if it is in the inner half of the text: parts are of about one length."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The size of a chunk.

    Attributes:
        count: Counts tokens.
        max_tokens: Maximum tokens.
    """

    count: Count
    max_tokens: int

    def allows(self, text: str) -> bool:
        """Whether a text is short enough."""
        return self.count(text) <= self.max_tokens


def parts(element: Element, limit: Limit) -> Iterator[str]:
    """The text of an element in parts that the limit allows."""
    if limit.allows(element.text):
        yield element.text
    elif element.role is Role.TABLE and size(element.cells)[0] > 2:
        yield from _table_parts(element.cells, limit)
    else:
        yield from _text_parts(element.text, limit)


def _text_parts(text: str, limit: Limit) -> Iterator[str]:
    """Halves of a text, and halves of these, until they are short enough."""
    waiting = [text.strip()]
    while waiting:
        part = waiting.pop()
        if len(part) < 2 or limit.allows(part):
            if part:
                yield part
        else:
            at = _division(part)
            waiting += [part[at:].strip(), part[:at].strip()]


def _division(text: str) -> int:
    """Where to divide a text in two, near its middle."""
    middle, width = len(text) / 2, len(text) * _MIDDLE
    for pattern in _BREAKS:
        places = [match.end() for match in pattern.finditer(text)]
        inner = [place for place in places if abs(place - middle) <= width and text[:place].strip()]
        if inner:
            return min(inner, key=lambda place: abs(place - middle))
    return len(text) // 2


def _table_parts(cells: Cells, limit: Limit) -> Iterator[str]:
    """Rows of a table as pipes, below the head of the table."""
    head, *body = _rows(cells)
    begin = f"{head}\n|{' --- |' * size(cells)[1]}\n"
    if not limit.allows(begin + body[0]):  # no room for the head before each part
        begin, body = "", [head, *body]
    rows: list[str] = []
    for row in body:
        if rows and not limit.allows(begin + "\n".join([*rows, row])):
            yield begin + "\n".join(rows)
            rows = []
        if limit.allows(begin + row):
            rows.append(row)
        else:
            yield from _text_parts(row, limit)
    if rows:
        yield begin + "\n".join(rows)


def _rows(cells: Cells) -> Sequence[str]:
    """The rows as pipes; a cell stands in the first of the places that it spans."""
    rows: list[list[str]] = [[] for _ in range(size(cells)[0])]
    for cell in cells:
        row = rows[cell.row]
        row += [""] * (cell.column - len(row))
        row.append(" ".join(cell.text.split()).replace("|", r"\|"))
    return [f"| {' | '.join(row)} |" for row in rows]
