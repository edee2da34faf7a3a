"""Paragraphs and tables from the rows of one column. Pure and total.

The lines of a paragraph are joined by spaces, except after a hyphen at the end of a line: that
line break is kept, since whether the hyphen belongs to the word is unknown. Each row of a table
is a line, with tabs between the cells; so is each entry of a table of contents, with its leader.
A dotted rule is a paragraph of its own. Leaders are dots of any kind, what engines read for them,
ellipses, dashes with spaces, and underscores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from pipeline.text.layout.rows import Row

_CELL_EM = 1.2
"""Minimum white space between two cells, in line heights; between words it is less."""
_GAP_EM = 0.35
"""Minimum white space between paragraphs in addition to that between lines, in line heights."""
_SIZE = 1.35
"""Minimum ratio of a heading's line height to that of the text."""
_SHORT_EM = 2.0
"""Minimum white space at the end of a paragraph's last line, in line heights."""
_INDENT_EM = 0.7
"""Minimum indent of a paragraph's first line, in line heights."""

_ITEM = re.compile(
    r"[•●▪■◦‣·*\uf020-\uf0ff\u2013\u2014-]\s|\(?(\d{1,3}|[A-Za-z])[.)]\s"
    r"|\ufffd\s+[^\W\d_][\w'\u2019]"
)
_LETTER_BULLET = re.compile(r"o\s+\S")
"""What Word has as bullet of lists inside of lists; also a word of some languages."""
_SAME_EDGE_EM = 0.3
"""Left edges so close are at one place, in line heights."""
_MIN_DOTS = 3
_MIN_MARKS = 6
_DOTS = ".,:;\u00b7\u2022\u2024\u2219\u22c5"
"""What leaders consist of, in fonts and in what engines read."""
_LEADER = re.compile(
    rf"(?:[{_DOTS}]\s{{0,3}}){{6,}}|(?:[\u2025\u2026]\s?){{3,}}[{_DOTS}\s]*"
    r"|_{4,}|(?:[-\u2013]\s){5,}[-\u2013]?"
)
_SHORT_LEADER = re.compile(r"(?:(?:\.\s?){3,}|[\u2025\u2026]\s?)[0-9ivxlc]{1,4}$")
"""That of an entry whose title nearly fills the line; the page number tells it from an ellipsis."""
_UNUSUAL_DOT = re.compile("[\u00b7\u2013\u2022\u2024-\u2026\u2219\u22c5]")
_HYPHEN = re.compile(r"\w[-\u2010\u00ad]$")
_WIDE_SCRIPT = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]")


def paragraphs(column: Sequence[Row], em_px: float) -> list[tuple[list[Row], bool]]:
    """Divide the rows of a column, from top to bottom, into paragraphs and tables.

    Returns:
        The rows of each, and whether each row is a line: of a table, or an entry with a leader.
    """
    if not column:
        return []
    gaps = [below.box[1] - above.box[3] for above, below in pairwise(column)]
    max_gap = (min(median(gaps), em_px) if gaps else 0.0) + _GAP_EM * em_px
    right = max(row.box[2] for row in column)
    listed = [_is_listed(row) for row in column]
    bullets = _letter_bullets(column, em_px)
    found = [([column[0]], listed[0])]
    for i, gap in enumerate(gaps):
        above, below = column[i], column[i + 1]
        is_apart = gap > max_gap or i + 1 in bullets
        if is_apart or _ends_between(above, below, listed[i : i + 2], right, em_px):
            found.append(([below], listed[i + 1]))
        else:
            found[-1][0].append(below)
            found[-1] = found[-1][0], found[-1][1] or listed[i + 1]
    return found


