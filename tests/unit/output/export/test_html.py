"""A document as one HTML file: nothing of a page's text is a tag, nothing is fetched."""

from __future__ import annotations

import base64
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from pipeline.output.export import html
from pipeline.output.export.figures import Figure
from pipeline.output.export.source import DocumentSource
from pipeline.types import Block, PageResult
from tests.support.exports import page, source_of

EMPTY = {"meta", "img", "br"}
TAGS = EMPTY | {
    *("html", "head", "title", "style", "body", "header", "main", "section", "nav", "aside"),
    *("p", "a", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li", "span", "pre", "sup", "sub"),
    *("figure", "figcaption", "details", "summary", "dl", "dt", "dd", "div"),
    *("table", "tr", "td", "th", "em", "strong", "s", "code"),
}


class Tags(HTMLParser):
    """Collects elements, and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(source: DocumentSource) -> Tags:
    tags = Tags()
    tags.feed("".join(html.write(source)))
    tags.close()
    assert tags.open == []
    return tags


def as_markdown(result: PageResult) -> PageResult:
    """The page as a model that writes Markdown read it."""
    return replace(result, recognition=replace(result.recognition, raw="anything"))


HOSTILE = (
    '<script>alert(1)</script> <img src=x onerror=alert(1)> "><svg onload=alert(1)> '
    "![x](https://elsewhere.example/a.png) [y](javascript:alert(1)) <b>fat</b>"
)


def test_nothing_in_text_table_caption_or_name_is_a_tag() -> None:
    blocks = [
        Block("title", f"# {HOSTILE}"),
        Block("text", HOSTILE),
        Block("list", f"- {HOSTILE}"),
        Block("table", f"<table><tr><td>{HOSTILE}</td></tr></table>"),
        Block("image_caption", HOSTILE),
        Block("equation", HOSTILE),
        Block("footnote", HOSTILE),
    ]
    plain = page(f"/in/{HOSTILE}.pdf", 1, "\n\n".join(b.text for b in blocks), blocks=blocks)
    for result in (plain, as_markdown(plain)):
        tags = parsed(source_of([result]))
        assert {tag for tag, _ in tags.found} <= TAGS
        for tag, attributes in tags.found:
            assert not any(name.startswith("on") for name in attributes)
            assert "src" not in attributes
            assert str(attributes.get("href", "#")).startswith("#"), tag
        assert tags.text.count("alert(1)") >= 10


@given(st.text(max_size=60), st.text("<>&\"'`*_~[]()!\\|#-$ \nabsup/", max_size=60), st.booleans())
def test_any_text_is_well_formed(text: str, marks: str, is_markdown: bool) -> None:
    blocks = [Block("text", text), Block("sub_title", marks), Block("list", f"- {marks}")]
    result = page("/in/a.pdf", 1, "x", blocks=blocks)
    result = replace(
        result, recognition=replace(result.recognition, text="\n\n".join(b.text for b in blocks))
    )
    result = as_markdown(result) if is_markdown else result
    assert {tag for tag, _ in parsed(source_of([result])).found} <= TAGS


def test_pages_have_anchors_and_links_to_them() -> None:
    tags = parsed(source_of([page("/in/a.pdf", 1, "one"), page("/in/a.pdf", 2)]))
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert ids == ["page-1", "page-2"]
    links = {attributes["href"] for tag, attributes in tags.found if tag == "a"}
    assert links == {"#page-1", "#page-2"}
    assert "Page 2 was not read: cannot be drawn" in tags.text


def test_headings_lists_tables_and_figures_are_what_they_are() -> None:
    blocks = [
        Block("title", "# Name"),
        Block("list", "- one\n2. two"),
        Block("table_caption", "Table 1"),
        Block("table", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        Block("image", "axis", (1, 2, 3, 4)),
        Block("image_caption", "Figure 1"),
        Block("image", "", (1, 2, 3, 4)),
        Block("footnote", "1 a note"),
        Block("text", "the end"),
    ]
    text = "# Name\n\n- one\n2. two\n\nTable 1\n\n" + blocks[3].text
    text += (
        "\n\n![image](#block-5)\n\naxis\n\nFigure 1\n\n![image](#block-7)\n\n1 a note\n\nthe end"
    )
    figures = {5: Figure(1, 5, b"png"), 7: Figure(1, 7, missing="the original is gone")}
    source = source_of([page("/in/a.pdf", 1, text, blocks=blocks)])
    tags = parsed(replace(source, figures=lambda result: figures))
    names = [tag for tag, _ in tags.found]
    counts = {name: names.count(name) for name in ("h1", "li", "th", "td", "figcaption", "aside")}
    assert counts == {"h1": 1, "li": 2, "th": 2, "td": 2, "figcaption": 2, "aside": 1}
    (image,) = (attributes for tag, attributes in tags.found if tag == "img")
    assert image["src"] == "data:image/png;base64," + base64.b64encode(b"png").decode()
    assert "A figure, not here: the original is gone" in tags.text
    assert tags.text.index("the end") < tags.text.index("1 a note")


def test_a_star_of_an_engine_with_lines_is_a_star() -> None:
    result = page("/in/a.pdf", 1, "2 *3* 4")
    assert '<p dir="auto">2 *3* 4</p>' in "".join(html.write(source_of([result])))
    assert "2 <em>3</em> 4" in "".join(html.write(source_of([as_markdown(result)])))


def test_lines_that_an_engine_keeps_apart_stay_apart() -> None:
    result = page("/in/a.pdf", 1, "Part 1 .... 3\nPart 2 .... 9")
    assert "Part 1 .... 3<br>\nPart 2 .... 9" in "".join(html.write(source_of([result])))
    assert "Part 1 .... 3\nPart 2 .... 9" in "".join(html.write(source_of([as_markdown(result)])))
