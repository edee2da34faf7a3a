"""Pictures and straight lines of a page's text layer, and the style of its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import RenderConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.text.text_layer import TextLayer
from tests.support import structured_pages
from tests.support.sample_documents import Page, pdf, text_content

SCALE = 150 / 72


def layer_of(content: bytes, folder: Path) -> TextLayer:
    path = folder / "page.pdf"
    path.write_bytes(content)
    return PdfFile(str(path), "", 10).layer(1, RenderConfig())


def drawn(content: bytes, folder: Path) -> TextLayer:
    words = text_content(["a line of text"])
    return layer_of(pdf([Page(words + b" " + content)]), folder)


def test_a_picture_has_its_box(tmp_path: Path) -> None:
    [box] = layer_of(structured_pages.page(), tmp_path).pictures
    expected = [200 * SCALE, (792 - 290) * SCALE, 380 * SCALE, (792 - 190) * SCALE]
    assert box == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    "content",
    [b"1 w 100 300 m 300 300 l S", b"100 299.5 200 1 re f", b"0.2 w 300 300 m 100 300 l S"],
    ids=["line", "thin rectangle", "line to the left"],
)
def test_a_straight_line_is_a_rule_however_it_is_drawn(content: bytes, tmp_path: Path) -> None:
    [(x0, y0, x1, y1)] = drawn(content, tmp_path).rules
    assert (x0, x1) == pytest.approx((100 * SCALE, 300 * SCALE), abs=2)
    assert (y0 + y1) / 2 == pytest.approx((792 - 300) * SCALE, abs=2)


def test_a_stroked_rectangle_has_four_edges_and_a_filled_one_none(tmp_path: Path) -> None:
    assert len(drawn(b"100 300 200 50 re S", tmp_path).rules) == 4
    assert drawn(b"100 300 200 50 re f", tmp_path).rules == ()


GRID = b" ".join(
    [
        *(b"100 %d m 400 %d l" % (y, y) for y in (300, 330, 360, 390)),
        *(b"%d 300 m %d 390 l" % (x, x) for x in (100, 250, 400)),
    ]
)


@pytest.mark.parametrize("paint", [b"S", b"s"])
def test_the_lines_of_one_path_are_rules_each(paint: bytes, tmp_path: Path) -> None:
    rules = drawn(b"0.5 w " + GRID + b" " + paint, tmp_path).rules
    levels = {round(792 - (y0 + y1) / 2 / SCALE) for x0, y0, x1, y1 in rules if x1 - x0 > y1 - y0}
    places = {round((x0 + x1) / 2 / SCALE) for x0, y0, x1, y1 in rules if x1 - x0 < y1 - y0}
    assert levels == {300, 330, 360, 390}
    assert places == {100, 250, 400}


def test_thin_rectangles_of_one_path_are_rules_each(tmp_path: Path) -> None:
    thin = b" ".join(b"100 %d 300 0.5 re" % y for y in (300, 330, 360)) + b" f"
    levels = {round(792 - y0 / SCALE) for _, y0, _, _ in drawn(thin, tmp_path).rules}
    assert levels == {300, 330, 360}


def test_a_path_of_thousands_of_lines_is_a_drawing(tmp_path: Path) -> None:
    many = b"".join(b"100 %g m 300 %g l " % (y / 12, y / 12) for y in range(8000)) + b"S"
    assert len(drawn(many, tmp_path).rules) <= 4


def test_the_outline_of_a_letter_is_not_divided(tmp_path: Path) -> None:
    letter = b"100 300 m 130 300 l 130 320 l 100 320 l 100 310 l f"
    assert drawn(letter, tmp_path).rules == ()


def test_short_lines_and_drawings_of_thousands_of_lines_are_no_rules(tmp_path: Path) -> None:
    assert drawn(b"100 300 m 105 300 l S", tmp_path).rules == ()
    many = b"".join(b"100 %g m 300 %g l S " % (y / 4, y / 4) for y in range(2500))
    assert drawn(many, tmp_path).rules == ()


def test_a_line_has_the_size_and_weight_of_its_font(tmp_path: Path) -> None:
    layer = layer_of(structured_pages.page(), tmp_path)
    lines = {line.text: line for line in layer.lines}
    assert lines[structured_pages.TITLE].size_px == pytest.approx(20 * SCALE, abs=0.1)
    assert not lines[structured_pages.HEADINGS[0]].is_bold
    assert lines[structured_pages.HEADINGS[1]].is_bold


CIRCLE = b"200 350 m 250 350 250 300 200 300 c 150 300 150 350 200 350 c"
CURVE = b"100 300 m 150 420 250 180 300 300 c"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CURVE + b" S", (100, 180, 300, 420)),
        (CIRCLE + b" f", (150, 300, 250, 350)),
        (b"100 300 m 150 330 l 200 310 l 250 380 l S", (100, 300, 250, 380)),
        (b"100 300 m 200 300 l 150 380 l f", (100, 300, 200, 380)),
        (b"100 300 m 300 400 l S", (100, 300, 300, 400)),
        (b"5 w 100 300 m 300 400 l S", (100, 300, 300, 400)),
        (b"2 0 0 1 10 0 cm 100 300 m 150 400 l S", (210, 300, 310, 400)),
    ],
    ids=["curve", "circle", "chart", "triangle", "slanted", "thick", "transformed"],
)
def test_curves_and_slanted_lines_are_shapes(
    content: bytes, expected: tuple[float, ...], tmp_path: Path
) -> None:
    [(x0, y0, x1, y1)] = drawn(content, tmp_path).shapes
    found = (x0 / SCALE, 792 - y1 / SCALE, x1 / SCALE, 792 - y0 / SCALE)
    assert found == pytest.approx(expected, abs=1)


ROUNDED = (
    b"110 300 m 290 300 l 296 300 300 304 300 310 c 300 340 l 300 346 296 350 290 350 c"
    b" 110 350 l 104 350 100 346 100 340 c 100 310 l 100 304 104 300 110 300 c h"
)


@pytest.mark.parametrize(
    "content",
    [
        b"100 300 m 300 300 l S",
        b"100 300 200 50 re S",
        b"100 300 m 300 300 l 300 350 l 100 350 l h f",
        b"100 300 m 300 300.4 l 300 350 l S",
        b"100 300 m 160 300 240 300 300 300 c S",
        GRID + b" S",
        ROUNDED + b" S",
        b"1 G " + CURVE + b" S",
        b"1 g " + CIRCLE + b" f",
        b"100 300 m 105 303 l 111 300 l S 0.1 0 0 0.1 10 10 cm " + CIRCLE + b" f",
    ],
    ids=[
        "line",
        "re",
        "lines",
        "askew",
        "level",
        "grid",
        "rounded",
        "white",
        "white disc",
        "small",
    ],
)
def test_rules_frames_small_marks_and_what_is_white_are_no_shapes(
    content: bytes, tmp_path: Path
) -> None:
    assert drawn(content, tmp_path).shapes == ()


def test_each_part_of_a_path_is_looked_at_alone(tmp_path: Path) -> None:
    layer = drawn(GRID + b" 110 310 m 240 380 l 260 310 m 390 380 l S", tmp_path)
    assert len(layer.shapes) == 2
    assert len(layer.rules) >= 7


def test_long_paths_are_not_taken_apart(tmp_path: Path) -> None:
    long = b"100 300 m " + b"".join(b"%g %g l " % (100 + i / 80, 300 + i % 97) for i in range(9000))
    assert drawn(long + b"S " + CURVE + b" S", tmp_path).shapes == (
        drawn(CURVE + b" S", tmp_path).shapes
    )


def test_a_path_far_larger_than_any_page_has_no_shapes(tmp_path: Path) -> None:
    assert drawn(b"0 0 m 9e7 100 3e7 3e7 10 9e7 c S", tmp_path).shapes == ()
    huge = b"1e30 0 0 1e30 0 0 cm 0 0 m 9e7 100 3e7 3e7 10 9e7 c S"
    assert drawn(huge, tmp_path).shapes == ()


def test_a_shape_turns_with_the_page(tmp_path: Path) -> None:
    content = text_content(["a line of text"]) + b" " + CURVE + b" S"
    [(x0, y0, x1, y1)] = layer_of(pdf([Page(content, entries=b"/Rotate 90")]), tmp_path).shapes
    assert (x0 / SCALE, y0 / SCALE) == pytest.approx((180, 100), abs=1)
    assert (x1 / SCALE, y1 / SCALE) == pytest.approx((420, 300), abs=1)
