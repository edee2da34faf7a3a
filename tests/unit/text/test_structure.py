"""Structure of made pages: every word once, whatever is said of the lines; and what they become."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.text import layout
from pipeline.text.structure import PageSigns, Style, markdown, structured
from pipeline.types import Block, Box, Line, LineKind, Region, RegionKind

WIDTH_PX, HEIGHT_PX = 1275, 1650
BODY = Style(22.0)
_FIGURE = re.compile(r"!\[image\]\(#block-\d+\)")

words = st.sampled_from(
    ["harbour", "12.50", "Total", "a|b", "•", "1.", "o", "Figure 1:", "the ship that"]
)
coordinates = st.integers(0, 60).map(lambda step: 20.0 * step)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(coordinates), draw(coordinates)
    return x0, y0, x0 + draw(st.integers(1, 40)) * 20.0, y0 + draw(st.integers(1, 10)) * 11.0


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[Line], PageSigns]:
    """Lines anywhere, and anything said of them."""
    lines = [Line(draw(words), draw(boxes()), 0.9) for _ in range(draw(st.integers(0, 25)))]
    kinds = st.tuples(*(st.sampled_from(LineKind) for _ in lines))
    styles = st.tuples(*(st.builds(Style, st.sampled_from([18.0, 22.0, 40.0])) for _ in lines))
    regions = st.lists(st.builds(Region, st.sampled_from(RegionKind), boxes()), max_size=4)
    signs = PageSigns(
        draw(st.just(()) | kinds),
        draw(st.just(()) | styles),
        tuple(draw(regions)),
        tuple(draw(st.lists(boxes(), max_size=8))),
        tuple(draw(st.lists(boxes(), max_size=4))),
    )
    return lines, signs


def counted(blocks: tuple[Block, ...]) -> Counter[str]:
    return Counter(re.findall(r"\w+", _FIGURE.sub(" ", markdown(blocks))))


@given(pages())
@example(([], PageSigns(regions=(Region(RegionKind.PICTURE, (0.0, 0.0, 500.0, 500.0)),))))
def test_no_word_is_lost_or_doubled(page: tuple[list[Line], PageSigns]) -> None:
    lines, signs = page
    plain = layout.blocks(lines, WIDTH_PX, HEIGHT_PX)
    assert counted(structured(lines, WIDTH_PX, HEIGHT_PX, signs)) == counted(plain)


def column(
    top: float, *texts: str, left: float = 100, width: float = 500, height: float = 26
) -> list[Line]:
    """Lines of body text, one below the other."""
    return [
        Line(text, (left, top + 32 * i, left + width, top + 32 * i + height), 1.0)
        for i, text in enumerate(texts)
    ]


def prose(top: float, rows: int, left: float = 100, width: float = 500) -> list[Line]:
    texts = ["the harbour master wrote down every ship that came"] * rows
    return column(top, "The old " + texts[0], *texts[1:], left=left, width=width)


def kinds_and_texts(blocks: tuple[Block, ...]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks]


def styled(lines: list[Line], **styles: Style) -> PageSigns:
    """Signs in which lines that begin with a word have its style."""
    of = [styles.get(line.text.split()[0].lower(), BODY) for line in lines]
    return PageSigns(styles=tuple(of))


def test_fonts_tell_the_title_headings_and_footnotes() -> None:
    lines = [
        *column(120, "Ships of the bay", height=50),
        *prose(260, 6),
        *column(500, "Weather and cargo"),
        *prose(560, 6),
        *column(1500, "* of the year before", height=20),
    ]
    bold, small = Style(22.0, is_bold=True), Style(16.0)
    signs = styled(lines, ships=Style(44.0), weather=bold, **{"*": small})
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, signs))
    assert [kind for kind, _ in found] == ["title", "text", "sub_title", "text", "footnote"]
    assert found[0][1] == "# Ships of the bay"
    assert found[2][1] == "## Weather and cargo"


def test_bold_says_nothing_where_all_text_is_bold() -> None:
    lines = [*column(120, "Ships of the bay"), *prose(300, 6)]
    signs = PageSigns(styles=(Style(22.0, is_bold=True),) * len(lines))
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    assert not any(block.text.startswith("#") for block in blocks)


def test_bullets_make_a_list_with_dashes_and_numbers_stay() -> None:
    lines = [
        *prose(300, 4),
        *column(500, "• copper and tin", "• a ledger that is"),
        *column(564, "continued here", left=130, width=300),
        *prose(700, 4),
        *column(900, "1. first harbour", "2. second harbour"),
    ]
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns()))
    lists = [text for kind, text in found if kind == "list"]
    assert lists == [
        "- copper and tin\n- a ledger that is continued here",
        "1. first harbour\n2. second harbour",
    ]


def test_a_single_numbered_paragraph_is_no_list() -> None:
    lines = [*prose(300, 4), *column(500, "1. first harbour"), *prose(600, 4)]
    assert {block.kind for block in structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns())} == {"text"}


def test_heads_and_feet_of_the_page_are_told_by_their_place() -> None:
    lines = [*column(60, "Ledger of ships"), *prose(300, 20), *column(1580, "17", width=30)]
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns()))
    assert [kind for kind, _ in found] == ["header", "text", "footer"]


def cells(top: float, rows: list[tuple[str, ...]], left: float = 100) -> list[Line]:
    """Cells 250 px apart in rows 40 px apart."""
    return [
        Line(
            text,
            (left + 250 * x, top + 40 * y, left + 250 * x + 12 * len(text), top + 40 * y + 26),
            1.0,
        )
        for y, row in enumerate(rows)
        for x, text in enumerate(row)
        if text
    ]


TABLE = [("Ship", "Cargo", "Tons"), ("Anna", "Tin | lead", "12.5"), ("Berta", "Copper", "9")]
PIPES = (
    "| Ship | Cargo | Tons |\n| --- | --- | --- |\n| Anna | Tin \\| lead | 12.5 |\n"
    "| Berta | Copper | 9 |"
)


def test_aligned_cells_make_a_table_without_any_sign() -> None:
    lines = [*prose(200, 5), *cells(420, TABLE), *prose(620, 5)]
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns()))
    assert [kind for kind, _ in found] == ["text", "table", "text"]
    assert found[1][1] == PIPES


def test_entries_with_leaders_are_no_table() -> None:
    entries = [(f"Chapter {i} . . . . . . . . .", str(i)) for i in range(5)]
    blocks = structured(cells(300, entries), WIDTH_PX, HEIGHT_PX, PageSigns())
    assert not any(block.kind == "table" for block in blocks)


def test_a_cell_of_several_lines_is_one_between_two_rules() -> None:
    rows = [
        ("Ship", "Cargo"),
        ("Anna", "tin and"),
        ("", "lead in"),
        ("", "bars"),
        ("Berta", "copper"),
    ]
    lines = cells(400, rows)
    levels = (390, 433, 553, 600)
    across = [(90.0, float(y), 700.0, float(y) + 1) for y in levels]
    down = [(float(x), 390.0, float(x) + 1, 600.0) for x in (90, 340, 700)]
    signs = PageSigns(rules=(*across, *down))
    [table] = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    assert table.kind == "table"
    assert table.text.splitlines()[2:] == ["| Anna | tin and lead in bars |", "| Berta | copper |"]


def test_a_region_that_holds_running_text_is_no_table() -> None:
    lines = [*prose(300, 12), *prose(300, 12, left=680)]
    signs = PageSigns(regions=(Region(RegionKind.TABLE, (90.0, 290.0, 1190.0, 700.0)),))
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    plain = layout.blocks(lines, WIDTH_PX, HEIGHT_PX)
    assert [block.text for block in blocks] == [block.text for block in plain]


def test_a_figure_keeps_its_labels_out_of_the_text_and_precedes_its_caption() -> None:
    labels = [
        Line("tons", (700.0, 420.0, 760.0, 446.0), 1.0),
        Line("1900", (1000.0, 640.0, 1060.0, 666.0), 1.0),
    ]
    caption = column(720, "Figure 2: tin by year", left=690)
    lines = [*prose(300, 24), *prose(300, 2, left=690), *labels, *caption, *prose(800, 8, left=690)]
    signs = PageSigns(regions=(Region(RegionKind.PICTURE, (690.0, 400.0, 1190.0, 700.0)),))
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    assert [block.kind for block in blocks] == ["text", "text", "image", "image_caption", "text"]
    figure = blocks[2]
    assert figure.box == (690.0, 400.0, 1190.0, 700.0)
    assert Counter(figure.text.split()) == Counter(["tons", "1900"])
    assert "![image](#block-3)\n\n" in markdown(blocks)


def test_a_table_across_two_columns_is_read_between_them() -> None:
    lines = [
        *prose(200, 8),
        *prose(200, 8, left=680),
        *cells(520, [row + row[:2] for row in TABLE]),
        *prose(720, 8),
        *prose(720, 8, left=680),
    ]
    signs = PageSigns(regions=(Region(RegionKind.TABLE, (95.0, 510.0, 1190.0, 640.0)),))
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    assert [block.kind for block in blocks] == ["text", "text", "table", "text", "text"]


@pytest.mark.parametrize("top_px", [60.0, 1580.0])
@pytest.mark.parametrize(("text", "is_margin"), [("Ledger of ships", False), ("- 17 -", True)])
def test_the_only_line_of_a_page_is_its_text_unless_it_is_a_page_number(
    top_px: float, text: str, is_margin: bool
) -> None:
    (block,) = structured(column(top_px, text), WIDTH_PX, HEIGHT_PX, PageSigns())
    assert block.text == text
    assert (block.kind in ("header", "footer")) is is_margin


def test_the_layout_models_word_names_the_paragraphs_of_a_scan() -> None:
    lines = [
        *column(60, "Ledger of ships"),
        *column(200, "Ships of the bay", height=60),
        *prose(400, 6),
        *column(640, "x = y + z"),
        *column(700, "Table of tons by year"),
    ]
    said = [LineKind.PAGE_HEADER, LineKind.TITLE, *[LineKind.TEXT] * 6]
    signs = PageSigns(kinds=(*said, LineKind.FORMULA, LineKind.CAPTION))
    found = [block.kind for block in structured(lines, WIDTH_PX, HEIGHT_PX, signs)]
    assert found == ["header", "title", "text", "equation", "table_caption"]


def test_vertical_lines_stay_plain_and_come_last() -> None:
    stamp = Line("received in May", (1200.0, 300.0, 1230.0, 700.0), 1.0)
    blocks = structured([stamp, *prose(300, 8)], WIDTH_PX, HEIGHT_PX, PageSigns())
    assert [block.text.split()[0] for block in blocks] == ["The", "received"]


def test_a_caption_in_the_region_of_a_ruled_table_is_none_of_its_rows() -> None:
    lines = [
        *column(340, "Ships by cargo", width=300),
        *cells(400, [*TABLE, ("Clara", "Wool", "3")]),
    ]
    down = tuple((float(x), 390.0, float(x) + 1, 560.0) for x in (90, 340, 590, 840))
    signs = PageSigns(regions=(Region(RegionKind.TABLE, (80.0, 335.0, 850.0, 570.0)),), rules=down)
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, signs))
    assert [kind for kind, _ in found] == ["text", "table"]
    assert found[1][1] == PIPES + "\n| Clara | Wool | 3 |"


def test_cells_left_of_a_region_that_was_found_too_small_belong_to_the_table() -> None:
    lines = [*prose(200, 4), *cells(400, TABLE), *prose(620, 4)]
    signs = PageSigns(regions=(Region(RegionKind.TABLE, (340.0, 390.0, 900.0, 520.0)),))
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, signs))
    assert found[1] == ("table", PIPES)


@pytest.mark.parametrize(("bullet", "expected"), [("•", "- "), ("o", "- o\t"), ("1.", "1.\t")])
def test_bullets_that_stand_apart_make_a_list_and_no_table(bullet: str, expected: str) -> None:
    texts = ["Copper from the north", "Tin and lead in bars", "Wool in small bales"]
    items = column(500, *texts, left=180, width=400)
    bullets = [Line(bullet, (120, line.box[1], 135, line.box[3]), 1.0) for line in items]
    lines = [*prose(300, 4), *items, *bullets, *prose(700, 4)]
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns()))
    assert [kind for kind, _ in found] == ["text", "list", "text"]
    assert found[1][1] == "\n".join(expected + text for text in texts)


def test_the_number_of_a_heading_makes_no_table() -> None:
    lines: list[Line] = []
    for i, top in enumerate((300, 600, 900)):
        lines += column(top, f"2.{i}", width=40) + column(top, "Weather", left=220, width=140)
        lines += prose(top + 60, 5)
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns())
    assert not any(block.kind == "table" for block in blocks)


def test_notes_far_apart_in_the_margin_are_no_column() -> None:
    margin, text = {"left": 100.0, "width": 220.0}, {"left": 400.0, "width": 700.0}
    heading = column(400, "Starting a New", "program or a", "function", **margin)
    note = ("Note: a program", "is saved while", "it is written, no", "need to save it", "by hand")
    lines = [
        *column(120, "Each time you start", "the editor shows what", "was open before", **text),
        *heading,
        *column(900, *note, **margin),
        *prose(400, 8, **text),
        *prose(720, 12, **text),
    ]
    texts = [block.text for block in structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns())]
    read = " ".join(" ".join(texts).split())
    places = [
        read.index(words) for words in ("Each time", "Starting", "The old", "Note: a program")
    ]
    assert places == sorted(places)


def ruled(top: float, bottom: float, *across: float, columns: tuple[int, ...]) -> PageSigns:
    """A frame with rules across it and between some columns."""
    levels = (top, *across, bottom)
    left, right = float(columns[0]), float(columns[-1])
    return PageSigns(
        rules=(
            *((left, y, right, y + 1) for y in levels),
            *((float(x), top, float(x) + 1, bottom) for x in columns),
        )
    )


def test_columns_between_two_rules_are_told_by_white_space() -> None:
    ships = [(name, f"{i}.5", f"{i}7") for i, name in enumerate("ABCDE")]
    rows = [("Ship", "1900", "1901"), *ships]
    signs = ruled(390, 640, 430, 600, columns=(90, 340, 850))
    [table] = structured(cells(400, rows), WIDTH_PX, HEIGHT_PX, signs)
    lines = [line for line in table.text.splitlines() if "---" not in line]
    assert lines == ["| " + " | ".join(row) + " |" for row in rows]


def test_words_far_apart_in_a_cell_between_two_rules_are_no_columns() -> None:
    rows = [("Ship", "Cargo", ""), *((name, f"tin {i}", "") for i, name in enumerate("ABCDE"))]
    rows[2] = ("B", "tin", "or lead")
    levels = [433.0 + 40 * i for i in range(5)]
    signs = ruled(390, 640, *levels, columns=(90, 340, 850))
    [table] = structured(cells(400, rows), WIDTH_PX, HEIGHT_PX, signs)
    assert table.text.splitlines()[3] == "| B | tin or lead |"


def test_a_row_between_two_rules_may_have_a_long_cell() -> None:
    rows = [("Ship", "Report")]
    for name in ("Anna", "Berta", "Clara"):
        rows += [(name if i == 4 else "", f"{name} {i}") for i in range(10)]
    levels = [433.0 + 400 * i for i in range(3)]
    signs = ruled(390, 1640, *levels, columns=(90, 340, 700))
    [table] = structured(cells(400, rows), WIDTH_PX, HEIGHT_PX, signs)
    expected = " ".join(f"Berta {i}" for i in range(10))
    assert table.text.splitlines()[3] == f"| Berta | {expected} |"


def test_wide_numbers_that_are_one_line_are_in_their_columns() -> None:
    ships = [(name, f"{i}.5", f"{i}7") for i, name in enumerate("ABCDE")]
    rows = [("Ship", "1900", "1901"), *ships]
    lines = [line for line in cells(400, rows) if line.box[1] != 480]
    wide = Line("12,753,438,000 2,799,250", (330.0, 480.0, 690.0, 506.0), 1.0)
    lines += [Line("B", (100.0, 480.0, 112.0, 506.0), 1.0), wide]
    signs = ruled(390, 640, 430, 470, 510, 550, 590, columns=(90, 300, 560, 850))
    [table] = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    assert "| B | 12,753,438,000 | 2,799,250 |" in table.text.splitlines()


def test_rules_say_where_a_table_is_against_a_region_across_two() -> None:
    fees = [("Ship", "Fee"), ("Anna", "12"), ("Berta", "9"), ("Clara", "7")]
    lines = [*cells(400, fees), *cells(400, fees, left=900)]
    rules = [
        rule
        for x in (90, 890)
        for rule in ruled(390, 560, 430, 470, 510, columns=(x, x + 240, x + 400)).rules
    ]
    across = Region(RegionKind.TABLE, (320.0, 380.0, 1000.0, 570.0), 0.9)
    found = structured(lines, 1700, HEIGHT_PX, PageSigns(rules=tuple(rules), regions=(across,)))
    expected = [
        "| Ship | Fee |",
        "| --- | --- |",
        "| Anna | 12 |",
        "| Berta | 9 |",
        "| Clara | 7 |",
    ]
    assert [block.text.splitlines() for block in found] == [expected, expected]
    assert [block.certainty for block in found] == [1.0, 1.0]


def test_a_table_whose_words_are_far_apart_in_a_cell_is_in_doubt() -> None:
    rows = [("Ship", "Cargo", ""), *((name, f"tin {i}", "") for i, name in enumerate("ABCDE"))]
    rows[2] = ("B", "tin", "or lead")
    levels = [433.0 + 40 * i for i in range(5)]
    signs = ruled(390, 640, *levels, columns=(90, 340, 850))
    [table] = structured(cells(400, rows), WIDTH_PX, HEIGHT_PX, signs)
    assert table.certainty is not None
    assert table.certainty < 1


@pytest.mark.parametrize("sign", ["\ufffd", "\uf0b7"])
def test_signs_of_symbol_fonts_in_front_of_items_are_bullets(sign: str) -> None:
    texts = ["copper from the north", "tin and lead in bars", "wool in small bales"]
    items = column(500, *texts, left=180, width=400)
    bullets = [Line(sign, (120, line.box[1], 135, line.box[3]), 1.0) for line in items]
    joined = column(1000, *(f"{sign} {text}" for text in texts))
    lines = [*prose(300, 4), *items, *bullets, *prose(700, 4), *joined]
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns()))
    lists = [re.sub(r"\s+", " ", text) for kind, text in found if kind == "list"]
    assert lists == [" ".join(f"- {text}" for text in texts)] * 2


def test_an_unknown_character_in_front_of_a_single_paragraph_is_no_bullet() -> None:
    lines = [*prose(300, 4), *column(500, "\ufffd ulty of the task"), *prose(600, 4)]
    assert {block.kind for block in structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns())} == {"text"}


def test_text_around_a_large_table_in_small_letters_is_no_heading() -> None:
    rows = [("Ships", "bought", "1200"), *[("Timber", "sold", "3400")] * 40]
    text = prose(100, 3) + prose(1450, 3)
    lines = [*text, *cells(260, rows)]
    styles = [BODY if line in text else Style(15.0) for line in lines]
    assert sum(len(line.text) for line in text) < sum(len(row) for cell in rows for row in cell)
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns(styles=tuple(styles)))
    assert not any(block.text.startswith("#") for block in blocks)


def test_a_large_bullet_makes_no_heading() -> None:
    item = column(500, "copper from the north", left=180, width=400)
    bullet = Line("\u25a0", (120, 500, 140, 530), 1.0)
    lines = [*prose(300, 4), bullet, *item, *prose(700, 4)]
    signs = styled(lines, **{"\u25a0": Style(40.0)})
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, signs)
    assert not any(block.text.startswith("#") for block in blocks)


def test_the_letter_o_is_a_bullet_where_no_other_row_begins() -> None:
    lines = [
        *prose(300, 4),
        *column(500, "• copper and tin", left=120, width=300),
        *column(532, "o in bars", "o in ingots", left=160, width=300),
        *prose(700, 4),
    ]
    found = kinds_and_texts(structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns()))
    assert found[1] == ("list", "- copper and tin\n- o in bars\n- o in ingots")


def test_the_word_o_at_the_left_edge_of_a_text_is_no_bullet() -> None:
    rows = ["Na manh\u00e3 seguinte chegou ao porto", "o navio que tinham visto no mar alto"]
    blocks = structured(column(300, *rows, *rows), WIDTH_PX, HEIGHT_PX, PageSigns())
    assert [block.kind for block in blocks] == ["text"]


def test_the_word_o_in_a_centred_text_is_no_bullet() -> None:
    rows = [
        "una selecci\u00f3n de la Lista A y de la B",
        "o una combinaci\u00f3n",
        "de las dos listas",
    ]
    lines = [
        line
        for i, (text, left) in enumerate(zip(rows, (100, 220, 200), strict=True))
        for line in column(300 + 32 * i, text, left=left, width=700 - 2 * left)
    ]
    assert [block.text for block in structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns())] == [
        " ".join(rows)
    ]
