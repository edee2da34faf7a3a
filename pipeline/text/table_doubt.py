"""Whether the words of a table are in their cells, as far as the cells themselves tell. Pure.

A table may have every word and be wrong: a number in the cell beside its own, two columns in one,
two rows in one. That shows where the other rows are different. What all rows have alike is not
seen, nor are words in a column of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(
    r"[<>~≈±]?\s?[-+\u2212\u2013(]{0,2}\s?(?:[A-Z]{0,3}[$€£¥₹]\s?)?[-+\u2212]?"
    r"(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d)[\d.,'/:]*(?:\s?[%)*†‡¹²³⁴-⁹]{1,3}|[a-z]{1,2})?"
)
"""An amount, share, date or time, with its sign; thousands may be apart."""
_MIN_NUMBERS: Final = 3
"""A column is one of numbers if it has so many ..."""
_NUMBERS: Final = 0.75
"""... in this share of its cells."""
_MIN_FILLED: Final = 0.7
"""A column that is filled in fewer rows says nothing by an empty cell."""
_MIXED: Final = 0.25
"""A column in which a larger share of the cells has words and numbers may have them in any."""
_WORD: Final = re.compile(r"[^\W\d_]{3}")
_DOUBLE: Final = 0.6
"""A column of which so many cells have two contents ..."""
_DOUBT_OF_HEAD: Final = 0.5
"""... beside one with a head and without cells: the doubt in the table."""
_LONG_WORD: Final = re.compile(r"[^\W\d_]{4}")
"""Words of a heading or another column; shorter ones are units and marks of notes."""
_MIN_DOUBT: Final = 0.1
"""Doubt in a table of which any row is in doubt."""


@dataclass(frozen=True, slots=True)
class _Column:
    """The cells of a column below the head.

    Attributes:
        texts: Their texts.
        is_numeric: Whether nearly all that have text are a single number.
        is_filled: Whether nearly all have text.
        ends_in_number: Share of those with text that are words and end in a number.
        begins_with_number: Share of those that are words and begin with a number.
    """

    texts: Sequence[str]
    is_numeric: bool
    is_filled: bool
    ends_in_number: float
    begins_with_number: float


def table_certainty(tables: Iterable[Sequence[Sequence[str]]]) -> float | None:
    """How sure it is that the words of some tables are in their cells, 0 to 1; None without one.

    That is the least of the tables, where one row in doubt counts a tenth at least.

    Args:
        tables: The texts of the cells, row by row, the head first.
    """
    doubts = [_doubt(rows) for rows in tables if len(rows) > 1]
    return 1 - max(doubts) if doubts else None


def _is_headed_in_vain(head: Sequence[str], columns: Sequence[_Column]) -> bool:
    """Whether a column has a head and no cells, and one beside it has two in most of its cells."""
    for i, (text, column) in enumerate(zip(head, columns, strict=True)):
        if text and not any(column.texts):
            beside = [
                each for at in (i - 1, i + 1) if 0 <= at < len(columns) for each in [columns[at]]
            ]
            if any(max(each.ends_in_number, each.begins_with_number) >= _DOUBLE for each in beside):
                return True
    return False


def _doubt(rows: Sequence[Sequence[str]]) -> float:
    width = max(map(len, rows))
    body = [[*row, *[""] * (width - len(row))] for row in rows[1:]]
    columns = [_column(texts) for texts in zip(*body, strict=True)]
    head = [*rows[0], *[""] * (width - len(rows[0]))]
    if len(body) >= _MIN_NUMBERS and _is_headed_in_vain(head, columns):
        return _DOUBT_OF_HEAD
    doubtful = sum(_is_doubtful(row, columns) for row in body)
    return max(_MIN_DOUBT, doubtful / len(body)) if doubtful else 0.0


def _column(texts: Sequence[str]) -> _Column:
    filled = [text for text in texts if text]
    numbers = sum(map(_is_number, filled))
    count = max(1, len(filled))
    return _Column(
        texts,
        numbers >= max(_MIN_NUMBERS, _NUMBERS * count),
        len(filled) >= _MIN_FILLED * len(texts),
        sum(map(_ends_in_number, filled)) / count,
        sum(map(_begins_with_number, filled)) / count,
    )


def _is_doubtful(row: Sequence[str], columns: Sequence[_Column]) -> bool:
    if sum(map(bool, row)) < 2:
        return False  # a heading or a note
    if any(_are_numbers(text) and len(text.split()) >= _MIN_NUMBERS for text in row):
        return True
    for i, (text, column) in enumerate(zip(row, columns, strict=True)):
        if column.is_numeric and len(text) > 2 and _has_several(text):
            return True
        if not text and column.is_numeric and column.is_filled:
            if i and columns[i - 1].ends_in_number < _MIXED and _ends_in_number(row[i - 1]):
                return True
            behind = i + 1 < len(row) and columns[i + 1].begins_with_number < _MIXED
            if behind and _begins_with_number(row[i + 1]):
                return True
    return False


def _has_several(text: str) -> bool:
    """Whether a text of a column of numbers is several numbers, or words and a number."""
    return _are_numbers(text) or (bool(_LONG_WORD.search(text)) and _ends_in_number(text))


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _are_numbers(text: str) -> bool:
    """Whether a text is several numbers, and no single one."""
    words = text.split()
    return len(words) > 1 and all(map(_is_number, words)) and not _is_number(text)


def _ends_in_number(text: str) -> bool:
    """Whether a text is words and then a number, or several numbers."""
    before, _, last = text.rpartition(" ")
    if last.endswith(")") and not last.startswith("("):
        return False
    return bool(before) and _is_number(last) and _has_content(before) and not _is_number(text)


def _begins_with_number(text: str) -> bool:
    first, _, behind = text.partition(" ")
    return bool(behind) and _is_number(first) and _has_content(behind) and not _is_number(text)


def _has_content(text: str) -> bool:
    return bool(_WORD.search(text)) or _is_number(text)
