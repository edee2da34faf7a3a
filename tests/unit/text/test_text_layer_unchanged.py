"""Text, blocks and trust of known pages, frozen: a faster way has to come to the same words.

The expected digests are those of the code before it was made faster. Where a change of the result
is intended, the assertion's message has the new digest.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.config import RenderConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.text.text_layer import read
from pipeline.text.text_layer_trust import assess_trust
from tests.support import sample_documents
from tests.support.sample_documents import Page

SAMPLES = Path(__file__).parents[3] / "samples"


def _columns() -> bytes:
    """Two columns of prose under a heading, a table and shapes: all kinds of what is counted."""
    column = sample_documents.text_content(sample_documents.prose(30), 6, 640)
    beside = b"q 1 0 0 1 250 0 cm " + column + b" Q "
    heading = sample_documents.text_content(["A heading over both columns"], 18, 700)
    table = b"".join(
        b"BT /F1 9 Tf %d %d Td (cell %d.%d) Tj ET " % (72 + 150 * x, 120 - 14 * y, y, x)
        for y in range(4)
        for x in range(3)
    )
    shapes = b"".join(b"%d 40 5 7 re f " % (80 + 9 * i) for i in range(20))
    return sample_documents.pdf([Page(heading + b" " + column + b" " + beside + table + shapes)])


def _made() -> dict[str, bytes]:
    prose = sample_documents.text_content(sample_documents.prose())
    landscape = (792, 612)
    return {
        "columns": _columns(),
        "sideways": sample_documents.pdf(
            [Page(sample_documents.turned_content(prose, 90, landscape), landscape)]
        ),
        "cropped": sample_documents.pdf(
            [Page(prose, entries=b"/Rotate 90/CropBox[50 100 562 760]")]
        ),
        "hidden": sample_documents.scan_pdf(b"3 Tr " + prose),
        "covered": sample_documents.scan_pdf(b"", before=prose),
        "logo": sample_documents.scan_pdf(prose, picture_pt=(50, 50)),
        "white": sample_documents.pdf([Page(b"1 g " + prose)]),
        "empty": sample_documents.pdf([Page()]),
    }


def _digest(path: Path) -> str:
    """A digest of text, blocks (boxes in whole pixels), turn and trust of every page."""
    pdf = PdfFile(str(path), "", 100)
    pages = []
    for page in range(1, len(pdf.sizes_pt()) + 1):
        layer = pdf.layer(page, RenderConfig())
        text, blocks, deg = read(layer, hidden=True)
        boxes = [(block.text, [round(side) for side in block.box or ()]) for block in blocks]
        trust = assess_trust(layer)
        pages.append([text, boxes, deg, trust.score, trust.doubts])
    return hashlib.sha256(json.dumps(pages).encode()).hexdigest()[:16]


EXPECTED_SAMPLES = {
    "article.pdf": "44061d87a175c3c3",
    "invoice.pdf": "4697a012225fcfd3",
}
EXPECTED_MADE = {
    "columns": "46ef29ec0bb60c5d",
    "sideways": "c23064de28182fa3",
    "cropped": "7e337ec00c78623d",
    "hidden": "ac68fe53c9d931f4",
    "covered": "8de18fd3a1772612",
    "logo": "b25839a383854d67",
    "white": "ac68fe53c9d931f4",
    "empty": "e75d134e59d5f54c",
}


@pytest.mark.parametrize("name", EXPECTED_SAMPLES)
def test_a_sample_has_the_words_it_had(name: str) -> None:
    assert _digest(SAMPLES / name) == EXPECTED_SAMPLES[name]


@pytest.mark.parametrize("name", EXPECTED_MADE)
def test_a_made_page_has_the_words_it_had(name: str, tmp_path: Path) -> None:
    path = tmp_path / "made.pdf"
    path.write_bytes(_made()[name])
    assert _digest(path) == EXPECTED_MADE[name]
