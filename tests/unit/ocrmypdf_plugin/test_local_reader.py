"""Pages that are read in OCRmyPDF's process."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import DocumentError
from pipeline.ocrmypdf_plugin.local_reader import LocalReader
from pipeline.ocrmypdf_plugin.page_image import page_file
from pipeline.types import Status
from tests.support.job_process import ROOT

NOTICE = ROOT / "samples/notice.jpg"


@pytest.fixture(scope="module")
def reader() -> LocalReader:
    return LocalReader()


def test_a_page_has_lines_with_boxes(reader: LocalReader) -> None:
    page = reader.read(str(NOTICE))
    lines = page.recognition.lines
    assert lines[0].text == "Library notice"
    assert len(lines) == 4
    with Image.open(NOTICE) as image:
        assert (page.width_px, page.height_px) == image.size
    assert all(0 <= line.box[0] < line.box[2] <= page.width_px for line in lines)


def test_a_page_that_lies_says_how(reader: LocalReader, tmp_path: Path) -> None:
    with Image.open(NOTICE) as image:
        image.rotate(90, expand=True).save(tmp_path / "lies.png")
    page = reader.read(str(tmp_path / "lies.png"))
    assert page.turned_deg == 90
    assert page.recognition.text.startswith("Library notice")


def test_an_empty_page_is_blank(reader: LocalReader, tmp_path: Path) -> None:
    Image.new("RGB", (600, 800), "white").save(tmp_path / "empty.png")
    assert reader.read(str(tmp_path / "empty.png")).recognition.status is Status.BLANK


def test_what_is_no_image_is_an_error(reader: LocalReader, tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"no image")
    with pytest.raises(DocumentError):
        reader.read(str(tmp_path / "page.png"))


def test_the_resolution_of_a_page_is_that_of_its_file(tmp_path: Path) -> None:
    Image.new("L", (60, 80)).save(tmp_path / "a.png", dpi=(200, 200))
    Image.new("L", (60, 80)).save(tmp_path / "b.png")
    assert page_file(tmp_path / "a.png").dpi == pytest.approx(200, abs=0.1)
    assert page_file(tmp_path / "b.png").dpi == 72
