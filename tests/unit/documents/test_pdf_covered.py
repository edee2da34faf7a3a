"""Text that is in a layer and not to be seen: under something else, or smaller than a point."""

from __future__ import annotations

from pathlib import Path

import pytest

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
