"""Tables of a text, and how far they are those of the truth: tree edit distance (TEDS).

X. Zhong et al., "Image-based table recognition: data, model, and evaluation", 2020. The measure is
that of the package `table-recognition-metric`. Head cells count as cells, and heads and bodies of
tables are left out of the trees: a table with pipes cannot say what an HTML table says of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from lxml import etree, html
from markdown_it import MarkdownIt
from scipy.optimize import linear_sum_assignment
from table_recognition_metric import TEDS

MAX_CELLS: Final = 500
"""Cells of a table that is compared: the time grows with their square, 4 s for two such tables."""
_MAX_TABLES: Final = 30
"""Tables of a page that are compared with each other."""
_SPAN: Final = re.compile(r"[0-9]{1,4}")
_GROUPS: Final = ("thead", "tbody", "tfoot", "colgroup", "col", "caption")


def tables_of(markdown: str) -> tuple[str, ...]:
    """The tables of Markdown, with pipes or as HTML, in their order.

    Returns:
        HTML, with `tr` and `td` alone.
    """
    if "|" not in markdown and "<table" not in markdown.lower():
        return ()
    return tuple(html_tables(_renderer().render(markdown)))


def html_tables(content: str) -> list[str]:
    """The outermost tables of HTML, with `tr` and `td` alone; none of what is no HTML."""
    if not content.strip():
        return []
    try:
        root = html.fragment_fromstring(content, create_parent="div")
    except (etree.ParserError, ValueError):
        return []
    return [_normal(table) for table in root.xpath(".//table[not(ancestor::table)]")]


def table_score(read: Sequence[str], true: Sequence[str]) -> float | None:
    """The mean similarity of the truth's tables and the tables that were read, 0 to 1.

    Each table of the truth has the one that is paired with it so that the sum is largest; one
    without has 0.

    Args:
        read: HTML of the tables in the text.
        true: HTML of the tables of the truth.

    Returns:
        None where the truth has no table, or one that is too large to compare.
    """
    if not true or len(true) > _MAX_TABLES or any(_cells(table) > MAX_CELLS for table in true):
        return None
    known = [table for table in read if _cells(table) <= MAX_CELLS][:_MAX_TABLES]
    scores = np.array([[teds(one, other) for one in known] for other in true])
    if not known:
        return 0.0
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return float(scores[rows, columns].sum()) / len(true)


def teds(read: str, true: str) -> float:
    """Similarity of two tables, 0 to 1: 1 less the edit distance of their trees over their size."""
    return float(_teds()(_page(read), _page(true)))


@lru_cache(maxsize=1)
def _teds() -> TEDS:
    return TEDS()


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _page(table: str) -> str:
    return f"<html><body>{table}</body></html>"


def _cells(table: str) -> int:
    return table.count("<td")


def _normal(table: Any) -> str:
    """A table with rows and cells alone, white space folded."""
    etree.strip_elements(table, "caption", "colgroup", "col", with_tail=False)
    etree.strip_tags(table, *_GROUPS)
    rows = [
        "".join(_cell(cell) for cell in row if cell.tag in ("td", "th"))
        for row in table.iter("tr")
        if next(row.iterancestors("table")) is table
    ]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _cell(cell: Any) -> str:
    spans = "".join(
        f' {name}="{int(cell.get(name))}"'
        for name in ("colspan", "rowspan")
        if _SPAN.fullmatch(cell.get(name) or "") and 1 < int(cell.get(name)) <= MAX_CELLS
    )
    words = " ".join(cell.text_content().split())
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<td{spans}>{escaped}</td>"
