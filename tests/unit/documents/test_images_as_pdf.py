"""Image files as PDFs: what they show, and which bytes stay as they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageOps

from pipeline.config import RenderConfig
from pipeline.documents import searchable_copy
from pipeline.documents.images import as_pdf
from pipeline.documents.images.png_stream import png_stream
from pipeline.documents.page_text import PageText, TextRun
from pipeline.errors import DocumentError, ErrorKind, PageError
from tests.support.pdf_readers import READERS, Geometry

SIZE_PX = (90, 60)
DPI = 150


def picture(mode: str = "RGB") -> Image.Image:
    """A picture without a symmetry, with flat parts that a JPEG keeps well."""
    shades = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8) + 255
    shades[:20, :30] = (200, 30, 40)
    shades[40:, 60:] = (10, 60, 160)
    shades[25:35, 40:50] = 0
    return Image.fromarray(shades).convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def written(content: bytes, folder: Path) -> Path:
    source, target = folder / "source", folder / "copy.pdf"
    source.write_bytes(content)
    as_pdf.write(str(source), str(target), RenderConfig(dpi=DPI), 10)
    return target


def shown(pdf: Path, page: int = 0) -> np.ndarray:
    with pymupdf.open(pdf) as document:
        pixmap = document[page].get_pixmap(dpi=DPI)
        return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.h, pixmap.w, -1).copy()


def streams(pdf: Path) -> list[bytes]:
    with pymupdf.open(pdf) as document:
        return [
            document.xref_stream_raw(number)
            for number in range(1, document.xref_length())
            if document.xref_get_key(number, "Subtype") == ("name", "/Image")
        ]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_keeps_its_bytes_and_is_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(picture(), "JPEG", quality=95, exif=exif.tobytes(), dpi=(DPI, DPI))
    pdf = written(content, tmp_path)
    assert streams(pdf) == [content]
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    found = shown(pdf)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 4


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_of_other_colours_look_as_they_did(mode: str, tmp_path: Path) -> None:
    content = saved(picture(mode), "JPEG", quality=95)
    pdf = written(content, tmp_path)
    assert streams(pdf) == [content]
    usual = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    # Colours of print are a matter of taste; negatives are none.
    assert np.abs(shown(pdf).astype(int) - usual).mean() < 25


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_png_keeps_its_image_data(mode: str, tmp_path: Path) -> None:
    content = saved(picture(mode), "PNG")
    pdf = written(content, tmp_path)
    [data] = streams(pdf)
    assert data in content
    assert (shown(pdf) == np.asarray(picture(mode).convert("RGB"))).all()


def test_a_png_with_transparency_is_on_white(tmp_path: Path) -> None:
    image = picture("RGBA")
    image.putalpha(Image.new("L", SIZE_PX, 0))
    assert (shown(written(saved(image, "PNG"), tmp_path)) == 255).all()


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "WEBP"])
def test_other_formats_are_compressed_without_loss(kind: str, tmp_path: Path) -> None:
    options = {"WEBP": {"lossless": True}, "BMP": {"dpi": (DPI, DPI)}}.get(kind, {})
    content = saved(picture(), kind, **options)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert (shown(written(content, tmp_path)) == expected).all()


def test_a_page_of_two_colours_takes_one_bit_a_pixel(tmp_path: Path) -> None:
    pdf = written(saved(picture("1"), "TIFF", compression="group4"), tmp_path)
    with pymupdf.open(pdf) as document:
        [(_, _, width, height, bits, *_)] = document[0].get_images()
    assert (width, height, bits) == (*SIZE_PX, 1)


def test_a_tiff_has_all_of_its_pages(tmp_path: Path) -> None:
    more = [picture("1"), picture("L")]
    content = saved(picture(), "TIFF", save_all=True, append_images=more, dpi=(72, 72))
    pdf = written(content, tmp_path)
    with pymupdf.open(pdf) as document:
        sizes = [(page.rect.width, page.rect.height) for page in document]
        second = document[1].get_pixmap(dpi=72)
    assert sizes == [SIZE_PX] * 3
    expected = np.asarray(more[0].convert("RGB"))
    found = np.frombuffer(second.samples, np.uint8).reshape(expected.shape)
    assert (found == expected).all()


def test_a_png_that_is_cut_off_is_not_taken_as_it_is() -> None:
    content = saved(picture(), "PNG")
    whole, cut = png_stream(content), png_stream(content[:30])
    assert whole is not None
    assert whole.size_px == SIZE_PX
    assert cut is None


def test_an_interlaced_png_and_a_file_that_is_none_have_to_be_decoded() -> None:
    content = bytearray(saved(picture(), "PNG"))
    content[8 + 8 + 12] = 1  # the header's last byte
    assert png_stream(bytes(content)) is None
    assert png_stream(b"GIF89a") is None


def test_an_image_that_cannot_be_decoded_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PageError):
        written(saved(picture(), "BMP")[:-400], tmp_path)
    with pytest.raises(DocumentError) as caught:
        written(b"no image", tmp_path)
    assert caught.value.kind is ErrorKind.UNREADABLE


@pytest.mark.parametrize("reader", READERS)
def test_the_text_of_an_image_is_found_in_place(reader: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "copy.pdf"
    source.write_bytes(saved(picture(), "JPEG", dpi=(72, 72)))
    text = PageText(1, *SIZE_PX, (TextRun("word", (10, 20, 50, 32), 0),))
    copy = searchable_copy.write(str(source), str(target), [text], (), RenderConfig(), 10)
    assert copy.refusal == ""
    geometry = Geometry(size_pt=SIZE_PX, crop=(0, 0, *SIZE_PX))
    [(word, box)] = READERS[reader](target, geometry)
    assert word == "word"
    assert box == pytest.approx((10, 20, 50, 32), abs=3)
