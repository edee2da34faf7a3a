"""Untrusted Markdown as HTML in which nothing runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as parser

from pipeline.web.markup import MAX_CHARS, html


@pytest.mark.parametrize(
    "markdown",
    [
        "<script>alert(1)</script>",
        "| a |\n| --- |\n| <img src=x onerror=alert(1)> |\n",
        "<table><tr><td onclick='alert(1)' style='x'>a</td></tr></table>",
        "![<script>alert(1)</script>](x.png)",
        "![a](javascript:alert(1))",
        "[a](javascript:alert(1)) [b](https://example.org)",
        "<svg><a xlink:href='javascript:alert(1)'>x</a></svg>",
        "<iframe src='//example.org'></iframe><style>p{}</style><base href='//x'>",
        "<math><mtext></table><mglyph><style><img src onerror=alert(1)>",
        "</div></section><form action=//x><input autofocus onfocus=alert(1)>",
    ],
)
def test_nothing_runs_loads_or_links(markdown: str) -> None:
    check_harmless(html(markdown))


@given(st.text(alphabet="<>/=\"'`[]()!| \nabonscriptimgrlhef:&;#-", max_size=200))
def test_random_markup_is_harmless(markdown: str) -> None:
    check_harmless(html(markdown))


def check_harmless(content: str) -> None:
    for element in parser.fragment_fromstring(content, create_parent="div").iter():
        assert element.tag not in ("script", "img", "iframe", "style", "svg", "form", "a", "base")
        assert set(element.attrib) <= {"colspan", "rowspan"}


def test_text_and_tables_stay() -> None:
    assert html("# One & <two>\n\n*three*") == "<h1>One &amp; </h1>\n<p><em>three</em></p>\n"
    assert "<td>1 &lt; 2</td>" in html("| a |\n| --- |\n| 1 < 2 |\n")
    assert '<td colspan="2">x</td>' in html('<table><tr><td colspan="2">x</td></tr></table>')
    assert html("![a chart](#block-3)") == "<p><em>[a chart]</em></p>\n"
    assert html("![](#block-3)") == "<p><em>[image]</em></p>\n"


def test_a_text_without_end_is_shown_as_it_is() -> None:
    assert html("<b>" + "x" * MAX_CHARS).startswith("<pre>&lt;b&gt;x")
