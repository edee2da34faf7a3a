"""The words of a block without the marks of Markdown and HTML. Pure and total."""

from __future__ import annotations

import html
import re
from typing import Final

from pipeline.types import Block

_ROW_END: Final = re.compile(r"</tr>|<br\s*/?>", re.IGNORECASE)
_CELL_END: Final = re.compile(r"</t[dh]>", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_IMAGE: Final = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_PIPES: Final = re.compile(r"\s*\|(.*)\|\s*")
_RULE: Final = re.compile(r"[\s|:-]+")
_HEADING: Final = re.compile(r"#{1,6}\s+")
_BOLD: Final = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")


def plain_text(block: Block) -> str:
    """The words of a block: rows of a table, and lines of the text, each in a line.

    Args:
        block: Its text is Markdown, with tables as HTML or as pipes.
    """
    text = _IMAGE.sub("", block.text)
    if "<" in text:
        text = _TAG.sub("", _CELL_END.sub("\t", _ROW_END.sub("\n", text)))
    return "\n".join(_plain_line(line) for line in html.unescape(text).splitlines())


def _plain_line(line: str) -> str:
    cells = _PIPES.fullmatch(line)
    if cells:
        return "" if _RULE.fullmatch(line) else cells[1].replace("|", "\t")
    return _BOLD.sub(r"\2", _HEADING.sub("", line, count=1) if line[:1] == "#" else line)
