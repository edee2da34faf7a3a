"""Text inside of a block as HTML. Pure: everything is escaped, nothing of it can run."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from markdown_it import MarkdownIt

_SCRIPTS: Final = re.compile(r"&lt;(su[bp])&gt;(.{0,200}?)&lt;/\1&gt;", re.DOTALL)
_BREAK: Final = re.compile(r"&lt;br ?/?&gt;")
# No HTML, no pictures, which would be fetched from elsewhere, no links, which nobody has checked.
_MARKDOWN: Final = MarkdownIt("zero", {"html": False}).enable(
    ["emphasis", "backticks", "escape", "strikethrough"]
)


class Inline:
    """Turns the text of a block into HTML.

    Args:
        is_markdown: Whether the text has the marks of Markdown; else a star is a star.
    """

    def __init__(self, *, is_markdown: bool) -> None:
        self._is_markdown = is_markdown

    def __call__(self, text: str) -> str:
        """The HTML; sub- and superscripts and line breaks are the tags that are kept.

        Engines with lines break a line only where it is one, as in a table of contents.
        """
        if not self._is_markdown:
            return escape(text).replace("\n", "<br>\n")
        html = _SCRIPTS.sub(r"<\1>\2</\1>", _MARKDOWN.renderInline(text))
        return _BREAK.sub("<br>\n", html.strip())
