"""The structure of text layers, from the page to its blocks."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pymupdf
import pytest

from pipeline.config import RenderConfig, StructureMode
from pipeline.documents.look import LookOptions, look
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.transform import Allocator, new_pixels
from pipeline.types import Block, PageImage, Recognition
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
