"""The Markdown of a page as HTML in which nothing can run. Pure.

The text of a page is untrusted: who makes a document decides what is in it. Markdown and the tables
in HTML that models write are rendered, then cleaned by an allow-list: elements of text and tables,
no attribute but the spans of cells, no links, no images, no styles.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

_TAGS: Final = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "b", "i", "s", "u"),
    *("code", "pre", "blockquote", "ul", "ol", "li", "sup", "sub", "caption"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
_SPANS: Final = {"colspan", "rowspan"}
MAX_CHARS: Final = 200_000
"""Longer texts are shown as they are."""


def html(markdown: str) -> str:
    """Render Markdown, without anything that runs, loads or links.

    Args:
        markdown: At most `MAX_CHARS` are rendered; a longer text becomes one `pre`.
    """
    if len(markdown) > MAX_CHARS:
        return f"<pre>{nh3.clean_text(markdown)}</pre>"
    return _clean(str(_renderer().render(markdown)))


def _clean(content: str) -> str:
    spans = {"td": _SPANS, "th": _SPANS}
    return str(nh3.clean(content, tags=_TAGS, attributes=spans, url_schemes=set()))


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark").enable("table")
    renderer.add_render_rule("image", _image)
    return renderer


def _image(self: Any, tokens: Sequence[Token], place: int, *_: object) -> str:
    """What stands for a picture: its description. The page beside the text shows it."""
    said = tokens[place].content or "image"
    return f"<em>[{nh3.clean_text(said)}]</em>"
