"""The lines of a page by its blocks, and the places of their words. Pure.

Known lines are those that an engine with lines read. Of other blocks the lines are estimated: the
text is set into the block's box, at the size at which it fills it. Where the engine did not say
where words begin in a line, that is estimated by the widths of their characters
(`pipeline.text.char_widths`), or by their number where a block, or the page, is in a typewriter
font (`pipeline.text.monospaced`).
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.imaging.rotation import turn_back, turn_box, turn_size
from pipeline.imaging.skewed_boxes import fits, middle, straightened, turned
from pipeline.output.export import askew
from pipeline.output.export.apart import apart
from pipeline.output.export.plain_text import plain_text
from pipeline.text.char_widths import text_width
from pipeline.text.layout.vertical import vertical_lines
from pipeline.text.monospaced import columns, is_monospaced
from pipeline.text.page_skew import page_skew_deg
from pipeline.text.word_spans import word_spans
from pipeline.types import Block, Box, Line, PageResult, Source

_LEADING: Final = 1.2
"""Height of an estimated line, with its share of the space between lines, in ems."""
_STEPS: Final = 24
"""Halvings of the interval in which the size of a block's text lies."""
_DOWN, _UP = 90, 270
_CORNER: Final = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A line and where it is.

    Attributes:
        text: Its text, in logical order.
        box: Its box in pixels of the page as displayed.
        direction_deg: Where its text runs on the page as displayed: 0 to the right, 90 down, 180 to
            the left (upside down), 270 up. Scripts that are written from right to left run against
            it.
        score: The engine's confidence, None where it gave none.
        is_estimated: Whether the box was not read, but made from that of the block.
        is_monospaced: Whether all of its characters are as wide.
        word_starts: As of `Line`.
        skew_deg: How far clockwise it lies from its direction: as of `Line`, but 0 where it does
            not fit the box.
    """

    text: str
    box: Box
    direction_deg: int = 0
    score: float | None = None
    is_estimated: bool = False
    is_monospaced: bool = False
    word_starts: tuple[float, ...] = ()
    skew_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class LinedBlock:
    """A block with its lines, in reading order."""

    kind: str
    box: Box | None
    lines: tuple[PlacedLine, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, and its estimated box."""

    text: str
    box: Box


def lined_blocks(page: PageResult) -> list[LinedBlock]:
    """The blocks of a page in reading order, with their lines.

    Blocks without a box, which some engines give, have no lines. Every line has a word.
    """
    recognition = page.recognition
    lines = [line for line in recognition.lines if line.text.strip()]
    groups = _by_block(recognition.blocks, lines)
    directions = dict(zip(lines, _directions(page, lines), strict=True))
    # Of a page with lines only the blocks of its text layer have none.
    is_set = not recognition.lines or page.source is Source.MIXED
    found, is_page_fixed = [], _is_monospaced(lines, directions)
    for block, inside in groups:
        own = _is_monospaced(inside, directions)
        is_fixed = bool(is_page_fixed if own is None else own)
        placed = tuple(
            PlacedLine(
                one.text,
                one.box,
                directions[one],
                one.score,
                is_monospaced=is_fixed,
                word_starts=one.word_starts,
                skew_deg=one.skew_deg if fits(one.box, one.skew_deg) else 0.0,
            )
            for one in inside
        )
        if not placed and is_set and block.box:
            placed = tuple(_set_in_box(block, block.box, page))
        found.append(LinedBlock(block.kind, block.box, placed))
    return found


def without_overlap(blocks: Sequence[LinedBlock]) -> list[LinedBlock]:
    """The blocks of a page with boxes, their own and of their lines, that are apart.

    Boxes of lines that lie askew stay as they are: they overlap though the lines do not.
    """
    boxes = iter(apart([block.box for block in blocks if block.box]))
    straight = [line.box for block in blocks for line in block.lines if not line.skew_deg]
    lines = iter(apart(straight))
    return [
        replace(
            block,
            box=block.box and next(boxes),
            lines=tuple(
                line if line.skew_deg else replace(line, box=next(lines)) for line in block.lines
            ),
        )
        for block in blocks
    ]


def words(line: PlacedLine) -> list[Word]:
    """The words of a line, in logical order; those of right-to-left scripts begin at its end."""
    texts, width_of = line.text.split(), columns if line.is_monospaced else text_width
    space = width_of(" ")
    is_rtl = is_right_to_left(line.text)
    if not is_rtl and (spans := word_spans(texts, line.word_starts, width_of)):
        return [Word(text, _part(line, *span)) for text, span in zip(texts, spans, strict=True)]
    total = sum(map(width_of, texts)) + space * (len(texts) - 1)
    found, at = [], 0.0
    for text in texts:
        width = width_of(text)
        begin, end = (at / total, (at + width) / total) if total else (0.0, 1.0)
        found.append(Word(text, _part(line, *((1 - end, 1 - begin) if is_rtl else (begin, end)))))
        at += width + space
    return found


