"""Tables of Markdown, whose cells are between pipes: written and read. Pure and total."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

Grid = list[list[str]]
"""The text of each cell, row by row."""

_DELIMITER: Final = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_PIPE: Final = re.compile(r"(?<!\\)\|")


def pipes(cells: Grid) -> str:
    """A table in Markdown, the first row as its head.

    Args:
        cells: Its cells; all rows have as many.
    """
    texts = ["| " + " | ".join(map(_escaped, row)) + " |" for row in cells]
    texts.insert(1, "|" + " --- |" * len(cells[0]))
    return "\n".join(texts)


def is_pipes(lines: Sequence[str]) -> bool:
    """Whether lines are a table of pipes: a head, a line of dashes, and rows."""
    return (
        len(lines) >= 2
        and all(line.lstrip().startswith("|") for line in lines)
        and bool(_DELIMITER.fullmatch(lines[1].strip()))
    )


def cells_of(lines: Sequence[str]) -> Grid:
    """The cells of a table that `pipes` or a model wrote, the head first.

    Rows of a model may have more cells than its head, or fewer.

    Returns:
        No rows where the lines are no such table.
    """
    if not is_pipes(lines):
        return []
    return [_split(line) for line in (lines[0], *lines[2:])]


def _split(line: str) -> list[str]:
    inside = line.strip().removeprefix("|")
    if inside.endswith("|") and not inside.endswith(r"\|"):
        inside = inside[:-1]
    return [part.strip().replace(r"\|", "|") for part in _PIPE.split(inside)]


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
