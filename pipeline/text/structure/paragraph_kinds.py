"""Names paragraphs: headings, items of lists, captions, notes, heads and feet of pages. Pure.

The layout model's word counts where it was asked, within what size, place and text allow. Without
it headings are told by the size and weight of their font, notes by size and mark, the rest by
their place and first characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.text.layout.rows import Row, bounding_box
from pipeline.text.structure.markdown import HEADINGS, Kind, has_label
from pipeline.text.structure.signs import LineSigns
from pipeline.types import LineKind

Paragraph = list[Row]

_LARGE: Final = 1.15
"""Minimum size of a heading by that of the text, where its font is known ..."""
_LARGE_LINE: Final = 1.35
"""... or the height of its line, if the layout model agrees."""
_TITLE: Final = 1.5
"""Minimum size of a page's title."""
_SMALL: Final = 0.93
"""Maximum size of a footnote."""
_MAX_HEADING_ROWS: Final = 3
_MAX_HEADING_CHARS: Final = 200
_MAX_BOLD_CHARS: Final = 100
"""Maximum length of a heading that is bold but not large."""
_MARGIN: Final = 0.12
"""Heads and feet of pages are within this share of the page's height ..."""
_MODEL_MARGIN: Final = 0.2
"""... or this, where the layout model says so, ..."""
_APART_EM: Final = 0.9
"""... this far from the text, in line heights, and have at most ..."""
_MAX_MARGIN_ROWS: Final = 2
"""... this many rows."""
_ITEM_EM: Final = 0.8
"""Maximum white space within an item of a list, in line heights."""
_ITEM_INDENT_EM: Final = 0.3
"""Minimum indent of the text of an item from its bullet, in line heights."""
_NOTES_FROM: Final = 0.5
"""Footnotes are below this share of the page's height."""

_CAPTION: Final = re.compile(
    r"(?:(?P<table>table|tab\.|tabelle|tabla|tableau|表)"
    r"|figure|fig\.|abbildung|abb\.|figura|图|図)\s?\d{1,3}(?:[.\u2013-]\d{1,3})*\s?[.:|\u2014]",
    re.IGNORECASE,
)
_TABLE_WORD: Final = re.compile(r"(?:table|tab\.|tabelle|tabla|tableau|表)\b", re.IGNORECASE)
_BULLET: Final = re.compile(r"[•●▪■◦‣∙○◆▶➢✓➤]\s*\S|[\uf020-\uf0ff]\s+[^\W\d_][\w'\u2019]")
_MARK: Final = re.compile(
    r"(?:[·*o\u2013\u2014-]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s+\S|\ufffd\s+[^\W\d_][\w'\u2019]"
)
_NOTE_MARK: Final = re.compile(r"(?:\d{1,3}[.)]?|[*\u2020\u2021\u00a7]|\[\d{1,3}\])\s?\D")
_PAGE_NUMBER: Final = re.compile(r"[\W_]*(?:\d{1,5}|[ivxlc]{1,8})[\W_]*", re.IGNORECASE)
_PROSE_END: Final = (".", ",", ";", "\u3002", "\uff0c")


@dataclass(slots=True)
class Named:
    """A paragraph with its kind.

    Attributes:
        kind: What it is.
        rows: Its rows.
        is_weak_item: Whether it is an item of a list if one beside it is one.
    """

    kind: Kind
    rows: Paragraph
    is_weak_item: bool = False


def named(paragraphs: Sequence[Paragraph], signs: LineSigns) -> list[Named]:
    """The paragraphs with their kinds, headings as paragraphs of their own."""
    found = [
        _named(part, signs)
        for paragraph in paragraphs
        for item in _items(paragraph)
        for part in _split(item, signs)
    ]
    _settle_items(found)
    _settle_levels(found, signs)
    return _with_whole_items(found, signs.em_px)


def _items(paragraph: Paragraph) -> list[Paragraph]:
    """A paragraph cut before each row whose bullet or number stands apart from its text."""
    parts: list[Paragraph] = []
    for row in paragraph:
        if not parts or has_label(row):
            parts.append([])
        parts[-1].append(row)
    return parts


def is_caption(text: str) -> bool:
    """Whether a line begins as the caption of a figure or table does."""
    return bool(_CAPTION.match(text))


def _split(paragraph: Paragraph, signs: LineSigns) -> list[Paragraph]:
    """A paragraph cut where a heading begins or ends."""
    parts: list[Paragraph] = []
    was_heading = False
    for row in paragraph:
        is_heading = _is_heading_row(row, signs)
        if not parts or is_heading != was_heading:
            parts.append([])
        parts[-1].append(row)
        was_heading = is_heading
    inner = [part for part in parts[1:-1] if _is_heading_row(part[0], signs)]
    # A large or bold row amid a paragraph is emphasis.
    return [paragraph] if inner else parts


def _is_heading_row(row: Row, signs: LineSigns) -> bool:
    said = signs.majority(row.lines)
    is_said = said in (LineKind.TITLE, LineKind.SECTION_HEADER)
    is_large = signs.has_styles and signs.scale(row) >= _LARGE
    is_bold = signs.has_styles and not is_large and signs.is_bold(row)
    if not (is_said or is_large or is_bold):
        return False  # as most rows
    text = "".join([line.text for line in row.lines])
    if len(text) > _MAX_HEADING_CHARS or not _has_letters(text, 2):
        return False
    if is_said or is_large:
        return is_said or said in (None, LineKind.TEXT, LineKind.BACKGROUND, LineKind.PICTURE)
    is_short = len(text) <= _MAX_BOLD_CHARS and not text.rstrip().endswith(_PROSE_END)
    return is_short and said in (None, LineKind.TEXT)


