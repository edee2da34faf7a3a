"""The command `ocrmypdf` with Rayscribe as its engine, on the samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from pipeline.config import EngineConfig
from pipeline.engines.registry import build_engine
from serving.config import ServeConfig
from tests.support import ocrmypdf_command
from tests.support.job_process import ROOT
from tests.support.live_service import running

pytest.importorskip("ocrmypdf", reason="install the extra: pip install '.[ocrmypdf]'")
NOTICE = ROOT / "samples/notice.jpg"
CHOSEN = ("--ocr-engine", "rayscribe", "--output-type", "pdf", "--quiet")


def ocr(source: Path, target: Path, *flags: str, **more: Any) -> str:
    """Run the command, and return what it says."""
    done = ocrmypdf_command.run([*CHOSEN, *flags, source, target], **more)
    assert done.returncode == 0, done.stderr
    return done.stderr


def words(path: Path, page: int = 0) -> dict[str, tuple[float, ...]]:
    """The words of a page and their boxes, in points of the page as displayed."""
    with pymupdf.open(path) as document:
        turn = document[page].rotation_matrix
        found = document[page].get_text("words")
        return {word[4]: tuple(pymupdf.Rect(word[:4]) * turn) for word in found}


def test_words_are_found_where_they_are(tmp_path: Path) -> None:
    ocr(NOTICE, tmp_path / "out.pdf", "--image-dpi", "150", "--sidecar", str(tmp_path / "out.txt"))
    found = words(tmp_path / "out.pdf")
    assert {"Library", "notice", "Fridays.", "damaged", "them."} <= set(found)
    # Measured in the picture: the capital L begins 72 points from the left.
    assert found["Library"][0] == pytest.approx(72, abs=3)
    assert found["Library"][1] < found["reading"][1] < found["damaged"][1]
    assert found["reading"][0] < found["room"][0] < found["closes"][0]
    text = (tmp_path / "out.txt").read_text()
    # The line breaks are those of the page.
    said = (
        "Library notice The reading room closes at six o'clock on Fridays. Books may be returned "
        "through the slot beside the east door at any hour. Please report damaged pages to the "
        "desk. We mend them."
    )
    assert " ".join(text.split()) == said


def test_it_runs_where_tesseract_is_not_installed(tmp_path: Path) -> None:
    flags = ("--image-dpi", "150")
    ocr(NOTICE, tmp_path / "out.pdf", *flags, has_tesseract=False)
    assert "Library" in words(tmp_path / "out.pdf")
    # And then it is the engine that nobody has to ask for.
    command = ["--output-type", "pdf", "--quiet", *flags, NOTICE, tmp_path / "auto.pdf"]
    assert ocrmypdf_command.run(command, has_tesseract=False).returncode == 0
    assert "Library" in words(tmp_path / "auto.pdf")


def test_every_page_of_a_document_is_read(tmp_path: Path) -> None:
    ocr(ROOT / "samples/fax.tiff", tmp_path / "out.pdf", "--jobs", "2")
    assert "Library" in words(tmp_path / "out.pdf", 0)
    assert "clocks" in words(tmp_path / "out.pdf", 1)


def test_a_page_that_lies_is_turned(tmp_path: Path) -> None:
    with Image.open(NOTICE) as image:
        image.rotate(90, expand=True).save(tmp_path / "lies.png", dpi=(150, 150))
    ocr(tmp_path / "lies.png", tmp_path / "out.pdf", "--rotate-pages")
    with pymupdf.open(tmp_path / "out.pdf") as document:
        assert document[0].rotation == 90  # clockwise
    found = words(tmp_path / "out.pdf")
    assert found["Please"][0] < found["report"][0] < found["damaged"][0]
    assert found["Please"][0] == pytest.approx(72, abs=4)


def test_a_page_that_stays_as_it_lies_has_its_words_in_place(tmp_path: Path) -> None:
    with Image.open(NOTICE) as image:
        image.rotate(180, expand=True).save(tmp_path / "lies.png", dpi=(150, 150))
    ocr(tmp_path / "lies.png", tmp_path / "out.pdf")
    found = words(tmp_path / "out.pdf")
    assert found["Library"][2] == pytest.approx(612 - 72, abs=4)
    assert found["reading"][0] > found["room"][0] > found["closes"][0]


def test_pages_are_read_by_a_service(tmp_path: Path) -> None:
    engine = EngineConfig(kind="onnx")
    with running(ServeConfig(engine=engine), build_engine(engine)) as service:
        ocr(NOTICE, tmp_path / "out.pdf", "--image-dpi", "150", "--rayscribe-url", service.url)
    found = words(tmp_path / "out.pdf")
    assert {"Library", "Fridays.", "damaged"} <= set(found)
    assert found["Library"][0] == pytest.approx(72, abs=3)


def test_a_service_that_does_not_answer_ends_the_run_with_its_address(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    command = [*CHOSEN, "--image-dpi", "150", "--rayscribe-url", url, NOTICE, tmp_path / "out.pdf"]
    done = ocrmypdf_command.run(command)
    assert done.returncode != 0
    assert f"{url}/v1/ocr" in done.stderr
    assert not (tmp_path / "out.pdf").exists()


def test_the_renderer_that_is_tesseracts_own_is_refused_before_any_page(tmp_path: Path) -> None:
    command = [*CHOSEN, "--pdf-renderer", "sandwich", NOTICE, tmp_path / "out.pdf"]
    done = ocrmypdf_command.run(command)
    assert done.returncode == 1
    assert "sandwich needs Tesseract" in done.stderr


def test_pages_can_be_had_as_hocr(tmp_path: Path) -> None:
    from ocrmypdf.hocrtransform.hocr_parser import HocrParser

    from pipeline.ocrmypdf_plugin.engine import RayscribeEngine

    class Options:
        class rayscribe:  # noqa: N801 - as OCRmyPDF names it
            url, timeout = "", 60.0

    hocr, text = tmp_path / "page.hocr", tmp_path / "page.txt"
    RayscribeEngine.generate_hocr(NOTICE, hocr, text, Options())
    page = HocrParser(hocr).parse()
    assert [word.text for word in page.words][:3] == ["Library", "notice", "The"]
    assert len(page.lines) == 4
    assert text.read_text().startswith("Library notice\n")
