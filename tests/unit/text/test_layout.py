from __future__ import annotations

import time
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.text import layout
from pipeline.text.layout.columns import regions
from pipeline.text.layout.merged_lines import ended_at_gutters
from pipeline.text.layout.page_lines import page_lines
from pipeline.types import Line

WIDTH_PX, HEIGHT_PX = 1240, 1754
EM_PX, PITCH_PX = 22.0, 25.0


def line(text: str, x: float, y: float, width: float, height: float = EM_PX) -> Line:
    return Line(text, (x, y, x + width, y + height), 0.9)


def prose(
    name: str,
    x: float,
    y: float,
    width: float,
    count: int,
    *,
    skew: float = 0.0,
    ragged: bool = False,
) -> list[Line]:
    """Running text: `name`0 to `name`N, the last line short."""
    lines = []
    for i in range(count):
        length = width * (0.4 if i == count - 1 else 0.82 + (i * 7 % 5) / 25 if ragged else 1.0)
        text = f"{name}{i} and wrote it down that day"
        lines.append(line(text, x, y + i * PITCH_PX + skew * x, length))
    return lines


def names(lines: list[Line]) -> list[str]:
    return [each.text.split()[0] for each in lines]


def read(lines: list[Line]) -> list[str]:
    """The first word of every line in reading order."""
    known = set(names(lines))
    found = layout.blocks(lines[::-1], WIDTH_PX, HEIGHT_PX)
    return [word for block in found for word in block.text.split() if word in known]


def texts(lines: list[Line]) -> list[str]:
    return [block.text for block in layout.blocks(lines, WIDTH_PX, HEIGHT_PX)]


def test_one_column_is_read_down_and_joined() -> None:
    lines = prose("a", 100, 100, 900, 5)
    (block,) = layout.blocks(lines, WIDTH_PX, HEIGHT_PX)
    assert block.text == " ".join(each.text for each in lines)
    assert block.box == (100, 100, 1000, 100 + 4 * PITCH_PX + EM_PX)
    assert block.score == pytest.approx(0.9)
    assert block.kind == "text"


@pytest.mark.parametrize("gutter_px", [4, 12, 20, 60])
@pytest.mark.parametrize("columns", [2, 3, 4])
@pytest.mark.parametrize("phase_px", [0, 9])
@pytest.mark.parametrize("ragged", [False, True])
def test_columns_are_read_one_after_the_other(
    gutter_px: int, columns: int, phase_px: int, ragged: bool
) -> None:
    width = (1040 - gutter_px * (columns - 1)) / columns
    lines: list[Line] = []
    for i in range(columns):
        x, y = 100 + i * (width + gutter_px), 200 + i * phase_px
        lines += prose("abcd"[i], x, y, width, 30, ragged=ragged)
    assert read(lines) == names(lines)


def test_a_title_over_the_columns_comes_first() -> None:
    lines = [line("Title of the whole", 300, 80, 640, 40)]
    lines += prose("a", 100, 160, 500, 20) + prose("b", 640, 160, 500, 20)
    assert read(lines) == names(lines)


def test_a_short_heading_over_three_columns_divides_them() -> None:
    top = prose("a", 100, 100, 330, 9) + prose("b", 455, 100, 330, 9) + prose("c", 810, 100, 330, 9)
    heading = [line("Results of the second survey of the quays", 100, 360, 600, 34)]
    below = prose("d", 100, 410, 330, 9) + prose("e", 455, 410, 330, 9)
    lines = top + heading + below + prose("f", 810, 410, 330, 9)
    assert read(lines) == names(lines)


def test_columns_below_an_abstract() -> None:
    lines = [line("Title of the whole", 300, 60, 640, 40), *prose("abstract", 200, 130, 840, 7)]
    lines += prose("a", 100, 340, 500, 30) + prose("b", 640, 340, 500, 30)
    assert read(lines) == names(lines)


def test_columns_of_unequal_length() -> None:
    lines = prose("a", 100, 100, 500, 40) + prose("b", 640, 100, 500, 7)
    assert read(lines) == names(lines)


def test_a_figure_with_its_caption_does_not_end_a_column() -> None:
    left = prose("a", 100, 100, 500, 40)
    right = [*prose("b", 640, 100, 500, 10), line("Figure 2. Ships by year", 640, 700, 300, 18)]
    lines = left + right + prose("c", 640, 760, 500, 13)
    assert read(lines) == names(lines)


def test_columns_of_a_slightly_turned_page() -> None:
    lines = prose("a", 100, 100, 500, 40, skew=0.015)
    lines += prose("b", 630, 100, 500, 40, skew=0.015)
    assert read(lines) == names(lines)


