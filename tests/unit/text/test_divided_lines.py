"""Cells that a page holds as one line are in their columns: made tables of many shapes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.char_widths import text_width
from pipeline.text.layout.direction import mirrored
from pipeline.text.structure import PageSigns, structured
from pipeline.text.structure.pipe_tables import cells_of
from pipeline.text.word_spans import Span
from pipeline.types import Block, Box, Line, Region, RegionKind

WIDTH_PX, HEIGHT_PX = 1275, 1650
SIZE_PX = 20.0
EM_PX = 1.2 * SIZE_PX
SPACE_PX = 0.25 * SIZE_PX
MERGED_PX = 0.8 * SIZE_PX
"""MuPDF gives words that are no farther apart as one line."""


@dataclass
class Drawn:
    """A page whose words were put at their places, as lines as MuPDF makes them."""

    lines: list[Line] = field(default_factory=list)
    spans: list[list[Span]] = field(default_factory=list)
    rules: list[Box] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    is_mirrored: bool = False

    def row(self, y: float, words: Sequence[tuple[str, float, float]]) -> None:
        """Put words (text, left, right), from the left, into lines at a height."""
        part: list[tuple[str, float, float]] = []
        for word in words:
            if part and word[1] - part[-1][2] > MERGED_PX:
                self._line(y, part)
                part = []
            part.append(word)
        if part:
            self._line(y, part)

    def _line(self, y: float, words: Sequence[tuple[str, float, float]]) -> None:
        low, high = words[0][1], words[-1][2]
        spans = [((x0 - low) / (high - low), (x1 - low) / (high - low)) for _, x0, x1 in words]
        texts = [text for text, _, _ in words]
        if self.is_mirrored:
            low, high = WIDTH_PX - high, WIDTH_PX - low
            spans = [(1 - end, 1 - begin) for begin, end in spans]
        self.lines.append(Line(" ".join(texts), (low, y, high, y + EM_PX), 1.0))
        self.spans.append(spans if len(texts) > 1 else [])

    def blocks(self) -> tuple[Block, ...]:
        regions = tuple(self.regions)
        signs = PageSigns(regions=regions, rules=tuple(self.rules), find_words=lambda: self.spans)
        return structured(self.lines, WIDTH_PX, HEIGHT_PX, signs)


def width(text: str) -> float:
    return SIZE_PX * text_width(text)


def words_at(text: str, left: float, right: float, align: str) -> list[tuple[str, float, float]]:
    """The words of a cell between two sides."""
    words = text.split()
    size = sum(map(width, words)) + SPACE_PX * (len(words) - 1)
    x = {"l": left, "r": right - size, "c": (left + right - size) / 2}[align]
    found = []
    for word in words:
        found.append((word, x, x + width(word)))
        x += width(word) + SPACE_PX
    return found


def columns(
    rows: Sequence[Sequence[str]], gap_px: float, left: float = 100
) -> list[tuple[float, float]]:
    """Left and right sides of columns as wide as their widest cells."""
    sides, x = [], left
    for texts in zip(*rows, strict=True):
        size = max(
            sum(map(width, text.split())) + SPACE_PX * max(0, len(text.split()) - 1)
            for text in texts
        )
        sides.append((x, x + size))
        x += size + gap_px
    return sides


def drawn(
    rows: Sequence[Sequence[str]],
    aligned: str,
    gap_px: float,
    *,
    pitch: float = 1.5,
    is_ruled: bool = False,
    is_mirrored: bool = False,
) -> Drawn:
    page = Drawn(is_mirrored=is_mirrored)
    sides = columns(rows, gap_px)
    y = 300.0
    for row in rows:
        words = [
            word
            for text, (left, right), align in zip(row, sides, aligned, strict=True)
            for word in words_at(text, left, right, align)
        ]
        page.row(y, words)
        y += pitch * EM_PX
    if is_ruled:
        top, bottom = 300 - 0.2 * EM_PX, y - 0.2 * EM_PX
        xs = [sides[0][0] - gap_px / 2, *(right + gap_px / 2 for _, right in sides)]
        ys = [top + i * pitch * EM_PX for i in range(len(rows) + 1)]
        page.rules = [(x, top, x + 1, bottom) for x in xs]
        page.rules += [(xs[0], level, xs[-1], level + 1) for level in ys]
        if is_mirrored:
            page.rules = [mirrored(rule, WIDTH_PX) for rule in page.rules]
    return page


def table(page: Drawn) -> list[list[str]]:
    """The cells of the only table of a page."""
    [found] = [block for block in page.blocks() if block.kind == "table"]
    return cells_of(found.text.splitlines())


INVOICE = [
    ["Item", "Quantity", "Price"],
    ["Brass sextant, restored", "1", "1,240.00"],
    ["Tide gauge, wall model", "3", "318.50"],
    ["Calibration certificate", "4", "45.00"],
]
CARGO = [
    ["Ship", "Cargo", "Tons", "Value"],
    ["Anna Maria", "Tin", "12", "£1,250.00"],
    ["Berta", "Copper in small bars", "9", "£75.00"],
    ["Clara", "", "107", "£18.25"],
    ["Dorothea", "Wool and sundry goods", "3", ""],
    ["Emma", "Lead", "64", "£9,400.00"],
    ["Frieda", "Coal", "88", "£611.90"],
]
CREW = [
    ["Name", "Place", "Year"],
    ["Adam Jones", "Port Ellery", "1901"],
    ["Bartholomew Carver", "Northquay", "1902"],
    ["Cecil", "Old Harbour Town", "1899"],
    ["Dunstan Oakes", "Ellery", "1911"],
    ["Edwin Marlow Pike", "Bay", "1888"],
]


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("is_ruled", [False, True])
@pytest.mark.parametrize(
    ("rows", "aligned"),
    [(INVOICE, "lll"), (INVOICE, "lrr"), (CARGO, "llrr"), (CREW, "lll"), (CREW, "llr")],
)
@pytest.mark.parametrize("gap", [0.45, 0.6, 0.8, 2.0])
def test_a_drawn_table_comes_back(
    rows: list[list[str]], aligned: str, gap: float, is_ruled: bool, is_mirrored: bool
) -> None:
    if is_mirrored:
        rows = [[right_to_left(text) for text in row] for row in rows]
    page = drawn(rows, aligned, gap * EM_PX, is_ruled=is_ruled, is_mirrored=is_mirrored)
    assert table(page) == rows


def right_to_left(text: str) -> str:
    """A text with its letters in a script that is read from the right."""
    return "".join(chr(0x5D0 + ord(char.lower()) % 26) if char.isalpha() else char for char in text)


def test_a_heading_across_columns_is_not_divided() -> None:
    page = drawn(CARGO, "llrr", 0.8 * EM_PX)
    page.row(300 - 1.5 * EM_PX, words_at("All cargo of the year in tons and pounds", 100, 700, "l"))
    page.regions.append(Region(RegionKind.TABLE, (90.0, 200.0, 900.0, 800.0)))
    assert "All cargo of the year in tons and pounds" in table(page)[0]


def test_a_cell_across_a_rule_that_is_not_drawn_beside_it_is_not_divided() -> None:
    rows = [*CREW, ["Total of all the crew named here", "", "5"]]
    page = drawn(CREW, "lll", 0.6 * EM_PX, is_ruled=True)
    y = 300 + 1.5 * EM_PX * len(CREW)
    [first, *_], last = columns(CREW, 0.6 * EM_PX), columns(CREW, 0.6 * EM_PX)[-1]
    words = words_at(rows[-1][0], first[0], 0, "l") + words_at("5", *last, "l")
    page.row(y, words)
    bottom = y + 1.3 * EM_PX
    inner = page.rules[1]
    page.rules = [
        rule if rule == inner or rule[2] - rule[0] > 2 else (*rule[:3], bottom)
        for rule in page.rules
    ] + [(page.rules[0][0], bottom, page.rules[3][0], bottom + 1)]
    found = table(page)[-1]
    assert "Total of all the crew named here" in found
    assert found[-1] == "5"


def test_signs_of_a_currency_are_in_the_cells_of_their_amounts() -> None:
    rows = [["Cost of", "2025", "2024"], ["Research", "3,423", "2,532"], ["Sales", "1,136", "876"]]
    page = drawn([*rows, ["Total", "4,559", "3,408"]], "lrr", 4 * EM_PX)
    for y, row in ((1, 1), (3, 3)):
        for x in (300.0, 440.0):
            assert row
            page.row(300 + 1.5 * EM_PX * y, [("$", x, x + width("$"))])
    found = table(page)
    assert len({len(row) for row in found}) == 1
    assert not any(cell == "$" for row in found for cell in row)
    assert Counter(" ".join(" ".join(row) for row in found).split())["$"] == 4


PROSE = re.findall(
    r"\w+",
    "the harbour master wrote down every ship that came into the bay with its cargo and its crew "
    "and the dues that were paid for the quay in the year of the long winter",
)


@pytest.mark.parametrize("space", [1.0, 2.0, 3.0])
def test_justified_text_is_no_table(space: float) -> None:
    page = Drawn()
    for i in range(12):
        x, words = 100.0, []
        for word in (PROSE[(7 * i + k) % len(PROSE)] for k in range(9)):
            words.append((word, x, x + width(word)))
            x += width(word) + SPACE_PX * (space if (i + len(words)) % 3 else 1.0)
        page.row(300 + 1.25 * EM_PX * i, words)
    assert {block.kind for block in page.blocks()} == {"text"}


names = st.lists(st.sampled_from(PROSE), min_size=1, max_size=4).map(" ".join)
amounts = st.builds("{},{:03d}.{:02d}".format, *map(st.integers, (1, 0, 0), (99, 999, 99)))
counts = st.integers(1, 99).map(str)


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[list[str]], str]:
    """The cells of a table: names first, then columns of names or numbers, some cells empty."""
    kinds: list[tuple[st.SearchStrategy[str], str]] = [(names, "l")]
    choices = [(names, "l"), (amounts, "r"), (counts, "r"), (counts, "l")]
    kinds += draw(st.lists(st.sampled_from(choices), min_size=1, max_size=4))
    size = draw(st.integers(4, 12))
    rows = [[draw(kind) for kind, _ in kinds] for _ in range(size)]
    return rows, "".join(align for _, align in kinds)


def counted(blocks: Sequence[Block]) -> Counter[str]:
    return Counter(
        word
        for block in blocks
        for word in block.text.replace("|", " ").replace("---", " ").replace("#", " ").split()
    )


@given(grids(), st.floats(0.1, 2.0), st.booleans(), st.data())
def test_every_word_is_there_once(
    grid: tuple[list[list[str]], str], gap: float, is_ruled: bool, data: st.DataObject
) -> None:
    rows, aligned = grid
    empty = data.draw(st.sets(st.tuples(st.integers(0, 11), st.integers(1, 4))))
    rows = [
        ["" if (y, x) in empty else text for x, text in enumerate(row)]
        for y, row in enumerate(rows)
    ]
    page = drawn(rows, aligned, gap * EM_PX, is_ruled=is_ruled)
    assert counted(page.blocks()) == Counter(" ".join(map(" ".join, rows)).split())


@given(grids(), st.floats(0.6, 1.5))
def test_a_ruled_table_comes_back(grid: tuple[list[list[str]], str], gap: float) -> None:
    rows, aligned = grid
    found = [
        cells_of(block.text.splitlines())
        for block in drawn(rows, aligned, gap * EM_PX, is_ruled=True).blocks()
        if block.kind == "table"
    ]
    assert found == [rows]


def test_an_engines_line_is_divided_where_its_words_begin() -> None:
    page = drawn(CARGO, "llrr", 0.6 * EM_PX)
    lines = [
        Line(line.text, line.box, 1.0, tuple(begin for begin, _ in spans))
        for line, spans in zip(page.lines, page.spans, strict=True)
    ]
    blocks = structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns())
    [found] = [block for block in blocks if block.kind == "table"]
    assert cells_of(found.text.splitlines()) == CARGO
