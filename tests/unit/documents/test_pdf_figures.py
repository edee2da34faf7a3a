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
