"""Blocks with a kind and their Markdown. Pure.

The kinds are those that DeepSeek-OCR uses, and two that it lacks: lists and footnotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from statistics import fmean
from typing import Final

from pipeline.text.layout.paragraphs import text_of
from pipeline.text.layout.rows import Row, bounding_box
from pipeline.types import Block

_BULLET: Final = re.compile(r"(?:[•●▪■◦‣∙○◆▶➢✓➤]\s*|[·*\u2013\u2014\ufffd\uf020-\uf0ff-]\s+)")
_LABEL: Final = re.compile(
    r"[•●▪■◦‣∙○◆▶➢✓➤·*o\u2013\u2014-]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)]|\d{1,2}(?:\.\d{1,3})+\.?"
)
_SIGN: Final = re.compile("[\ufffd\uf020-\uf0ff]")
"""A sign of a font such as Symbol: in front of a word, and apart from it, a bullet."""
_WORD: Final = re.compile(r"[^\W\d_][\w'\u2019]")
_NUMBER: Final = re.compile(r"\d{1,3}[.)]\s")


class Kind(StrEnum):
    """What a block is: the value of its field `kind`."""

    TEXT = "text"
    TITLE = "title"
    SUB_TITLE = "sub_title"
    LIST = "list"
    TABLE = "table"
    TABLE_CAPTION = "table_caption"
    IMAGE = "image"
    IMAGE_CAPTION = "image_caption"
    EQUATION = "equation"
    HEADER = "header"
    FOOTER = "footer"
    FOOTNOTE = "footnote"


HEADINGS: Final = {Kind.TITLE: "# ", Kind.SUB_TITLE: "## "}


def block_of(kind: Kind, paragraphs: Sequence[Sequence[Row]]) -> Block:
    """The block of some paragraphs: one, or the items of a list.

    Args:
        kind: Not TABLE or IMAGE.
        paragraphs: At least one.
    """
    texts = [text_of(paragraph) for paragraph in paragraphs]
    if kind in HEADINGS:
        texts = [HEADINGS[kind] + " ".join(text.split()) for text in texts]
    elif kind is Kind.LIST:
        texts = [_item(text) for text in texts]
    lines = [line for paragraph in paragraphs for row in paragraph for line in row.lines]
    box = bounding_box([line.box for line in lines])
    return Block(kind, "\n".join(texts), box, fmean(line.score for line in lines))


def has_label(row: Row) -> bool:
    """Whether a row begins with a bullet or number that stands apart from its text."""
    if len(row.lines) < 2:
        return False
    first = row.lines[0].text.strip()
    if _SIGN.fullmatch(first):
        return bool(_WORD.match(row.lines[1].text))
    return bool(_LABEL.fullmatch(first))


def _item(text: str) -> str:
    """An item of a list: its bullet becomes a dash; numbers and letters stay, which are words."""
    if _NUMBER.match(text):
        return text
    bullet = _BULLET.match(text)
    rest = text[bullet.end() :] if bullet else text
    return f"- {rest}"


def markdown(blocks: Sequence[Block]) -> str:
    """The Markdown of a page. A figure refers to its block by number, counted from 1."""
    parts: list[str] = []
    for number, block in enumerate(blocks, 1):
        if block.kind == Kind.IMAGE:
            parts.append(f"![{block.kind}](#block-{number})")
        if block.text:
            parts.append(block.text)
    return "\n\n".join(parts)
