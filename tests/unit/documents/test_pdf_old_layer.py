"""The invisible text of an earlier OCR, taken out of pages that get a new one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from pipeline.documents.page_text import PageText, TextRun
from pipeline.documents.pdf.searchable import SearchablePdf
from tests.support.pdf_readers import READERS, Geometry

LETTER = Geometry(size_pt=(612, 792), crop=(0, 0, 612, 792))
NEW = TextRun("fresh words", (150.0, 400.0, 500.0, 430.0))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan with the invisible text of an earlier OCR, a visible stamp and a link."""
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    picture = pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 90, 60))
    picture.set_rect(picture.irect, (200, 30, 30))
    page.insert_image((50, 150, 550, 500), pixmap=picture)
    page.insert_text((72, 220), "garbled 0ld w0rds", render_mode=3)
    page.insert_text((72, 60), "visible stamp")
    page.insert_link(
        {
            "kind": pymupdf.LINK_URI,
            "from": pymupdf.Rect(70, 50, 90, 70),
            "uri": "https://a.example/",
        }
    )
    page.add_redact_annot((300, 50, 400, 70))
    path = tmp_path / "scan.pdf"
    document.save(path)
    return path


def added(path: Path, *, replaces_layer: bool, page: int = 1) -> bytes:
    """Add the new text to a copy; the bytes before."""
    before = path.read_bytes()
    copy = SearchablePdf(str(path), "", 10)
    warnings = copy.add([PageText(page, 1224, 1584, (NEW,), replaces_layer=replaces_layer)])
    copy.close()
    assert warnings == ()
    return before


def images(path: Path) -> list[str]:
    document = pymupdf.open(path)
    numbers = [image[0] for page in document for image in page.get_images()]
    return [hashlib.sha256(document.xref_stream_raw(number)).hexdigest() for number in numbers]


def pixels(path: Path) -> bytes:
    return bytes(pymupdf.open(path)[0].get_pixmap(annots=False).samples)


@pytest.mark.parametrize("reader", READERS)
def test_only_the_new_text_and_what_is_visible_is_found(scan: Path, reader: str) -> None:
    shown, pictures = pixels(scan), images(scan)
    before = added(scan, replaces_layer=True)
    found = [word for word, _ in READERS[reader](scan, LETTER)]
    assert sorted(found) == ["fresh", "stamp", "visible", "words"]
    assert scan.read_bytes().startswith(before)
    assert images(scan) == pictures
    assert pixels(scan) == shown


def test_links_and_marks_of_the_page_stay(scan: Path) -> None:
    added(scan, replaces_layer=True)
    page = pymupdf.open(scan)[0]
    assert [link["uri"] for link in page.get_links()] == ["https://a.example/"]
    assert [mark.type[1] for mark in page.annots()] == ["Redact"]


def test_the_old_text_stays_where_nothing_else_is_asked(scan: Path) -> None:
    added(scan, replaces_layer=False)
    text = pymupdf.open(scan)[0].get_text()
    assert "garbled 0ld w0rds" in text
    assert "fresh words" in text


def test_a_layer_in_a_form_that_pages_share_goes_from_the_page_that_is_asked(
    tmp_path: Path,
) -> None:
    inner = pymupdf.open()
    inner.new_page().insert_text((72, 220), "garbled", render_mode=3)
    document = pymupdf.open()
    for _ in range(2):
        document.new_page().show_pdf_page(pymupdf.Rect(0, 0, 595, 842), inner, 0)
    path = tmp_path / "forms.pdf"
    document.save(path)
    added(path, replaces_layer=True)
    texts = [page.get_text() for page in pymupdf.open(path)]
    assert "garbled" not in texts[0]
    assert "fresh words" in texts[0]
    assert "garbled" in texts[1]


@pytest.mark.parametrize("deg", [0, 90, 180, 270])
def test_turned_pages_with_a_crop_box_lose_it_too(scan: Path, deg: int) -> None:
    document = pymupdf.open(scan)
    document[0].set_cropbox(pymupdf.Rect(20, 20, 500, 700))
    document[0].set_rotation(deg)
    document.saveIncr()
    added(scan, replaces_layer=True)
    text = pymupdf.open(scan)[0].get_text()
    assert "garbled" not in text
    assert "visible stamp" in text
    assert "fresh words" in text


def test_a_page_without_invisible_text_keeps_its_content(tmp_path: Path) -> None:
    document: Any = pymupdf.open()
    document.new_page().insert_text((72, 60), "visible stamp")
    path = tmp_path / "plain.pdf"
    document.save(path)
    added(path, replaces_layer=True)
    page = pymupdf.open(path)[0]
    assert len(page.get_contents()) == 2  # the new stream, and the one that was there
    assert "visible stamp" in page.get_text()


def test_a_page_that_names_content_which_is_not_there_gets_its_text(scan: Path) -> None:
    document: Any = pymupdf.open(scan)
    (number, *others) = document[0].get_contents()
    parts = " ".join(f"{each} 0 R" for each in (number, *others))
    document.xref_set_key(document[0].xref, "Contents", f"[null {parts}]")
    document.saveIncr()
    copy = SearchablePdf(str(scan), "", 10)
    warnings = copy.add([PageText(1, 1224, 1584, (NEW,), replaces_layer=True)])
    copy.close()
    assert "page 1 cannot be changed" not in warnings
    text = pymupdf.open(scan)[0].get_text()
    assert "garbled" not in text
    assert "fresh words" in text
