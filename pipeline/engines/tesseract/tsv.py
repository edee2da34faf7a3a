"""Tesseract's words (TSV) as lines of text. Pure.

Its iterator gives right-to-left words from left to right; the TSV has them in the order in which
they are read. Words of a line far apart are cells of a table or columns, and become lines of their
own, as other engines detect them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from pipeline.text.scripts import script_of
from pipeline.types import Box, Line

_WORD_LEVEL: Final = "5"
_FIELDS: Final = 12
_WIDE_EM: Final = 2.0
"""Gap between two words that ends a line, in heights of the higher word."""
_SPACE_EM: Final = 0.4
"""Gap that is a space in a script without spaces between words, in heights of the higher word."""
_WITHOUT_SPACES: Final = frozenset(
    {"Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"}
)
"""Scripts without spaces between words: Tesseract's "words" are parts of words or letters."""


@dataclass(frozen=True, slots=True)
class _Word:
    line: tuple[str, ...]
    box: Box
    score: float
    text: str


def lines(tsv: str) -> Iterator[Line]:
    """The lines of a page, in Tesseract's order.

    Args:
        tsv: Rows with the fields level, page, block, paragraph, line, word, left, top, width,
            height, confidence (0 to 100), text.
    """
    rows = (row.split("\t", _FIELDS - 1) for row in tsv.splitlines())
    words = [_word(row) for row in rows if len(row) == _FIELDS and row[0] == _WORD_LEVEL]
    for _, group in groupby((word for word in words if word.text), lambda word: word.line):
        yield from map(_joined, _parts(list(group)))


def _word(row: Sequence[str]) -> _Word:
    left, top, width, height = map(float, row[6:10])
    box = (left, top, left + width, top + height)
    return _Word(tuple(row[2:5]), box, max(0.0, float(row[10])) / 100, row[11].strip())


def _parts(words: list[_Word]) -> Iterator[list[_Word]]:
    """The words of a line, cut at wide gaps."""
    part = words[:1]
    for before, word in pairwise(words):
        if _gap_em(before, word) > _WIDE_EM:
            yield part
            part = []
        part.append(word)
    yield part


def _gap_em(one: _Word, other: _Word) -> float:
    """The space between two words, whichever comes first from the left."""
    gap = max(other.box[0] - one.box[2], one.box[0] - other.box[2])
    return gap / max(one.box[3] - one.box[1], other.box[3] - other.box[1], 1.0)


def _joined(words: list[_Word]) -> Line:
    text = words[0].text
    for before, word in pairwise(words):
        text += ("" if _is_one_word(before, word) else " ") + word.text
    length = sum(len(word.text) for word in words)
    score = sum(word.score * len(word.text) for word in words) / length
    boxes = [word.box for word in words]
    (x0, y0), (x1, y1) = (map(min, _corners(boxes, 0)), map(max, _corners(boxes, 2)))
    return Line(text, (x0, y0, x1, y1), score)


def _corners(boxes: list[Box], first: int) -> tuple[list[float], list[float]]:
    return [box[first] for box in boxes], [box[first + 1] for box in boxes]


def _is_one_word(before: _Word, word: _Word) -> bool:
    """Whether no space belongs between two words of a line."""
    around = {script_of(before.text[-1]), script_of(word.text[0])}
    return bool(around & _WITHOUT_SPACES) and _gap_em(before, word) < _SPACE_EM
