"""Figures are cut out of the originals where their blocks are; an original may be gone."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import FigureConfig
from pipeline.documents.originals import Originals
from pipeline.output.export.documents import OutputIndex, PageReader
from pipeline.output.export.figures import FigureCutter, cut
from pipeline.output.export.formats import FORMATS
from pipeline.output.export.run import Exported, export
from pipeline.output.export.state import State
from pipeline.types import Block, PageImage, PageResult
from tests.support.exports import NoOriginals, options, output, page, source_of
from tests.support.sample_documents import Page, pdf

RED, BLUE = (255, 0, 0), (0, 0, 255)
BLOCKS = [
    Block("header", "Annual -- report", (0, 0, 9, 9)),
    Block("text", "Above the figure.", (1, 2, 3, 4)),
    Block("image", "", (200, 600, 400, 700)),
    Block("image_caption", "Figure 1: a square", (1, 2, 3, 4)),
    Block("footnote", "1 See below.", (1, 2, 3, 4)),
    Block("text", "Below the figure.", (1, 2, 3, 4)),
]
TEXT = (
    "Annual -- report\n\nAbove the figure.\n\n![image](#block-3)\n\nFigure 1: a square\n\n"
    "1 See below.\n\nBelow the figure."
)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def a_page(uri: str, doc_id: str = "ab" * 32) -> PageResult:
    return page(uri, 1, TEXT, blocks=BLOCKS, doc_id=doc_id)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A PDF with a red rectangle at 100 to 200 points across and 300 to 350 down, else blue."""
    content = b"0 0 1 rg 0 0 612 792 re f 1 0 0 rg 100 442 100 50 re f"
    path = tmp_path / "in" / "a file.pdf"
    path.parent.mkdir()
    path.write_bytes(pdf([Page(content)]))
    return path


@pytest.fixture
def index(original: Path, tmp_path: Path) -> OutputIndex:
    doc_id = hashlib.sha256(original.read_bytes()).hexdigest()
    return OutputIndex(output(tmp_path / "pages", [a_page(str(original), doc_id)]))


@pytest.fixture
def originals(tmp_path: Path) -> Iterator[Originals]:
    with Originals(options(tmp_path / "to")) as opened:
        yield opened


def test_a_figure_is_a_file_cut_from_the_page_at_its_box(
    index: OutputIndex, originals: Originals, tmp_path: Path
) -> None:
    done = export(index, options(tmp_path / "to"), originals)
    assert done.warned == 0
    written = (tmp_path / "to/a file.pdf.md").read_text()
    assert "![Figure on page 1](a%20file.pdf.figures/page-1-block-3.png)" in written
    figure = read(tmp_path / "to/a file.pdf.figures/page-1-block-3.png")
    # The page is drawn with 150 dpi, its boxes are of 144 dpi.
    assert figure.shape[:2] == pytest.approx((104, 208), abs=2)
    assert (figure[5:-5, 5:-5] == RED).all()


def test_headers_are_comments_and_notes_follow_their_page() -> None:
    written = "".join(FORMATS["markdown"].write(source_of([a_page("/in/a.pdf")])))
    _, body = written.split('<a id="page-1"></a>')
    parts = body.strip().split("\n\n")
    assert parts[:2] == ["<!-- header: Annual - - report -->", "Above the figure."]
    assert parts[-4:] == [
        "Figure 1: a square",
        "Below the figure.",
        "<!-- footnotes -->",
        "1 See below.",
    ]


def test_text_that_blocks_do_not_have_is_not_lost() -> None:
    other = page("/in/a.pdf", 1, f"{TEXT}\n\nA line of no block.", blocks=BLOCKS)
    written = "".join(FORMATS["markdown"].write(source_of([other])))
    assert "A line of no block." in written
    assert "![image](#page-1-block-3)" in written