def _has_letters(text: str, wanted: int) -> bool:
    """Whether a text has so many letters; most have them at their beginning."""
    for char in text:
        wanted -= char.isalpha()
        if not wanted:
            return True
    return False


def _named(rows: Paragraph, signs: LineSigns) -> Named:
    said = signs.majority(line for row in rows for line in row.lines)
    if _is_note(rows, said, signs):
        return Named(Kind.FOOTNOTE, rows)
    margin = _margin_kind(rows, said, signs)
    if margin is not None:
        return Named(margin, rows)
    text = " ".join(line.text for line in rows[0].lines)
    if len(rows) <= _MAX_HEADING_ROWS and all(_is_heading_row(row, signs) for row in rows):
        return Named(Kind.SUB_TITLE, rows)
    caption = _CAPTION.match(text)
    if caption or said is LineKind.CAPTION:
        is_table = caption["table"] if caption else _TABLE_WORD.match(text)
        return Named(Kind.TABLE_CAPTION if is_table else Kind.IMAGE_CAPTION, rows)
    if said is LineKind.FORMULA:
        return Named(Kind.EQUATION, rows)
    is_item = _BULLET.match(text) or (has_label(rows[0]) and rows[0].lines[0].text == "o")
    if is_item or said is LineKind.LIST_ITEM:
        return Named(Kind.LIST, rows)
    return Named(Kind.TEXT, rows, is_weak_item=bool(_MARK.match(text)))


def _margin_kind(rows: Paragraph, said: LineKind | None, signs: LineSigns) -> Kind | None:
    """Whether a paragraph is the head or the foot of the page."""
    if len(rows) > _MAX_MARGIN_ROWS:
        return None
    _, top, _, bottom = bounding_box([row.box for row in rows])
    head, foot = (signs.height_px * share for share in (_MODEL_MARGIN, 1 - _MODEL_MARGIN))
    if said is LineKind.PAGE_HEADER and bottom <= head:
        return Kind.HEADER
    if said is LineKind.PAGE_FOOTER and top >= foot:
        return Kind.FOOTER
    if said not in _IN_MARGINS or any(_is_heading_row(row, signs) for row in rows):
        return None
    if signs.is_first(top) and signs.is_last(bottom) and not _is_page_number(rows):
        return None  # the page's only text
    apart_px = _APART_EM * signs.em_px
    if signs.is_first(top) and bottom <= _MARGIN * signs.height_px:
        return Kind.HEADER if signs.space_below(bottom) >= apart_px else None
    if signs.is_last(bottom) and top >= (1 - _MARGIN) * signs.height_px:
        return Kind.FOOTER if signs.space_above(top) >= apart_px else None
    return None


def _is_page_number(rows: Paragraph) -> bool:
    text = " ".join(line.text for row in rows for line in row.lines)
    return _PAGE_NUMBER.fullmatch(text) is not None


_IN_MARGINS: Final = (None, LineKind.TEXT, LineKind.BACKGROUND, LineKind.TABLE)
"""What the layout model may say of heads and feet of pages that it doesn't know."""


def _is_note(rows: Paragraph, said: LineKind | None, signs: LineSigns) -> bool:
    if said is LineKind.FOOTNOTE:
        return True
    if not signs.has_styles or said not in (None, LineKind.TEXT, LineKind.LIST_ITEM):
        return False
    is_low = rows[0].box[1] >= _NOTES_FROM * signs.height_px
    is_small = max(map(signs.scale, rows)) <= _SMALL
    return is_low and is_small and bool(_NOTE_MARK.match(rows[0].lines[0].text))


def _settle_items(found: Sequence[Named]) -> None:
    """A paragraph that begins with a number or a dash is an item where it has siblings."""
    items = [each.is_weak_item or each.kind is Kind.LIST for each in found]
    for i, each in enumerate(found):
        beside = items[max(0, i - 1) : i] + items[i + 1 : i + 2]
        if each.is_weak_item and any(beside):
            each.kind = Kind.LIST


def _with_whole_items(found: Sequence[Named], em_px: float) -> list[Named]:
    """Items of lists with the text below them that is indented as theirs."""
    joined: list[Named] = []
    for each in found:
        item = joined[-1] if joined else None
        if item and item.kind is Kind.LIST and each.kind is Kind.TEXT and not each.is_weak_item:
            above, below = item.rows[-1].box, each.rows[0].box
            is_near = -em_px < below[1] - above[3] <= _ITEM_EM * em_px
            if is_near and below[0] >= item.rows[0].box[0] + _ITEM_INDENT_EM * em_px:
                item.rows = [*item.rows, *each.rows]
                continue
        joined.append(each)
    return joined


def _settle_levels(found: Sequence[Named], signs: LineSigns) -> None:
    """The first of the largest headings is the page's title, if it is much larger than the text."""
    headings = [each for each in found if each.kind in HEADINGS]
    if not headings:
        return
    scales = [max(map(signs.scale, each.rows)) for each in headings]
    largest = max(scales)
    if largest >= _TITLE:
        headings[scales.index(largest)].kind = Kind.TITLE