def _is_monospaced(lines: Sequence[Line], directions: Mapping[Line, int]) -> bool | None:
    return is_monospaced(
        [
            (line.text, line.box[2 + axis] - line.box[axis])
            for line in lines
            for axis in [1 if directions[line] % 180 else 0]
        ]
    )


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a text are of a script that is written from right to left."""
    kinds = [unicodedata.bidirectional(char) for char in text]
    return sum(kind in ("R", "AL") for kind in kinds) > kinds.count("L")


def _part(line: PlacedLine, begin: float, end: float) -> Box:
    """The box of a stretch of a line, from 0 at its beginning to 1 at its end."""
    x0, y0, x1, y1 = line.box
    if line.skew_deg:
        return askew.part(line.box, line.direction_deg, line.skew_deg, begin, end)
    if line.direction_deg in (180, _UP):
        begin, end = 1 - end, 1 - begin
    if line.direction_deg % 180:
        return x0, y0 + begin * (y1 - y0), x1, y0 + end * (y1 - y0)
    return x0 + begin * (x1 - x0), y0, x0 + end * (x1 - x0), y1


def _directions(page: PageResult, lines: Sequence[Line]) -> list[int]:
    """Where each line runs: boxes do not tell whether a vertical one runs up or down.

    Where most text is vertical it runs down, else up, as in `pipeline.text.layout`.
    """
    upright = [
        replace(line, box=turn_box(line.box, page.width_px, page.height_px, page.turned_deg))
        for line in lines
    ]
    vertical = vertical_lines(upright)
    tall = sum(len(line.text) for line, is_tall in zip(lines, vertical, strict=True) if is_tall)
    sideways = _DOWN if 2 * tall > sum(len(line.text) for line in lines) else _UP
    return [((sideways if is_tall else 0) - page.turned_deg) % 360 for is_tall in vertical]


def _by_block(blocks: Sequence[Block], lines: Sequence[Line]) -> list[tuple[Block, list[Line]]]:
    """Each block with the lines in its box; lines outside of all boxes are blocks at the end."""
    groups: list[tuple[Block, list[Line]]] = [(block, []) for block in blocks]
    deg = page_skew_deg(lines)  # on such a page the boxes of blocks overlap, not the blocks
    boxes = [block.box for block in blocks]
    if deg:
        boxes = [box and straightened(box, deg, _CORNER) for box in boxes]
    for line in lines:
        x, y = turned(middle(line.box), -deg, _CORNER) if deg else middle(line.box)
        near = [
            (_area(box), index) for index, box in enumerate(boxes) if box and _is_inside(x, y, box)
        ]
        if near:
            groups[min(near)[1]][1].append(line)
        else:
            groups.append((Block("text", line.text, line.box, line.score), [line]))
    return groups


def _is_inside(x: float, y: float, box: Box) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _set_in_box(block: Block, box: Box, page: PageResult) -> Iterator[PlacedLine]:
    """The lines of a block's text, set at the largest size at which all of them are in its box."""
    paragraphs = [row.split() for row in plain_text(block).splitlines() if row.strip()]
    size_px = (page.width_px, page.height_px)
    x0, y0, x1, y1 = turn_box(box, *size_px, page.turned_deg)
    width, height = x1 - x0, y1 - y0
    if not paragraphs or width <= 0 or height <= 0:
        return
    em = _largest_em(paragraphs, width, height)
    rows = [row for words in paragraphs for row in _broken(words, width / em)]
    step = height / len(rows)
    upright = turn_size(*size_px, page.turned_deg)
    for number, row in enumerate(rows):
        right = min(x1, x0 + text_width(row) * em)
        left = x0
        if is_right_to_left(row):
            left, right = x1 - (right - x0), x1
        line = (left, y0 + number * step, right, y0 + (number + 1) * step)
        placed = turn_back(line, *upright, page.turned_deg)
        yield PlacedLine(row, placed, -page.turned_deg % 360, block.score, is_estimated=True)


def _largest_em(paragraphs: Sequence[Sequence[str]], width: float, height: float) -> float:
    """The size of text, pixels an em, at which paragraphs fill a box."""
    widths = [text_width(" ".join(words)) for words in paragraphs]
    low, high = 0.0, height / (_LEADING * len(widths))
    for _ in range(_STEPS):
        em = (low + high) / 2
        rows = sum(max(1, math.ceil(each * em / width)) for each in widths)
        low, high = (em, high) if rows * _LEADING * em <= height else (low, em)
    return max(low, height / (1 << _STEPS))


def _broken(words: Sequence[str], width_em: float) -> Iterator[str]:
    """The words in lines of about a width, ems: a line may have one word more than fits."""
    row: list[str] = []
    for word in words:
        if row and text_width(" ".join([*row, word])) > width_em:
            yield " ".join(row)
            row = []
        row.append(word)
    yield " ".join(row)
