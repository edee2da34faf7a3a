"""Lines that lie askew: in searchable PDFs, as readers find them, in hOCR and in ALTO."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.imaging.skewed_boxes import Point, around, turned
from pipeline.output.export import askew
from pipeline.output.export.page_lines import lined_blocks, words
from pipeline.types import Block, Line, PageResult, Recognition, Status
from tests.support.exports import page
from tests.support.pdf_readers import READERS
from tests.unit.output.export.test_hocr_alto import ALTO, of_class, properties, written
from tests.unit.output.export.test_searchable_pdf import LETTER, exported, original, read

__all__ = ["original"]

MIDDLE = (612.0, 792.0)
"""Of a page of 8.5 by 11 inches at 144 dpi."""
TEXTS = (
    "harbour ledgers of the northern quay",
    "timber and grain in seven vessels",
    "the clerk has counted every sack",
    "wool and salt are kept elsewhere",
)


def at(x: float, y: float, deg: float) -> Point:
    """Where a point of the straight page is."""
    return turned((x, y), deg, MIDDLE)


def line(text: str, row: int, deg: float) -> Line:
    """A line from 112 to 1112 px, 30 px high, in rows of 40 px."""
    box = around(at(612, 700 + 40 * row, deg), 1000, 30, deg)
    return Line(text, box, 0.9, (), deg)


@pytest.mark.parametrize(
    ("reader", "deg"),
    [
        *(("MuPDF", deg) for deg in (-5.0, -2.0, -0.5, 0.5, 2.0, 5.0, 15.0)),
        # They take text far right of what is as high for its end, whatever line it is in.
        *(("PDFium", deg) for deg in (-5.0, -2.0, -0.5, 0.5, 5.0)),
        *(("poppler", deg) for deg in (-1.0, -0.5, 0.5, 1.0)),
    ],
)
def test_readers_find_the_words_line_by_line(
    reader: str, deg: float, original: Path, tmp_path: Path
) -> None:
    assert found_in_lines(reader, deg, original, tmp_path) == " ".join(TEXTS).split()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("deg", [-5.0, -2.0, 2.0, 5.0])
def test_readers_find_whole_words(reader: str, deg: float, original: Path, tmp_path: Path) -> None:
    # Poppler takes letters that are half a point lower for those of another word.
    found = found_in_lines(reader, deg, original, tmp_path)
    assert sorted(found) == sorted(" ".join(TEXTS).split())


def found_in_lines(reader: str, deg: float, original: Path, folder: Path) -> list[str]:
    """The words that a reader finds where four lines lie at an angle."""
    exported([read(original, *(line(text, row, deg) for row, text in enumerate(TEXTS)))], folder)
    found = READERS[reader](folder / "to" / "a.pdf.searchable.pdf", LETTER)
    return [word for word, _ in found]


def ends(word: str, text: str, row: int, deg: float) -> tuple[Point, Point]:
    """Where the middle of a word's left and of its right end is, points."""
    straight = replace(line(text, row, 0.0), skew_deg=0.0)
    recognition = Recognition(Status.OK, text, (), lines=(straight,))
    [block] = lined_blocks(replace(page("/in/a.pdf", 1, text), recognition=recognition))
    [box] = [each.box for each in words(block.lines[0]) if each.text == word]
    y = (box[1] + box[3]) / 2
    (left, left_y), (right, right_y) = at(box[0], y, deg), at(box[2], y, deg)
    return (left / 2, left_y / 2), (right / 2, right_y / 2)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("deg", [-5.0, -1.0, 2.0, 5.0])
def test_words_lie_where_the_line_does(
    reader: str, deg: float, original: Path, tmp_path: Path
) -> None:
    exported([read(original, line(TEXTS[0], 0, deg))], tmp_path)
    found = dict(READERS[reader](tmp_path / "to" / "a.pdf.searchable.pdf", LETTER))
    for word in ("harbour", "quay"):
        (left, left_y), (right, right_y) = ends(word, TEXTS[0], 0, deg)
        box = found[word]
        assert box[0] == pytest.approx(left, abs=3)
        assert box[2] == pytest.approx(right, abs=3)
        # The line is 15 points high: a quarter of that, and a little.
        assert (box[1] + box[3]) / 2 == pytest.approx((left_y + right_y) / 2, abs=4)
        assert box[3] - box[1] < 20


@pytest.mark.parametrize("turned_deg", [90, 180, 270])
@pytest.mark.parametrize("deg", [-4.0, 4.0])
def test_words_of_a_page_that_was_turned_lie_where_the_line_does(
    turned_deg: int, deg: float, original: Path, tmp_path: Path
) -> None:
    sides = (600.0, 30.0) if turned_deg == 180 else (30.0, 600.0)
    box = around(MIDDLE, *sides, deg)
    runs = -turned_deg % 360 + deg
    shown = replace(read(original, Line("nnnnn uuuuu", box, 0.9, (), deg)), turned_deg=turned_deg)
    exported([shown], tmp_path)
    found = dict(READERS["PDFium"](tmp_path / "to" / "a.pdf.searchable.pdf", LETTER))
    for word, along in (("nnnnn", -150.0), ("uuuuu", 150.0)):
        x, y = turned((along, 0.0), runs)
        x0, y0, x1, y1 = found[word]
        expected = (MIDDLE[0] + x) / 2, (MIDDLE[1] + y) / 2
        assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(expected, abs=5)


