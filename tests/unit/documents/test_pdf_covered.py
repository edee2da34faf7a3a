"""Text that is in a layer and not to be seen: under something else, or smaller than a point."""

from __future__ import annotations

import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from pipeline.documents.pdf import painted
from pipeline.documents.pdf.covered import under_others
from pipeline.documents.pdf.painted import Boxes, Kinds
from pipeline.text.text_layer import TextLayerLine
from pipeline.text.text_layer_trust import assess_trust
from tests.support import sample_documents
from tests.support.sample_documents import Page
from tests.unit.documents.test_pdf_text_layer import PROSE, layer_of

NAME = b" BT /F1 9 Tf 60 40 Td (John Doe) Tj ET "
BOX = b"50 30 200 30 re f "
MARKER = b"/ExtGState<</G1<</BM/Multiply>>/G2<</ca 0.3>>>>"


def lines_seen(tmp_path: Path, drawn: bytes) -> list[str]:
    page = sample_documents.pdf([Page(PROSE + drawn)], resources=MARKER)
    return [line.text for line in layer_of(tmp_path, page).lines if line.is_visible]


COVERED = {
    "a white box": NAME + b" 1 g " + BOX,
    "a black box": NAME + b" 0 g " + BOX,
    "a white box, and a word beside it": NAME + b" 1 g " + BOX + b"0 g BT 300 40 Td (x) Tj ET",
    "tiny": b" BT /F1 0.3 Tf 60 40 Td (John Doe) Tj ET",
    "tiny by its matrix": b" BT /F1 9 Tf .05 0 0 .05 60 40 Tm (John Doe) Tj ET",
}


@pytest.mark.parametrize("name", COVERED)
def test_text_of_which_nothing_is_seen_is_no_visible_line(tmp_path: Path, name: str) -> None:
    assert "John Doe" not in lines_seen(tmp_path, COVERED[name])


SEEN = {
    "under a box that is clipped elsewhere": NAME + b" q 0 0 40 40 re W n 1 g " + BOX + b"Q",
    "marked with a colour that lets it through": NAME + b" /G1 gs 1 1 0 rg " + BOX,
    "under a box that is transparent": NAME + b" /G2 gs 1 g " + BOX,
    "on a box": b" 0.5 g " + BOX + b" 0 g " + NAME,
    "partly covered": NAME + b" 1 g 50 30 20 30 re f ",
    "a large size made small to a point and a half": b" BT /F1 1.5 Tf 60 40 Td (John Doe) Tj ET",
}


@pytest.mark.parametrize("name", SEEN)
def test_text_that_is_seen_stays(tmp_path: Path, name: str) -> None:
    assert "John Doe" in lines_seen(tmp_path, SEEN[name])


def test_a_covered_name_is_no_doubt_about_the_rest(tmp_path: Path) -> None:
    page = sample_documents.pdf([Page(PROSE + COVERED["a black box"])])
    assert assess_trust(layer_of(tmp_path, page)).score > 0.95


def under_large_image(side_px: int) -> bytes:
    """A page with an image that was painted over one of its lines."""
    image = BytesIO()
    Image.new("1", (side_px, side_px), 1).save(image, "PNG")
    content = sample_documents.pdf([Page(PROSE + NAME)])
    with pymupdf.open(stream=content, filetype="pdf") as document:
        place = pymupdf.Rect(50, 730, 250, 770)
        document[0].insert_image(place, stream=image.getvalue(), keep_proportion=False)
        made: bytes = document.tobytes()
    return made


def test_a_page_with_a_large_image_is_not_drawn_for_what_it_covers(tmp_path: Path) -> None:
    large = layer_of(tmp_path, under_large_image(4100))
    assert "John Doe" in [line.text for line in large.visible]
    assert "an image of 17 megapixels: text that may be covered was not looked at" in large.warnings
    small = layer_of(tmp_path, under_large_image(100))
    assert "John Doe" not in [line.text for line in small.visible]
    assert not any("covered" in warning for warning in small.warnings)


def many(texts: int) -> tuple[Kinds, Boxes]:
    """So many texts, and something that is painted over them at the end."""
    kinds = np.array([painted.TEXT] * texts + [painted.FILL_PATH], np.int8)
    boxes = np.array([(10.0, 10.0, 90.0, 20.0)] * texts + [(0.0, 0.0, 100.0, 100.0)])
    return kinds, boxes


LINE = TextLayerLine("x", (10.0, 10.0, 90.0, 20.0))


def test_only_visible_lines_are_compared_with_what_is_painted() -> None:
    lines = [LINE, replace(LINE, is_visible=False), LINE, replace(LINE, box=(90, 10, 190, 20))]
    assert under_others(lines, *many(3)) == [0, 2]
    kinds, boxes = many(3)
    assert under_others(lines, kinds[::-1], boxes[::-1]) == []


def test_many_lines_and_operations_are_compared_in_little_time() -> None:
    before = time.process_time()
    found = under_others([LINE] * 2000, *many(99_999))
    assert 100 < len(found) < 2000
    assert time.process_time() - before < 2