def _letter_bullets(column: Sequence[Row], em_px: float) -> set[int]:
    """The rows that begin with "o" as a bullet.

    No other row begins at their place, and there are several, or the row above is an item.
    """
    marked = {i for i, row in enumerate(column) if _LETTER_BULLET.match(row.lines[0].text)}
    if not marked:
        return marked
    places = [round(row.box[0] / max(_SAME_EDGE_EM * em_px, 1e-6)) for row in column]
    others = {place for i, place in enumerate(places) if i not in marked}
    counts = Counter(places[i] for i in marked)
    return {
        i
        for i in marked
        if others.isdisjoint(range(places[i] - 1, places[i] + 2))
        and (counts[places[i]] > 1 or (i and _ITEM.match(column[i - 1].lines[0].text)))
    }


def text_of(paragraph: Sequence[Row], is_listed: bool | None = None) -> str:
    """The text of the rows of one paragraph or table.

    Args:
        paragraph: Its rows.
        is_listed: Whether each row is a line; None to find out.
    """
    if is_listed is None:
        is_listed = any(map(_is_listed, paragraph))
    texts = [_row_text(row) for row in paragraph]
    if is_listed:
        return "\n".join(texts)
    joined = texts[0]
    for text in texts[1:]:
        joined += _separator(joined, text) + text
    return joined


def _ends_between(
    above: Row, below: Row, listed: Sequence[bool], right: float, em_px: float
) -> bool:
    """Whether a paragraph ends between two closely spaced rows."""
    if any(listed):
        rules = [listed[0] and _is_rule(above), listed[1] and _is_rule(below)]
        # A table row may continue in one cell; a table below text is a new block.
        return not all(rules) if any(rules) else not listed[0]
    if _ITEM.match(below.lines[0].text):
        return True
    heights = sorted((above.box[3] - above.box[1], below.box[3] - below.box[1]))
    if heights[1] > _SIZE * heights[0]:
        return True
    if right - above.box[2] <= _SHORT_EM * em_px:
        return False
    indented = below.box[0] - above.box[0] > _INDENT_EM * em_px
    return indented or above.lines[-1].text.endswith((".", ":", "!", "?"))


def _is_listed(row: Row) -> bool:
    """Whether the row belongs to a table or is an entry with a leader."""
    if len(row.lines) > 1 and any(_is_cell_gap(row, i) for i in range(1, len(row.lines))):
        return True
    return any(_has_leader(line.text) for line in row.lines)


def _is_rule(row: Row) -> bool:
    """Whether the row consists of dots only."""
    return all(_is_leader(line.text) for line in row.lines)


def _has_leader(text: str) -> bool:
    if not _may_have_leader(text):
        return False
    return bool(_LEADER.search(text) or _SHORT_LEADER.search(text))


def _is_leader(text: str) -> bool:
    return _may_have_leader(text) and bool(_LEADER.fullmatch(text))


def _may_have_leader(text: str) -> bool:
    """Whether a text may have a leader: cheaper to tell than by the patterns."""
    return (
        text.count(".") >= _MIN_DOTS
        or "__" in text
        or "- -" in text
        or text.count(",") + text.count(":") >= _MIN_MARKS
        or (not text.isascii() and bool(_UNUSUAL_DOT.search(text)))
    )


def _is_cell_gap(row: Row, i: int) -> bool:
    """Whether the white space before the i-th line of a row is wider than between words.

    A leader bridges the space on both of its sides.
    """
    before, after = row.lines[i - 1], row.lines[i]
    if after.box[0] - before.box[2] <= _CELL_EM * (row.box[3] - row.box[1]):
        return False
    return not (_is_leader(before.text) or _is_leader(after.text))


def _row_text(row: Row) -> str:
    text = row.lines[0].text
    for i, line in enumerate(row.lines[1:], 1):
        text += ("\t" if _is_cell_gap(row, i) else _separator("", line.text)) + line.text
    return text


def _separator(before: str, after: str) -> str:
    """The separator between two consecutive texts."""
    if _HYPHEN.search(before[-3:]):  # the text may be long, and is searched at each line
        return "\n"
    if _WIDE_SCRIPT.match(before[-1:]) and _WIDE_SCRIPT.match(after[:1]):
        return ""
    return " "