def test_running_head_and_page_number_stay_outside_the_columns() -> None:
    head = [line("Harbour gazette", 100, 40, 200), line("447", 1090, 40, 50)]
    body = prose("a", 100, 120, 500, 40) + prose("b", 640, 120, 500, 40)
    foot = [line("17", 100, 1650, 30)]
    lines = head + body + foot
    assert read(lines) == names(lines)


def test_a_table_is_read_row_by_row() -> None:
    cells = [["Port", "Year", "Ships", "Tonnes", "Dues"]]
    cells += [[f"Quay{i}", str(1820 + i), str(10 + i), f"{i},204", f"{i}.50"] for i in range(9)]
    lines = [
        line(cell, 100 + 200 * j, 300 + 32 * i, 90)
        for i, row in enumerate(cells)
        for j, cell in enumerate(row)
    ]
    (text,) = texts(lines)
    assert text.splitlines() == ["\t".join(row) for row in cells]


def test_a_table_with_wordy_cells_is_read_row_by_row() -> None:
    substances = ["Cadmium oxide (Cd)", "Mercury (Hg) salts", "Hexavalent Chromium (Cr6+)"]
    lines = []
    for i in range(9):
        name = f"{substances[i % 3]} {'and others' * (i % 2)}".strip()
        lines.append(line(name, 150, 300 + 26 * i, 9 * len(name)))
        lines.append(line(f"{i}00 ppm (0.1 weight %)", 560, 300 + 26 * i, 200))
    (text,) = texts(lines)
    assert text.splitlines() == [
        f"{left.text}\t{right.text}" for left, right in zip(lines[::2], lines[1::2], strict=True)
    ]


def test_a_table_between_columns_and_text() -> None:
    top = prose("a", 100, 100, 500, 12) + prose("b", 640, 100, 500, 12)
    table = [line(f"r{i}c{j}", 140 + 250 * j, 450 + 32 * i, 80) for i in range(6) for j in range(4)]
    lines = top + table
    assert read(lines) == names(lines)


def test_labels_and_their_values_stay_together() -> None:
    pairs = [("Name:", "Tarn Rope Works"), ("Order number:", "2024-117"), ("Due:", "13 April")]
    lines = []
    for i, (label, value) in enumerate(pairs):
        lines += [line(label, 100, 100 + 27 * i, 120), line(value, 420, 100 + 27 * i, 160)]
    assert "\n".join(texts(lines)) == "\n".join(f"{label}\t{value}" for label, value in pairs)


def test_numbers_and_their_items_stay_together() -> None:
    lines = []
    for i in range(8):
        lines += [line(f"{i + 1}.", 100, 100 + i * 50, 20)]
        lines += [line(f"item{i} is long enough to wrap, so it", 180, 100 + i * 50, 700)]
        lines += [line(f"goes{i} on below", 180, 125 + i * 50, 200)]
    assert read(lines) == names(lines)


def test_addresses_side_by_side_are_read_one_after_the_other() -> None:
    seller = ["Seller", "Tarn Rope Works Ltd", "14 Capstan Lane", "Aldmouth AM3 7QQ"]
    buyer = ["Buyer", "Messrs Quill and Hatch", "Granary House, Weir Road", "Brigg BG1 2XY"]
    lines = [line(text, 100, 100 + 26 * i, 10 * len(text)) for i, text in enumerate(seller)]
    lines += [line(text, 700, 100 + 26 * i, 10 * len(text)) for i, text in enumerate(buyer)]
    assert " ".join(texts(lines)).split() == " ".join(seller + buyer).split()


def test_a_note_in_the_margin_is_not_mixed_into_the_text() -> None:
    note = [
        line(text, 100, 206 + 20 * i, 120, 16)
        for i, text in enumerate(["Note: the harbour", "office closes at", "five on Fridays"])
    ]
    body = prose("a", 300, 100, 800, 16)
    order = names(body)
    assert [word for word in read(note + body) if word in order] == order
    joined = " ".join(texts(note + body))
    assert "Note: the harbour office closes at five on Fridays" in joined


def test_bulleted_columns() -> None:
    lines = []
    for j, x in enumerate((100, 640)):
        for i in range(12):
            y = 100 + i * 58
            lines.append(line(f"{'ab'[j]}{i} • a thing that was counted by", x, y, 460))
            lines.append(line(f"{'cd'[j]}{i} hand on the quay", x, y + 25, 260))
    assert read(lines) == names(lines)


def test_pieces_of_one_line_are_joined_from_left_to_right() -> None:
    lines = [line("left part", 100, 100, 300), line("right part", 408, 102, 300)]
    assert texts(lines) == ["left part right part"]


def test_a_hyphen_at_a_line_end_keeps_the_line_end() -> None:
    lines = [line("the clerk re-", 100, 100, 900), line("corded all of it", 100, 125, 900)]
    assert texts(lines) == ["the clerk re-\ncorded all of it"]


