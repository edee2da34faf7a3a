"""Lines that lie askew, as OCRmyPDF gets them and writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest

from pipeline.types import PageResult
from tests.unit.output.export.test_askew import at, rows

pytest.importorskip("ocrmypdf", reason="install the extra: pip install '.[ocrmypdf]'")

from ocrmypdf.font import MultiFontManager
from ocrmypdf.fpdf_renderer import Fpdf2PdfRenderer

from pipeline.ocrmypdf_plugin.elements import page_element


def written(page: PageResult, folder: Path) -> list[tuple[str, tuple[float, ...], float]]:
    """The words of the PDF that OCRmyPDF makes: text, origin of the letters, their size."""
    tree = page_element(page, 144.0, 0)
    path = folder / "text.pdf"
    Fpdf2PdfRenderer(tree, 144.0, MultiFontManager(), invisible_text=True).render(path)
    with pymupdf.open(path) as document:
        blocks = document[0].get_text("rawdict")["blocks"]
    return [
        ("".join(char["c"] for char in span["chars"]), span["origin"], span["size"])
        for block in blocks
        for found in block.get("lines", ())
        for span in found["spans"]
    ]


@pytest.mark.parametrize("deg", [-5.0, -2.0, 2.0, 5.0])
def test_text_is_as_high_as_the_line_and_on_it(deg: float, tmp_path: Path) -> None:
    straight = written(rows(0.0), tmp_path)[0][2]
    found = written(rows(deg), tmp_path)
    first = {"harbour": 0, "timber": 1, "wool": 3}
    compared = 0
    for text, origin, size in found:
        row = first.get(text.strip().split(" ")[0])
        if row is None:
            continue
        compared += 1
        # 9 px below the middle of a line of 30 px; two pixels are a point.
        x, y = at(112, 700 + 40 * row + 9, deg)
        assert origin == pytest.approx((x / 2, y / 2), abs=1.5)
        assert size == pytest.approx(straight, rel=0.1)
    assert compared == 3


def test_straight_lines_are_as_before() -> None:
    page = page_element(rows(0.0), 144.0, 0)
    lines = [each for paragraph in page.children for each in paragraph.children]
    assert [(each.baseline, each.textangle) for each in lines] == [(None, 0.0)] * 4


@pytest.mark.parametrize("turned_deg", [90, 180, 270])
def test_the_box_of_a_turned_line_is_inside_the_one_around_it(turned_deg: int) -> None:
    [line, *_] = rows(4.0).recognition.lines
    box = line.box
    if turned_deg % 180:
        box = (box[1], box[0], box[3], box[2])
    read = replace(rows(4.0).recognition, lines=(replace(line, box=box),))
    page = replace(rows(4.0), recognition=read, turned_deg=turned_deg)
    [paragraph] = page_element(page, 144.0, 0).children
    [found] = paragraph.children
    inner = found.bbox
    assert found.baseline.slope == pytest.approx(0.0699, abs=1e-3)
    assert min(inner.right - inner.left, inner.bottom - inner.top) == pytest.approx(30, abs=0.1)
    assert box[0] - 1 <= inner.left
    assert inner.right <= box[2] + 1
    assert box[1] - 1 <= inner.top
    assert inner.bottom <= box[3] + 1