def test_an_original_that_is_gone_is_a_placeholder_and_a_warning(
    index: OutputIndex, original: Path, originals: Originals, tmp_path: Path
) -> None:
    content = original.read_bytes()
    original.unlink()
    done = export(index, options(tmp_path / "to"), originals)
    written = (tmp_path / "to/a file.pdf.md").read_text()
    assert "> Figure on page 1 is not here: the original is gone" in written
    assert "Below the figure." in written
    assert done.warnings == [f"{original}, page 1: no figures: the original is gone"]
    # Once it is back, its figures are.
    original.write_bytes(content)
    with Originals(options(tmp_path / "to")) as again:
        assert export(index, options(tmp_path / "to"), again).files == {"markdown": 1}
        assert (tmp_path / "to/a file.pdf.figures/page-1-block-3.png").exists()
        assert export(index, options(tmp_path / "to"), again).kept == {"markdown": 1}


def test_no_figure_is_cut_out_of_an_original_that_changed(
    index: OutputIndex, original: Path, originals: Originals, tmp_path: Path
) -> None:
    original.write_bytes(original.read_bytes() + b"\n")
    done = export(index, options(tmp_path / "to"), originals)
    assert done.warned == 1
    written = (tmp_path / "to/a file.pdf.md").read_text()
    assert "the original cannot be read: it changed since it was read" in written


def test_a_figure_that_was_deleted_is_written_again(
    index: OutputIndex, originals: Originals, tmp_path: Path
) -> None:
    export(index, options(tmp_path / "to"), originals)
    (tmp_path / "to/a file.pdf.figures/page-1-block-3.png").unlink()
    assert export(index, options(tmp_path / "to"), originals).files == {"markdown": 1}
    assert (tmp_path / "to/a file.pdf.figures/page-1-block-3.png").exists()


def test_an_export_that_was_killed_between_figures_goes_on(
    index: OutputIndex, tmp_path: Path, originals: Originals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(State, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            export(index, options(tmp_path / "to"), originals)
    assert list((tmp_path / "to").rglob("*.png"))
    done = export(index, options(tmp_path / "to"), originals)
    assert done.files == {"markdown": 1}


def test_other_settings_of_figures_write_the_file_again(
    index: OutputIndex, originals: Originals, tmp_path: Path
) -> None:
    export(index, options(tmp_path / "to"), originals)
    small = options(tmp_path / "to", figures={"max_side_px": 50})
    assert export(index, small, originals).files == {"markdown": 1}
    figure = read(tmp_path / "to/a file.pdf.figures/page-1-block-3.png")
    assert max(figure.shape) == 50


def test_a_page_without_figures_is_not_drawn() -> None:
    done = Exported()
    cutter = FigureCutter(NoOriginals().page, FigureConfig(), done.warn)
    assert cutter.figures(page("/in/a.pdf", 1, "only text")) == {}
    assert done.warned == 0


def test_a_figure_of_a_page_that_lies_is_upright() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:20, 30:50] = RED
    pixels[10:20, 30:32] = BLUE  # its left edge is the upper one after a turn by 90 degrees
    shape = replace(page("/in/a.pdf", 1, "x"), width_px=60, height_px=40, turned_deg=90)
    figure = cut(pixels, (30, 10, 50, 20), shape)
    assert figure.shape[:2] == (20, 10)
    assert (figure[:2] == BLUE).all()
    assert (figure[2:] == RED).all()


def test_a_box_outside_the_page_gives_what_is_inside() -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    shape = replace(page("/in/a.pdf", 1, "x"), width_px=10, height_px=10)
    assert cut(pixels, (-5, 8, 30, 90), shape).shape == (2, 10, 3)
    assert cut(pixels, (20, 20, 30, 30), shape).shape == (1, 1, 3)


def test_figures_are_png_files_within_their_limit() -> None:
    image = PageImage(np.zeros((400, 400, 3), np.uint8), 72)
    cutter = FigureCutter(lambda ref: image, FigureConfig(max_side_px=16), Exported().warn)
    (figure,) = cutter.figures(a_page("/in/a.pdf")).values()
    assert max(Image.open(io.BytesIO(figure.png)).size) == 16


def test_another_drawer_draws_the_same_page_in_a_process_of_its_own(
    index: OutputIndex, originals: Originals
) -> None:
    (document,) = index.documents()
    ref = PageReader(index.shards).results(document)[0].ref
    with originals.another() as other:
        assert (other.page(ref).pixels == originals.page(ref).pixels).all()
    assert originals.page(ref).pixels.size
