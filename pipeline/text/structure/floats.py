"""Keeps the places of tables and figures while the rest of a page is put in order. Pure and total.

Each stands in the page as lines of running text as wide as its box: so it ends a column or divides
it as the lines around it do, and its place in the reading order is that of these lines. A figure
that has text on it cannot: it follows the last block above its middle in its column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pipeline.text.layout.rows import Row
from pipeline.text.structure.places import center_y
from pipeline.text.structure.regions import Float
from pipeline.types import Block, Box, Line

_PITCH_EM: Final = 1.2
"""Distance of these lines, in line heights."""
_MAX_LINES: Final = 200
_CHAR_EM: Final = 0.5
_SHARED: Final = 0.3
"""Minimum share of the narrower one's width that two parts of a column have in common."""

Paragraph = list[Row]
Place = tuple[str, Box]
"""Text and box of a line."""


def stand_ins(floats: Sequence[Float], em_px: float) -> dict[Place, int]:
    """The places of the lines that stand for the floats, each with the index of its float."""
    return {place: i for i, each in enumerate(floats) for place in _places(each, em_px)}


def as_lines(places: Iterable[Place]) -> list[Line]:
    """The lines at these places."""
    return [Line(text, box, 1.0) for text, box in places]


def _places(each: Float, em_px: float) -> Iterator[Place]:
    x0, y0, x1, y1 = each.box
    count = min(_MAX_LINES, max(1, int((y1 - y0) / (_PITCH_EM * em_px))))
    pitch = (y1 - y0) / count
    height = min(em_px, pitch)
    # Lower case: sentences that continue from line to line are a column of text.
    words = "\ufffc" + "x" * int((x1 - x0) / (_CHAR_EM * em_px))
    for i in range(count):
        top = y0 + i * pitch + (pitch - height) / 2
        yield words, (x0, top, x1, top + height)


def without_text(floats: Sequence[Float], lines: Sequence[Line]) -> list[Float]:
    """The floats that have none of these lines on them."""
    return [each for each in floats if not any(_is_on(line, each.box) for line in lines)]


def _is_on(line: Line, box: Box) -> bool:
    return box[1] < center_y(line) < box[3] and line.box[0] < box[2] and line.box[2] > box[0]


def divided(
    paragraphs: Sequence[Paragraph], floats: Sequence[Float], places: Mapping[Place, int]
) -> Iterator[Paragraph | Float]:
    """The paragraphs with the floats in their places, each once.

    Args:
        paragraphs: With the lines that stand for floats.
        floats: The floats.
        places: The places of these lines.
    """
    done: set[int] = set()
    for paragraph in paragraphs:
        part: Paragraph = []
        for row in paragraph:
            found = [places.get((line.text, line.box)) for line in row.lines]
            numbers = [n for n in found if n is not None]
            if not numbers:
                part.append(row)
                continue
            words = tuple(line for line, n in zip(row.lines, found, strict=True) if n is None)
            if words:
                part.append(Row(words, row.box))
            new = [n for n in dict.fromkeys(numbers) if n not in done]
            if new and part:
                yield part
                part = []
            yield from (floats[n] for n in new)
            done.update(new)
        if part:
            yield part


def put_back(blocks: Sequence[Block], floats: Sequence[Float]) -> list[Block]:
    """The blocks of a page with those floats among them that had no lines in their place."""
    placed = list(blocks)
    for each in sorted(floats, key=lambda each: (each.box[1], each.box)):
        placed.insert(_place(placed, each.box), each.block)
    return placed


def _place(blocks: Sequence[Block], box: Box) -> int:
    """The index at which a block with this box belongs."""
    column = [(i, block.box) for i, block in enumerate(blocks) if block.box is not None]
    beside = [(i, other) for i, other in column if _share_column(other, box)]
    above = [i for i, other in beside if _center(other) <= _center(box)]
    if above:
        return max(above) + 1
    if beside:
        return min(i for i, _ in beside)
    return next((i for i, other in column if other[1] > box[1]), len(blocks))


def _center(box: Box) -> float:
    return (box[1] + box[3]) / 2


def _share_column(a: Box, b: Box) -> bool:
    common = min(a[2], b[2]) - max(a[0], b[0])
    return common > _SHARED * min(a[2] - a[0], b[2] - b[0])
