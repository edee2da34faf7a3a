"""The text of Markdown without the marks of its structure, to compare it with plain text. Pure.

It knows the marks that `pipeline.text.structure` writes: headings, list items, tables as pipes,
references to figures.
"""

from __future__ import annotations

import re
from typing import Final

_FIGURE: Final = re.compile(r"!\[\w+\]\(#block-\d+\)")
_HEADING: Final = re.compile(r"^#{1,6} ", re.MULTILINE)
_ITEM: Final = re.compile(r"^(?:- |[•●▪■◦‣∙○◆▶➢✓➤][ \t]*)", re.MULTILINE)
_RULE: Final = re.compile(r"^\|(?: --- \|)+$", re.MULTILINE)
_ROW: Final = re.compile(r"^\|.*\|$", re.MULTILINE)
_PIPE: Final = re.compile(r"(\\?)\|")


def without_marks(text: str) -> str:
    """A text without the marks of headings, list items and tables, and without figures.

    Bullets go as dashes of items go: a list has one or the other. Plain text is left as it is but
    for these, so that a page's truth can be put through it too.
    """
    text = _ITEM.sub("", _HEADING.sub("", _FIGURE.sub(" ", text)))
    return _ROW.sub(lambda row: _PIPE.sub(_cell_end, row[0]), _RULE.sub("", text))


def _cell_end(pipe: re.Match[str]) -> str:
    """A pipe that is a letter of a cell, or the space between two cells."""
    return "|" if pipe[1] else " "
