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