def test_chinese_lines_are_joined_without_a_space() -> None:
    lines = [line("港口管理员", 100, 100, 900), line("记录每艘船", 100, 125, 900)]
    assert texts(lines) == ["港口管理员记录每艘船"]


def test_paragraphs_end_at_white_space_indents_and_bullets() -> None:
    lines = prose("a", 100, 100, 900, 4) + prose("b", 100, 225, 900, 3)
    lines += [*prose("c", 130, 300, 870, 1), line("• d0 is an item", 100, 325, 400)]
    assert [text.split()[0] for text in texts(lines)] == ["a0", "b0", "c0", "•"]


def test_a_heading_is_a_block_of_its_own() -> None:
    lines = [line("Heading", 100, 60, 300, 38), *prose("a", 100, 100, 900, 4)]
    assert [text.split()[0] for text in texts(lines)] == ["Heading", "a0"]


def test_text_that_runs_down_the_page_is_read_as_if_turned() -> None:
    upright = prose("a", 100, 100, 400, 12) + prose("b", 540, 100, 400, 12)
    turned = [
        Line(each.text, (1000 - each.box[3], each.box[0], 1000 - each.box[1], each.box[2]), 0.9)
        for each in upright
    ]
    assert read(turned) == names(upright)
    stamp = line("a stamp in the margin", 20, 300, 25, 500)
    assert texts([stamp, *upright])[-1] == stamp.text


numbers = st.floats(-1e6, 1e6) | st.integers(0, 1300).map(float)
boxes = st.tuples(numbers, numbers, numbers, numbers)
neat = st.builds(
    lambda x, y, width: (x * 20.0, y * 24.0, x * 20.0 + width, y * 24.0 + 22.0),
    st.integers(0, 50),
    st.integers(0, 60),
    st.integers(1, 900),
)
words = st.text("abc ABC1:.-•港", min_size=1, max_size=30).filter(str.strip)
pages = st.lists(st.builds(Line, words, boxes | neat, st.floats(0, 1)), max_size=40)


@given(pages)
@example([])
@example([line("a", 0, 0, 0, 0)] * 3)
@example([line("a", 5, 5, -10, -10), line("b", 5, 5, 10, 10)])
def test_every_text_is_in_one_block(lines: list[Line]) -> None:
    found = layout.blocks(lines, WIDTH_PX, HEIGHT_PX)
    before = Counter("".join(each.text for each in lines).replace(" ", ""))
    after = Counter("".join(block.text for block in found).translate({9: "", 10: "", 32: ""}))
    assert after == before


def test_the_order_given_does_not_matter_where_lines_differ_in_their_scores_alone() -> None:
    doubted, sure = (Line("1", (0.0, 0.0, 12.0, 22.0), score) for score in (0.0, 1.0))
    other = Line("1", (0.0, 0.0, 0.0, 30.0), 0.0)
    given_order = layout.blocks([doubted, sure, other], WIDTH_PX, HEIGHT_PX)
    assert layout.blocks([sure, doubted, other], WIDTH_PX, HEIGHT_PX) == given_order


@given(pages, st.randoms())
def test_the_order_given_does_not_matter(lines: list[Line], random: Random) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)
    given_order = layout.blocks(lines, WIDTH_PX, HEIGHT_PX)
    assert layout.blocks(shuffled, WIDTH_PX, HEIGHT_PX) == given_order


@given(pages)
def test_boxes_stay_inside_the_lines(lines: list[Line]) -> None:
    for block in layout.blocks(lines, WIDTH_PX, HEIGHT_PX):
        assert block.box is not None
        assert block.box[0] >= min(each.box[0] for each in lines)
        assert block.box[1] >= min(each.box[1] for each in lines)
        assert block.box[2] <= max(each.box[2] for each in lines)
        assert block.box[3] <= max(each.box[3] for each in lines)
        assert block.score is not None
        assert 0 <= block.score <= 1


@given(pages)
def test_regions_share_out_the_lines(lines: list[Line]) -> None:
    page = page_lines(lines)
    shared = [each for region in regions(page) for each in region.tolist()]
    # A bullet or number goes where its item goes.
    shared += [mark for each in shared if (mark := int(page.marker[each])) >= 0]
    assert sorted(shared) == list(range(len(lines)))


