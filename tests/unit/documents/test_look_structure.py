"""The structure of text layers, from the page to its blocks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from pipeline.config import RenderConfig, StructureMode
from pipeline.documents.look import LookOptions, look
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.transform import Allocator, new_pixels
from pipeline.text.text_layer import TextLayer, TextLayerLine, read
from pipeline.types import Block, PageImage, PageLayout, Recognition
from tests.support import structured_pages

PAGES = {
    "everything": structured_pages.page(),
    "two columns": structured_pages.two_columns(),
    **{f"turned {deg}": structured_pages.turned(deg) for deg in (90, 180, 270)},
}
SAMPLES = Path(__file__).parents[3] / "samples"
_FIGURE = re.compile(r"!\[image\]\(#block-\d+\)")


def opened(content: bytes, folder: Path) -> PdfFile:
    path = folder / "page.pdf"
    path.write_bytes(content)
    return PdfFile(str(path), "", 10)


def settled(content: bytes, folder: Path, structure: StructureMode) -> Recognition:
    options = LookOptions(structure=structure)
    found = look(opened(content, folder), 1, RenderConfig(), new_pixels, options).settled
    assert found is not None
    return found


def words(recognition: Recognition) -> Counter[str]:
    return Counter(re.findall(r"\w+", _FIGURE.sub(" ", recognition.text)))


def one(recognition: Recognition, kind: str) -> Block:
    [block] = [block for block in recognition.blocks if block.kind == kind]
    return block


@pytest.mark.parametrize("structure", ["auto", "layout"])
@pytest.mark.parametrize("name", PAGES)
def test_no_word_is_lost_or_doubled(name: str, structure: StructureMode, tmp_path: Path) -> None:
    plain = settled(PAGES[name], tmp_path, "plain")
    assert words(settled(PAGES[name], tmp_path, structure)) == words(plain)
    assert {block.kind for block in plain.blocks} == {"text"}


@pytest.mark.parametrize("structure", ["auto", "layout"])
@pytest.mark.parametrize("name", ["everything", "turned 90", "turned 180"])
def test_a_page_has_its_headings_lists_tables_and_figure(
    name: str, structure: StructureMode, tmp_path: Path
) -> None:
    found = settled(PAGES[name], tmp_path, structure)
    assert one(found, "title").text == f"# {structured_pages.TITLE}"
    headings = [block.text for block in found.blocks if block.kind == "sub_title"]
    assert headings == [f"## {heading}" for heading in structured_pages.HEADINGS]
    assert one(found, "list").text == "\n".join(f"- {item}" for item in structured_pages.BULLETS)
    tables = [block.text for block in found.blocks if block.kind == "table"]
    assert tables == [
        "| Ship | Cargo | Tons |\n| --- | --- | --- |\n| Anna | Copper | 12 |\n| Berta | Tin | 9 |",
        "| Year | Ships | Days |\n| --- | --- | --- |\n| 1901 | 14 | 200 |\n| 1902 | 17 | 185 |",
    ]
    assert one(found, "image_caption").text == structured_pages.CAPTION
    assert one(found, "footnote").text == structured_pages.FOOTNOTE
    assert one(found, "header").text == structured_pages.HEADER
    assert one(found, "footer").text == structured_pages.FOOTER


@pytest.mark.parametrize("structure", ["auto", "layout"])
def test_the_figure_has_its_box_and_stands_before_its_caption(
    structure: StructureMode, tmp_path: Path
) -> None:
    found = settled(PAGES["everything"], tmp_path, structure)
    kinds = [block.kind for block in found.blocks]
    at = kinds.index("image")
    assert kinds[at + 1] == "image_caption"
    assert f"![image](#block-{at + 1})\n\n{structured_pages.CAPTION}" in found.text
    scale = 150 / 72
    expected = [200 * scale, (792 - 290) * scale, 380 * scale, (792 - 190) * scale]
    assert found.blocks[at].box == pytest.approx(expected, abs=2)


@pytest.mark.parametrize("structure", ["auto", "layout"])
def test_a_table_below_two_columns_is_read_after_both(
    structure: StructureMode, tmp_path: Path
) -> None:
    kinds = [block.kind for block in settled(PAGES["two columns"], tmp_path, structure).blocks]
    assert kinds[0] == "title"
    assert kinds[-1] == "table"
    assert set(kinds[1:-1]) == {"text"}


class NotDrawable:
    """A document whose layer can be read and whose pages cannot be drawn."""

    language = ""

    def __init__(self, file: PdfFile) -> None:
        self.layer = file.layer

    def render(self, page: int, render: RenderConfig, allocate: Allocator) -> PageImage:
        raise PageError(ErrorKind.RENDER, "no picture of it")


def test_a_page_that_cannot_be_drawn_has_the_structure_of_its_fonts_and_a_warning(
    tmp_path: Path,
) -> None:
    document = NotDrawable(opened(PAGES["everything"], tmp_path))
    options = LookOptions(structure="layout")
    view = look(document, 1, RenderConfig(), new_pixels, options)
    assert view.settled is not None
    assert one(view.settled, "title").text == f"# {structured_pages.TITLE}"
    assert view.warnings == ("structure without the layout model: no picture of it",)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_cells_that_mupdf_gives_as_one_line_are_divided(turn: int, tmp_path: Path) -> None:
    with pymupdf.open(SAMPLES / "invoice.pdf") as document:
        lines = document[0].get_text().splitlines()
        document[0].set_rotation(turn)
        content = document.tobytes()
    assert any("restored" in line and line.endswith("1") for line in lines)
    assert one(settled(content, tmp_path, "auto"), "table").text.splitlines() == [
        "| Item | Quantity | Price |",
        "| --- | --- | --- |",
        "| Brass sextant, restored | 1 | 1,240.00 |",
        "| Tide gauge, wall model | 3 | 318.50 |",
        "| Calibration certificate | 4 | 45.00 |",
    ]


# Labels of a chart's axes, with a curve for each of two series; a diagram with arrows.
CHART = (
    ("54,000", "", "0.50"),
    ("53,000", "Income", "0.48"),
    ("52,000", "", "0.46"),
    ("51,000", "", "0.44"),
    ("50,000", "", "0.42"),
    ("1997", "1999", "2001"),
)
SERIES = (
    b"0.8 w 115 420 m 150 530 200 440 270 470 c S 115 440 m 160 450 l 200 490 l 270 430 l S "
    b"110 505 m 110 405 l 275 405 l 275 505 l S "
)
DIAGRAM = (("Record", "", "Compile"), ("", "Monitor", "Abort"), ("Enter", "", "Leave"))
ARROWS = (
    b"72 500 m 72 520 125 520 125 500 c 125 485 72 485 72 500 c S 110 498 m 178 486 l S "
    b"200 480 m 274 466 l S 172 480 m 172 500 225 500 225 480 c 225 465 172 465 172 480 c S "
)
FIGURES = {"chart": (CHART, SERIES), "diagram": (DIAGRAM, ARROWS)}


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("name", FIGURES)
def test_labels_among_curves_are_text_and_no_table(name: str, turn: int, tmp_path: Path) -> None:
    labels, curves = FIGURES[name]
    entries = b"/Rotate %d" % turn
    figure = settled(structured_pages.figure(labels, curves, entries), tmp_path, "auto")
    without = settled(structured_pages.figure(labels, b"", entries), tmp_path, "auto")
    assert "table" in {block.kind for block in without.blocks}
    assert "table" not in {block.kind for block in figure.blocks}
    assert words(figure) == words(without)


def test_a_table_stays_one_with_a_mark_on_a_cell_or_a_logo_beside_it(tmp_path: Path) -> None:
    rows = (structured_pages.UNRULED[0], *(("1901", "14", "200"),) * 4)
    plain = settled(structured_pages.figure(rows, b""), tmp_path, "auto")
    mark = b"170 490 m 170 497 195 497 195 490 c 195 475 170 475 170 490 c S "
    logo = b"330 500 m 360 560 420 560 450 500 c S 330 500 m 390 430 l 450 500 l f "
    marked = settled(structured_pages.figure(rows, mark + logo), tmp_path, "auto")
    assert one(marked, "table").text == one(plain, "table").text


def test_a_figure_is_told_on_a_page_that_is_read_from_right_to_left(tmp_path: Path) -> None:
    lines = [
        TextLayerLine(text, (x, y, x + 80, y + 20))
        for x, y, text in (
            (500, 100, "\u05d0\u05d1\u05d2"), (100, 100, "\u05d3\u05d4"),
            (300, 140, "\u05d5\u05d6"), (500, 180, "\u05d7\u05d8"), (100, 180, "\u05d9\u05db"),
            (500, 220, "\u05dc\u05de"), (100, 220, "\u05e0\u05e1"),
        )
    ]  # fmt: skip
    layer = TextLayer(1400, 400, 150, tuple(lines))
    curves = ((150.0, 90.0, 520.0, 200.0), (190.0, 150.0, 510.0, 240.0))
    found = {
        name: {block.kind for block in read(each, hidden=False, find_layout=no_layout)[1]}
        for name, each in {"plain": layer, "drawn": replace(layer, shapes=curves)}.items()
    }
    assert "table" in found["plain"]
    assert "table" not in found["drawn"]
    mirrored = tuple((1400 - x1, y0, 1400 - x0, y1) for x0, y0, x1, y1 in curves)
    elsewhere = replace(layer, shapes=mirrored)
    blocks = read(elsewhere, hidden=False, find_layout=no_layout)[1]
    assert "table" in {block.kind for block in blocks}


def no_layout(*_: object) -> PageLayout:
    return PageLayout()
