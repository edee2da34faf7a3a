"""The words of a block without the marks of Markdown and HTML. Pure and total."""

from __future__ import annotations

import html
import re
from itertools import groupby
from typing import Final

from pipeline.output.export.elements import Element, Role, of_block
from pipeline.output.export.tables import Cells
from pipeline.types import Block

_TAG: Final = re.compile(r"</?(?:su[bp]|br|[biu]|em|strong|center)\s*/?>", re.IGNORECASE)
_IMAGE: Final = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_BOLD: Final = re.compile(r"(\*\*|__)(?=\S)([^\n]+?)(?<=\S)\1")


def plain_text(block: Block) -> str:
    """The words of a block, each row of a table in a line of its own."""
    return "\n".join(_plain(element) for element in of_block(block, 1))


def _plain(element: Element) -> str:
    is_table = element.role is Role.TABLE
    text = _rows(element.cells) if is_table else html.unescape(_IMAGE.sub("", element.text))
    return _BOLD.sub(r"\2", _TAG.sub("", text))


def _rows(cells: Cells) -> str:
    rows = groupby(sorted(cells, key=lambda cell: cell.row), lambda cell: cell.row)
    return "\n".join("\t".join(" ".join(cell.text.split()) for cell in row) for _, row in rows)