@pytest.mark.parametrize("columns", [1, 8, 50])
def test_five_thousand_lines_take_seconds(columns: int) -> None:
    lines = [
        line(f"going on with {i}", i % columns * 260, i // columns * 24, 240) for i in range(5000)
    ]
    began = time.process_time()
    assert layout.blocks(lines, 260 * columns, 120_000)
    assert time.process_time() - began < 20


def test_wide_lines_over_thousands_of_labels_take_no_time() -> None:
    i = np.arange(3000)
    x0, y0, is_wide = i * 7.3 % 5000, i * 70 / len(i), i % 50 == 0
    x1 = np.where(is_wide, 5000.0, x0 + 20)
    x0[is_wide] = 0
    began = time.process_time()
    assert (ended_at_gutters(x0, y0, x1, y0 + 10, 10.0) == x1).all()
    assert time.process_time() - began < 1


def entry(title: str, number: str, y: float) -> list[Line]:
    """A row of a list of contents."""
    width = 11.0 * len(title)
    dots = line(" ".join("." * 40), 110 + width, y, 840 - width)
    return [line(title, 100, y, width), dots, line(number, 960, y, 30)]


def test_a_leader_bridges_the_gutter_of_a_list_of_contents() -> None:
    titles = ["Harbours", "Timber of the north", "Ledgers", "Wool", "Dues", "Quays"]
    lines = [each for i, title in enumerate(titles) for each in entry(title, str(i), 100 + 25 * i)]
    (block,) = layout.blocks(lines[::-1], WIDTH_PX, HEIGHT_PX)
    dots = " ".join("." * 40)
    assert block.text.split("\n") == [f"{title} {dots} {i}" for i, title in enumerate(titles)]


LEADERS = (
    "." * 30,
    ". " * 20,
    ".  " * 15,
    "\u2026" * 9,
    "\u00b7" * 20,
    "\u00b7 " * 15,
    "\u2022" * 15,
    "\u2024" * 20,
    "\u2025" * 9,
    "_" * 20,
    "- " * 12,
    "," * 20,
    ".. ," * 6,
    "...",
    ". . .",
    "\u2026",
)


@pytest.mark.parametrize("dots", LEADERS)
def test_every_entry_of_a_list_of_contents_is_a_line(dots: str) -> None:
    titles = ["Harbours", "Timber of the north", "Ledgers", "Wool", "Dues", "Quays"]
    entries = [f"{title} {dots.strip()} {9 * i + 4}" for i, title in enumerate(titles)]
    lines = [line(text, 100, 100 + 25 * i, 860) for i, text in enumerate(entries)]
    assert "\n".join(texts(lines)).split("\n") == entries


@pytest.mark.parametrize(
    "mark", ["...", "\u2026", "\u2026\u2026", ", ", ": ", " - ", " \u2013 ", "\u00b7", "; "]
)
def test_marks_inside_prose_do_not_end_its_lines(mark: str) -> None:
    lines = [
        line(f"words and{mark}words of row {i} to its end", 100, 100 + 25 * i, 860)
        for i in range(6)
    ]
    (block,) = layout.blocks(lines, WIDTH_PX, HEIGHT_PX)
    assert "\n" not in block.text


def test_a_dotted_rule_stands_alone_in_its_column() -> None:
    left, right = prose("a", 100, 100, 480, 24), prose("b", 620, 100, 480, 24)
    rule = line(". . . . . . . . . . . .", 620, right[12].box[1], 480)
    found = texts([*left, *right[:12], rule, *right[13:]])
    where = found.index(rule.text)
    assert "b11" in found[where - 1]
    assert found[where + 1].startswith("b13")
    assert read([*left, *right[:12], *right[13:]]) == names([*left, *right[:12], *right[13:]])


def contents(x: float, name: str, count: int) -> list[Line]:
    """Entries of a table of contents in a column, their numbers apart from their texts."""
    found = []
    for i in range(count):
        y = 100 + 1.6 * i * PITCH_PX
        found.append(line(f"{i // 4 + 1}.{i % 4}", x, y, 30))
        found.append(line(f"{name}{i} of the harbour {'.' * 30} {i}", x + 50, y, 430))
    return found


def test_contents_in_two_columns_are_read_one_after_the_other() -> None:
    lines = [*contents(100, "ledger", 14), *contents(640, "quay", 14)]
    expected = [each.text.split()[0] for each in lines]
    assert [word for word in read(lines) if word in set(expected)] == expected


def test_two_pages_side_by_side_are_read_one_after_the_other() -> None:
    left, right = [], []
    for i, gap in enumerate((0, 1, 0, 2, 1, 0, 3, 0, 1, 2, 0, 1)):
        y = 100 + 40 * i
        left.append(line(f"Left{i} answer of the master", 60, y + 5 * gap, 250 + 20 * gap))
        right.append(line(f"Right{i} answer of the clerk", 740, y + 17 + 4 * gap, 260 + 15 * gap))
    lines = [*left, *right]
    assert read(lines) == names(lines)


def test_rows_across_a_wide_gap_stay_together() -> None:
    lines = [
        each
        for i in range(12)
        for each in (
            line(f"Label{i} of the row", 60, 100 + 40 * i, 250),
            line(f"Value{i} of the row", 740, 100 + 40 * i, 250),
        )
    ]
    assert read(lines) == names(lines)