def rows(deg: float, texts: Sequence[str] = TEXTS) -> PageResult:
    lines = tuple(line(text, row, deg) for row, text in enumerate(texts))
    recognition = Recognition(Status.OK, "x", (), lines=lines)
    return replace(page("/in/a.pdf", 1, "x"), recognition=recognition)


@pytest.mark.parametrize("deg", [-5.0, 5.0])
def test_hocr_has_baselines_and_words_on_them(deg: float) -> None:
    for row, found in enumerate(of_class(written("hocr", [rows(deg)]), "ocr_line")):
        stated = properties(found)
        x0, _, _, y1 = map(float, stated["bbox"].split())
        slope, constant = map(float, stated["baseline"].split())
        assert slope == pytest.approx(math.tan(math.radians(deg)), abs=1e-3)
        for x in (150, 1000):  # 9 px below the middle of a line of 30
            on_line = at(x, 700 + 40 * row + 9, deg)
            assert y1 + constant + slope * (on_line[0] - x0) == pytest.approx(on_line[1], abs=1.5)
        boxes = [properties(word)["bbox"].split() for word in of_class(found, "ocrx_word")]
        heights = [int(box[3]) - int(box[1]) for box in boxes]
        assert max(heights) < 60  # the box of the line is 117 high
        tops = [int(box[1]) for box in boxes]
        assert tops == sorted(tops, reverse=deg < 0)


def test_alto_has_baselines_shapes_and_words_on_them() -> None:
    [found, *_] = written("alto", [rows(5.0)]).iter(f"{ALTO}TextLine")
    stated = [tuple(map(int, point.split(","))) for point in str(found.get("BASELINE")).split()]
    expected = [at(112, 709, 5.0), at(1112, 709, 5.0)]
    assert [side for point in stated for side in point] == pytest.approx(
        [side for point in expected for side in point], abs=1
    )
    assert found[0].tag == f"{ALTO}Shape"
    [polygon] = found[0]
    corners = [tuple(map(int, point.split(","))) for point in str(polygon.get("POINTS")).split()]
    around_it = [at(x, y, 5.0) for x, y in ((112, 685), (1112, 685), (1112, 715), (112, 715))]
    assert [side for point in corners for side in point] == pytest.approx(
        [side for point in around_it for side in point], abs=1
    )
    tops = [int(str(word.get("VPOS"))) for word in found.iter(f"{ALTO}String")]
    assert tops == sorted(tops)
    assert tops[-1] - tops[0] > 60


def test_straight_lines_say_nothing_of_an_angle() -> None:
    lines = of_class(written("hocr", [rows(0.0)]), "ocr_line")
    assert [set(properties(each)) for each in lines] == [{"bbox"}] * 4
    in_alto = list(written("alto", [rows(0.0)]).iter(f"{ALTO}TextLine"))
    assert [each.get("BASELINE") for each in in_alto] == [None] * 4
    assert {part.tag for each in in_alto for part in each} == {f"{ALTO}String", f"{ALTO}SP"}


def test_boxes_of_lines_that_lie_askew_stay_whole() -> None:
    # They overlap by 25 of 65 pixels, and the lines not at all.
    lines = of_class(written("hocr", [rows(2.0)]), "ocr_line")
    stated = [[int(side) for side in properties(each)["bbox"].split()] for each in lines]
    expected = [[round(side) for side in each.box] for each in rows(2.0).recognition.lines]
    assert stated == expected


@pytest.mark.parametrize("deg", [0.0, -5.0, 5.0])
def test_lines_are_in_the_block_that_they_are_in_on_the_straight_page(deg: float) -> None:
    # The box around the title reaches over the last line of the paragraph above it.
    side = 400 if deg > 0 else -400
    last = Line("last", around(at(612 + side, 780, deg), 200, 30, deg), 0.9, (), deg)
    lines = (line(TEXTS[0], 0, deg), line(TEXTS[1], 1, deg), last, line("title", 3, deg))
    blocks = (
        Block("text", "paragraph", around(at(612, 740, deg), 1000, 110, deg)),
        Block("title", "title", lines[-1].box),
    )
    recognition = Recognition(Status.OK, "x", blocks, lines=lines)
    found = lined_blocks(replace(page("/in/a.pdf", 1, "x"), recognition=recognition))
    assert [[each.text for each in block.lines] for block in found] == [
        [*TEXTS[:2], "last"],
        ["title"],
    ]


def test_a_line_whose_angle_does_not_fit_its_box_is_taken_as_straight() -> None:
    odd = Line("a line", (100.0, 100.0, 900.0, 130.0), 0.9, (), 5.0)
    recognition = Recognition(Status.OK, "x", (), lines=(odd,))
    [block] = lined_blocks(replace(page("/in/a.pdf", 1, "x"), recognition=recognition))
    assert block.lines[0].skew_deg == 0.0


@pytest.mark.parametrize("direction", [0, 90, 180, 270])
def test_a_line_is_all_of_its_parts(direction: int) -> None:
    sides = (30.0, 500.0) if direction % 180 else (500.0, 30.0)
    box = around((400.0, 400.0), *sides, 3.0)
    assert askew.part(box, direction, 3.0, 0, 1) == pytest.approx(box)
    begin, end = askew.baseline_ends(box, direction, 3.0, 0.2)
    assert math.dist(begin, end) == pytest.approx(500)
    first, _, _, last = askew.corners(box, direction, 3.0)
    assert math.dist(first, last) == pytest.approx(30)
