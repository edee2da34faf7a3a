"""Columns of a table that hold nothing but the signs of the amounts beside them. Pure.

In accounts the sign of a currency stands at the left edge of a column and its amount at the right
edge, and the bracket or per cent sign behind an amount apart from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pipeline.text.structure.pipe_tables import Grid

_BEFORE: Final = re.compile(r"[(\-\u2212+~]?\s?(?:[A-Z]{0,3}[$€£¥₹]|[#(])")
_BEHIND: Final = re.compile(r"[)%]+")
_MAX_HEAD: Final = 3
"""Rows at the top that may have other text over a sign."""


def with_signs_joined(cells: Grid) -> Grid:
    """The table without columns of signs: each sign is in the cell of its amount.

    Args:
        cells: Rows that have as many cells.
    """
    columns = [list(column) for column in zip(*cells, strict=True)]
    i = 0
    while i < len(columns):
        if i + 1 < len(columns) and _are_signs(columns[i], _BEFORE):
            columns[i : i + 2] = [_joined(columns[i], columns[i + 1])]
        elif i and _are_signs(columns[i], _BEHIND):
            columns[i - 1 : i + 1] = [_joined(columns[i - 1], columns[i])]
        else:
            i += 1
    return [list(row) for row in zip(*columns, strict=True)]


def _are_signs(column: Sequence[str], sign: re.Pattern[str]) -> bool:
    """Whether a column has signs, and nothing else below its head."""
    filled = [(i, text) for i, text in enumerate(column) if text]
    others = [i for i, text in filled if not sign.fullmatch(text)]
    return len(filled) > len(others) and all(i < _MAX_HEAD for i in others)


def _joined(left: Sequence[str], right: Sequence[str]) -> list[str]:
    return [f"{a} {b}".strip() for a, b in zip(left, right, strict=True)]
