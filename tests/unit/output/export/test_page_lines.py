"""Lines by their blocks, estimated lines, and the places of words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.rotation import TURNS, turn_back, turn_size
from pipeline.output.export.page_lines import PlacedLine, lined_blocks, words
from pipeline.output.export.plain_text import plain_text
from pipeline.types import Block, Box, Line, PageResult, Recognition, Source, Status
from tests.support.exports import page

UPRIGHT_PX = (1000, 1400)


def read(
    blocks: list[Block], lines: list[Line] = (), source: Source = Source.OCR, deg: int = 0
) -> PageResult:
    recognition = Recognition(Status.OK, "x", tuple(blocks), lines=tuple(lines))
    width_px, height_px = turn_size(*UPRIGHT_PX, -deg % 360)
    return replace(
        page("/a.pdf", 1, "x"),
        recognition=recognition,
        source=source,
        width_px=width_px,
        height_px=height_px,
        turned_deg=deg,
    )


def test_lines_are_in_the_smallest_block_around_their_middle() -> None:
    blocks = [
        Block("text", "page", (0, 0, 1000, 1000)),
        Block("table", "cell", (100, 100, 400, 200)),
    ]
    lines = [
        Line("cell", (110, 120, 200, 140), 0.9),
        Line("around", (500, 500, 700, 520), 0.8),
        Line("outside", (10, 1200, 90, 1220), 0.7),
    ]
    found = lined_blocks(read(blocks, lines))
    assert [(block.kind, [line.text for line in block.lines]) for block in found] == [
        ("text", ["around"]),
        ("table", ["cell"]),
        ("text", ["outside"]),
    ]
    assert found[2].box == (10, 1200, 90, 1220)
    assert not any(line.is_estimated for block in found for line in block.lines)


def test_a_block_without_lines_on_a_page_with_lines_stays_empty() -> None:
    blocks = [Block("text", "read", (0, 0, 100, 20)), Block("image", "", (0, 100, 90, 200))]
    found = lined_blocks(read(blocks, [Line("read", (0, 0, 100, 20), 1.0)]))
    assert [len(block.lines) for block in found] == [1, 0]


def test_a_line_without_a_word_is_none() -> None:
    blocks = [Block("text", "x", (0, 0, 100, 20))]
    [found] = lined_blocks(read(blocks, [Line(" \x0b", (0, 0, 100, 20), 1.0)]))
    assert found.lines == ()


def test_of_a_mixed_page_only_the_layers_lines_are_estimated() -> None:
    blocks = [
        Block("text", "of the layer", (0, 0, 500, 20)),
        Block("text", "read", (0, 50, 99, 70)),
    ]
    found = lined_blocks(read(blocks, [Line("read", (0, 50, 99, 70), 1.0)], Source.MIXED))
    assert [line.is_estimated for block in found for line in block.lines] == [True, False]


@pytest.mark.parametrize(
    ("deg", "right", "up"), [(0, 0, 270), (90, 270, 180), (180, 180, 90), (270, 90, 0)]
)
def test_lines_of_a_turned_page_run_where_its_text_runs(deg: int, right: int, up: int) -> None:
    boxes: list[Box] = [(100, 100, 800, 130), (900, 100, 930, 500)]
    lines = [
        Line(text, turn_back(box, *UPRIGHT_PX, deg), 1.0)
        for text, box in zip(("a line of the text", "stamp"), boxes, strict=True)
    ]
    found = lined_blocks(read([], lines, deg=deg))
    assert [block.lines[0].direction_deg for block in found] == [right, up]


def test_where_most_text_is_vertical_it_runs_down() -> None:
    lines = [Line("縦書きの日本語", (900 - 50 * i, 100, 930 - 50 * i, 700), 1.0) for i in range(5)]
    found = lined_blocks(read([], lines))
    assert {block.lines[0].direction_deg for block in found} == {90}


PROSE = "the old harbour master had written down every ship that came into the bay " * 4


@pytest.mark.parametrize("deg", TURNS)
def test_estimated_lines_fill_their_block_from_top_to_bottom(deg: int) -> None:
    box = (100.0, 200.0, 600.0, 400.0)
    block = Block("text", PROSE, turn_back(box, *UPRIGHT_PX, deg), 0.7)
    [found] = lined_blocks(read([block], deg=deg))
    assert " ".join(line.text for line in found.lines).split() == PROSE.split()
    assert {(line.direction_deg, line.score) for line in found.lines} == {(-deg % 360, 0.7)}
    assert all(line.is_estimated for line in found.lines)
    # On the upright page.
    shown = turn_size(*UPRIGHT_PX, -deg % 360)
    upright = [turn_back(line.box, *shown, -deg % 360) for line in found.lines]
    assert upright[0][1] == pytest.approx(200)
    assert upright[-1][3] == pytest.approx(400)
    assert all(above[3] == pytest.approx(below[1]) for above, below in pairwise(upright))
    assert all(x0 == 100 and x1 <= 600 for x0, _, x1, _ in upright)
    heights = [y1 - y0 for _, y0, _, y1 in upright]
    assert 20 < heights[0] < 45  # 300 characters in 500 by 200 px


def test_estimated_lines_of_right_to_left_text_begin_at_the_right() -> None:
    [found] = lined_blocks(read([Block("text", "שלום\nשלום עולם ושלום לכולם", (0, 0, 400, 80))]))
    assert [line.box[2] for line in found.lines] == [400, 400]
    assert found.lines[0].box[0] > found.lines[1].box[0]


@given(
    st.text(),
    st.tuples(*[st.integers(-10, 2000)] * 4),
    st.sampled_from(TURNS),
    st.sampled_from(["text", "table", "image", "title"]),
)
def test_every_word_of_any_block_is_in_a_line(text: str, box: Box, deg: int, kind: str) -> None:
    block = Block(kind, text, box)
    [found] = lined_blocks(read([block], deg=deg))
    written = " ".join(line.text for line in found.lines).split()
    is_empty = box[2] <= box[0] or box[3] <= box[1]
    assert written == ([] if is_empty else plain_text(block).split())
    for line in found.lines:
        assert [word.text for word in words(line)] == line.text.split()


LINE: Box = (100, 50, 300, 70)


def test_words_share_the_line_by_the_widths_of_their_characters() -> None:
    one, two, three = words(PlacedLine("iii MMM iii", LINE))
    assert (one.box[0], three.box[2]) == pytest.approx((100, 300))
    assert one.box[2] < two.box[0] < two.box[2] < three.box[0]
    assert two.box[2] - two.box[0] > 3 * (one.box[2] - one.box[0])
    assert {word.box[1::2] for word in (one, two, three)} == {(50, 70)}


@pytest.mark.parametrize(
    ("direction", "first_begins"), [(0, (0, 100)), (90, (1, 50)), (180, (2, 300)), (270, (3, 70))]
)
def test_words_follow_the_direction_of_their_line(
    direction: int, first_begins: tuple[int, float]
) -> None:
    first, last = words(PlacedLine("first last", LINE, direction))
    side, value = first_begins
    assert first.box[side] == pytest.approx(value)
    assert last.box[(side + 2) % 4] == pytest.approx(LINE[(side + 2) % 4])


def test_words_of_a_right_to_left_line_begin_at_its_right() -> None:
    first, last = words(PlacedLine("שלום עולם", LINE))
    assert (first.text, last.text) == ("שלום", "עולם")
    assert first.box[2] == pytest.approx(300)
    assert last.box[0] == pytest.approx(100)


@pytest.mark.parametrize("font", ["helv", "tiro"])
@pytest.mark.parametrize(
    "text",
    [
        "Results of the annual meeting were published in May 2021 (see table 3, page 117) by a",
        "every ship that came into the bay since the spring and no one but his daughter could",
        "Ces élèves déjà préparés ont reçu où il fallait plusieurs bons livres brisés en été",
    ],
)
def test_words_of_a_printed_line_are_within_three_points(text: str, font: str) -> None:
    printed = pymupdf.Font(font)
    size_pt, at = 10, 0.0
    true = []
    for word in text.split():
        width = printed.text_length(word, size_pt)
        true.append((at, at + width))
        at += width + printed.text_length(" ", size_pt)
    found = words(PlacedLine(text, (0, 0, true[-1][1], size_pt)))
    for (begin, end), word in zip(true, found, strict=True):
        assert abs(word.box[0] - begin) < 3
        assert abs(word.box[2] - end) < 3


@pytest.mark.parametrize(
    ("kind", "text", "plain"),
    [
        ("title", "# Results", "Results"),
        ("text", "a **bold** word, 3 * 4, #5", "a bold word, 3 * 4, #5"),
        ("table", "| a | b\\|c |\n| --- | --- |\n| 1 | |", " a \t b|c \n\n 1 \t "),
        ("table", "<table><tr><td>a &amp; b</td><th>c</th></tr></table>", "a & b\tc\t\n"),
        ("image", "![image](#block-3)", ""),
        ("text", "if x < y and y > z or a<b and c>d", "if x < y and y > z or a<b and c>d"),
        ("text", "H<sub>2</sub>O &amp; more", "H2O & more"),
    ],
)
def test_the_marks_of_markdown_and_html_are_no_words(kind: str, text: str, plain: str) -> None:
    assert plain_text(Block(kind, text)).split() == plain.split()
