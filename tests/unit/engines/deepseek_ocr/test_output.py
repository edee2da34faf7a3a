"""The output grammar: regions, boxes, tables, formulas; total on any text."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.engines.deepseek_ocr.output import parse
from pipeline.engines.deepseek_ocr.tables import repair_tables, unify_formulas
from pipeline.types import Block

WIDTH_PX, HEIGHT_PX = 1998, 999
END = "<\uff5cend\u2581of\u2581sentence\uff5c>"

tags = st.sampled_from(
    ["<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>", END, "\n", "text", "image"]
)
numbers = st.integers(-5, 2000).map(str)
lists = st.lists(numbers, max_size=6).map(lambda values: "[[" + ", ".join(values) + "]]")
html = st.sampled_from(
    [
        *("<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "<th colspan=2>", "</th>"),
        *("<thead>", "</thead>", "<tbody>", "<td rowspan='3' onclick=x", "a < b", "<b>", "cell"),
    ]
)
formulas = st.sampled_from([r"\(", r"\)", r"\[", r"\]", r"\\[2pt]", "$", "x", r"\\", "\n"])
answers = st.lists(st.one_of(tags, lists, html, formulas, st.text(max_size=8)), max_size=30).map(
    "".join
)


def a_region(label: str, boxes: str, text: str = "") -> str:
    return f"<|ref|>{label}<|/ref|><|det|>{boxes}<|/det|>\n{text}\n\n"


def test_a_page_of_regions_keeps_its_order_and_boxes() -> None:
    answer = (
        a_region("title", "[[0, 0, 999, 100]]", "# A title")
        + a_region("image", "[[100, 200, 300, 400]]")
        + a_region("image_caption", "[[100, 400, 300, 450]]", "<center>Figure 1</center>")
        + a_region("text", "[[0, 500, 499.5, 999]]", "Words.")
    )
    markdown, blocks = parse(answer + END, WIDTH_PX, HEIGHT_PX)
    assert markdown == "# A title\n\n![image](#block-2)\n\nFigure 1\n\nWords."
    assert blocks == (
        Block("title", "# A title", (0.0, 0.0, 1998.0, 100.0)),
        Block("image", "", (200.0, 200.0, 600.0, 400.0)),
        Block("image_caption", "Figure 1", (200.0, 400.0, 600.0, 450.0)),
        Block("text", "Words.", (0.0, 500.0, 999.0, 999.0)),
    )


def test_a_region_of_several_boxes_has_the_box_around_them() -> None:
    _, (block,) = parse(a_region("text", "[[10,20,30,40], [5, 50,60 ,70]]", "x"), 999, 999)
    assert block.box == (5.0, 20.0, 60.0, 70.0)


@pytest.mark.parametrize(
    ("boxes", "box"),
    [
        ("[[1, 2, 3, 4], [5, 6", (1.0, 2.0, 3.0, 4.0)),
        ("[[30, 40, 10, 20]]", (10.0, 20.0, 30.0, 40.0)),
        ("[[-10, 5, 5000, 6]]", (0.0, 5.0, 999.0, 6.0)),
        ("[[7, 7, 7, 9]]", None),
        ("[[1, 2, 3]]", None),
        ("[[1, 2, 3, 4, 5]]", None),
        ("__import__('os').abort()", None),
        ("", None),
    ],
)
def test_boxes_are_read_whole_ordered_and_clamped(
    boxes: str, box: tuple[float, ...] | None
) -> None:
    markdown, (block,) = parse(a_region("text", boxes, "x"), 999, 999)
    assert (markdown, block.box) == ("x", box)


@pytest.mark.parametrize(
    "cut",
    ["<|ref|>", "<|ref|>tab", "<|ref|>table<|/ref|>", "<|ref|>table<|/ref|><|det|>[[1, 2, 3"],
)
def test_a_tag_that_was_cut_off_leaves_no_text(cut: str) -> None:
    markdown, blocks = parse(a_region("text", "[[1,2,3,4]]", "Words.") + cut, 999, 999)
    assert markdown == "Words."
    assert blocks[0].text == "Words."


def test_text_after_an_unclosed_tag_is_kept_from_the_next_line() -> None:
    markdown, _ = parse("<|ref|>text\nFirst.\n<|det|>[[1,2,3,4]]\nSecond.", 999, 999)
    assert markdown == "First.\n\nSecond."


def test_words_in_place_of_a_label_become_the_text() -> None:
    answer = "<|ref|>Total due<|/ref|><|det|>[[1,2,3,4]]<|/det|>"
    markdown, blocks = parse(answer, 999, 999)
    assert markdown == "Total due"
    assert blocks == (Block("text", "Total due", (1.0, 2.0, 3.0, 4.0)),)


def test_text_before_the_first_region_is_a_block_without_a_box() -> None:
    markdown, blocks = parse("Preamble\n" + a_region("text", "[[1,2,3,4]]", "x"), 999, 999)
    assert markdown == "Preamble\n\nx"
    assert blocks[0] == Block("text", "Preamble")


def test_boxes_without_a_label_and_stray_closings_do_no_harm() -> None:
    markdown, blocks = parse("a<|/ref|><|det|>[[1,2,3,4]]<|/det|>b<|/det|>c", 999, 999)
    assert markdown == "a\n\nbc"
    assert [block.box for block in blocks] == [None, (1.0, 2.0, 3.0, 4.0)]


def test_a_truncated_table_is_closed_inside_its_region() -> None:
    answer = a_region("table", "[[1,2,3,4]]", "<table><tr><td>1</td><td colspan=2>2</td><td ro")
    markdown, _ = parse(answer.rstrip(), 999, 999)
    assert markdown == '<table><tr><td>1</td><td colspan="2">2</td></tr></table>'


@pytest.mark.parametrize(
    ("given_html", "repaired"),
    [
        ("<td>1<td>2<tr><td>3", "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>"),
        ("a</table>b", "ab"),
        ("<table><tr><td onclick='x()' ROWSPAN='2'>a", None),
        ("x < y and <b>bold</b> text", "x < y and <b>bold</b> text"),
        ("<table><thead><tr><th>h</th></tr></thead><tbody><tr><td>1", None),
        ("<table><tr><td><table><tr><td>in</table>out</table>after", None),
    ],
)
def test_tables_are_made_well_formed(given_html: str, repaired: str | None) -> None:
    out = repair_tables(given_html)
    assert repaired is None or out == repaired
    assert "onclick" not in out
    assert _Nesting(out).faults == []


def test_nested_tables_keep_their_text_in_order() -> None:
    out = repair_tables("<table><tr><td><table><tr><td>in</table>out</table>after")
    inner = "<table><tr><td>in</td></tr></table>"
    assert out == f"<table><tr><td>{inner}out</td></tr></table>after"


@pytest.mark.parametrize(
    ("given_text", "unified"),
    [
        (r"so \( x^2 \) is", "so $x^2$ is"),
        (r"\[ a \\[2pt] b \]", r"$$a \\[2pt] b$$"),
        (r"\(open and \(x\)", r"\(open and $x$"),
        (r"\(x\] and \)", r"\(x\] and \)"),
        (r"\( $5 \) \(\)", r"\( $5 \) \(\)"),
        ("costs $5", "costs $5"),
    ],
)
def test_formulas_get_one_convention(given_text: str, unified: str) -> None:
    assert unify_formulas(given_text) == unified


@given(answers, st.integers(0, 4000), st.integers(0, 4000))
@example("<|det|>[[1,2,3,4]]<|/det|><|ref|>", 0, 0)
def test_any_text_is_read_and_every_box_lies_in_the_page(
    answer: str, width_px: int, height_px: int
) -> None:
    markdown, blocks = parse(answer, width_px, height_px)
    assert "<|ref|>" not in markdown
    assert "<|det|>" not in markdown
    for block in blocks:
        if block.box is not None:
            x0, y0, x1, y1 = block.box
            assert 0 <= x0 < x1 <= width_px
            assert 0 <= y0 < y1 <= height_px


@given(st.text())
@example(r"\(x\) <td>a <table> &lt; $")
def test_text_without_tags_is_unchanged(text: str) -> None:
    assert parse(text, 100, 100) == (text, ())
    assert parse(text + END, 100, 100) == (text, ())


@given(st.lists(html, max_size=30).map("".join))
def test_repaired_tables_are_well_formed_and_repairing_twice_changes_nothing(text: str) -> None:
    out = repair_tables(text)
    assert _Nesting(out).faults == []
    assert repair_tables(out) == out


@pytest.mark.parametrize(
    "unit",
    ["<|ref|>", "<|det|>[[", "[[1, ", "<td>", "<table>", "</td>", r"\(", "<table><tr><td>", "<td "],
)
def test_time_is_linear_in_the_length(unit: str) -> None:
    seconds = [_seconds(unit * count) for count in (2_000, 20_000)]
    # Ten times the text takes about ten times as long; a quadratic step would take a hundred.
    assert seconds[1] < max(40 * seconds[0], 0.5)


def _seconds(text: str) -> float:
    start = time.process_time()
    parse("<|ref|>table<|/ref|>" + text, 1000, 1000)
    return time.process_time() - start


class _Nesting(HTMLParser):
    """Collects the table tags of a text that are opened or closed in the wrong place."""

    OUTER = {  # noqa: RUF012
        "thead": {"table"},
        "tbody": {"table"},
        "tr": {"table", "thead", "tbody"},
        "td": {"tr"},
        "th": {"tr"},
    }

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()
        self.faults += [f"open at the end: {tag}" for tag in self.stack]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.OUTER and (not self.stack or self.stack[-1] not in self.OUTER[tag]):
            self.faults.append(f"<{tag}> in {self.stack[-1:]}")
        if tag in self.OUTER or tag == "table":
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        known = tag in self.OUTER or tag == "table"
        if known and (not self.stack or self.stack.pop() != tag):
            self.faults.append(f"</{tag}>")
