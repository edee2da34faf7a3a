from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import RenderConfig
from pipeline.documents.images.decode import ImageFile
from pipeline.documents.images.mupdf import MupdfImageFile
from pipeline.documents.images.pillow import PillowImageFile
from pipeline.errors import DocumentError, ErrorKind, PageError
from tests.support import sample_documents

RED, WHITE = (255, 0, 0), (255, 255, 255)
CORNER = sample_documents.corner_picture()


def saved(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "picture"
    path.write_bytes(content)
    return str(path)


Look = Callable[..., ImageFile]


@pytest.fixture
def looked_at(tmp_path: Path) -> Iterator[Look]:
    opened: list[ImageFile] = []

    def look(content: bytes, max_pixels: int = 10_000_000) -> ImageFile:
        opened.append(ImageFile(saved(tmp_path, content), max_pixels, 10))
        return opened[-1]

    yield look
    for picture in opened:
        picture.close()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (sample_documents.photoshop_file(CORNER), "image/vnd.adobe.photoshop"),
        (sample_documents.nibble_tiff([CORNER]), "image/tiff"),
    ],
)
def test_what_pillow_refuses_mupdf_may_read(
    tmp_path: Path, looked_at: Look, content: bytes, media_type: str
):
    with pytest.raises(DocumentError):
        PillowImageFile(saved(tmp_path, content), 10_000_000, 10)
    picture = looked_at(content)
    assert picture.media_type == media_type
    assert picture.warnings[0].startswith("read by MuPDF, for Pillow refuses: ")
    image = picture.render(1, RenderConfig())
    assert np.array_equal(image.pixels, np.asarray(CORNER))
    assert image.blank_suspect_reason.startswith("Pillow refuses it: ")


def test_a_jbig2_file_is_read(looked_at: Look):
    image = looked_at(sample_documents.jbig2_file(CORNER)).render(1, RenderConfig())
    assert np.array_equal(image.pixels[..., 1], np.asarray(CORNER)[..., 1])


def test_what_pillow_reads_is_read_by_pillow(looked_at: Look):
    picture = looked_at(sample_documents.saved(CORNER, "TIFF", dpi=(72, 72)))
    assert picture.sizes_pt() == [(60.0, 40.0)]
    image = picture.render(1, RenderConfig())
    assert (picture.warnings, image.warnings, image.blank_suspect_reason) == ((), (), "")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright_from_mupdf_too(tmp_path: Path, orientation: int):
    jpeg = sample_documents.turned(CORNER, orientation, "JPEG")
    image = MupdfImageFile(saved(tmp_path, jpeg), 10_000_000, 10).render(1, RenderConfig())
    assert image.pixels.shape == (40, 60, 3)
    assert np.abs(image.pixels[4, 4].astype(int) - RED).max() < 40
    assert tuple(image.pixels[-3, -3]) == WHITE


def test_a_turned_tiff_with_oblong_pixels(looked_at: Look):
    stored = CORNER.transpose(Image.Transpose.ROTATE_90)  # EXIF 6: turn it clockwise
    content = sample_documents.nibble_tiff([stored], [(274, 6), (282, 100), (283, 200), (296, 2)])
    picture = looked_at(content)
    assert picture.sizes_pt() == [(60 * 72 / 200, 40 * 72 / 100)]
    image = picture.render(1, RenderConfig())
    assert (image.pixels.shape, image.dpi) == ((80, 60, 3), 200.0)
    assert tuple(image.pixels[3, 3]) == RED
    assert tuple(image.pixels[-3, 3]) == tuple(image.pixels[3, -3]) == WHITE


def test_every_frame_is_a_page(looked_at: Look):
    frames = [CORNER, Image.new("RGB", (8, 6), "blue")]
    picture = looked_at(sample_documents.nibble_tiff(frames))
    assert len(picture.sizes_pt()) == 2
    assert picture.is_reusable
    assert picture.render(2, RenderConfig()).pixels.shape == (6, 8, 3)
    assert tuple(picture.render(2, RenderConfig()).pixels[0, 0]) == (0, 0, 255)
    with pytest.raises(PageError, match="no page 3"):
        picture.render(3, RenderConfig())
    with pytest.raises(DocumentError, match="max_pages") as error:
        looked_at(sample_documents.nibble_tiff([CORNER] * 11))
    assert error.value.kind is ErrorKind.LIMIT


@pytest.mark.parametrize(
    "content", [sample_documents.photoshop_file(CORNER), sample_documents.nibble_tiff([CORNER])]
)
def test_pixels_are_limited_by_the_header(looked_at: Look, content: bytes):
    with pytest.raises(DocumentError) as opened:
        looked_at(content[: len(content) // 2], max_pixels=60 * 40 - 1)
    assert opened.value.kind is ErrorKind.LIMIT
    later = sample_documents.nibble_tiff([Image.new("RGB", (8, 6)), CORNER])
    few = RenderConfig().model_copy(update={"max_image_pixels": 60 * 40 - 1})
    picture = looked_at(later)
    with pytest.raises(PageError) as drawn:
        picture.render(2, few)
    assert drawn.value.kind is ErrorKind.LIMIT


@pytest.mark.parametrize(
    "content",
    [
        sample_documents.saved(sample_documents.noise_picture(99, 99), "JPEG")[:3000],
        sample_documents.saved(sample_documents.noise_picture(99, 99), "PNG")[:9000],
        sample_documents.saved(sample_documents.noise_picture(99, 99), "GIF")[:3000],
        sample_documents.saved(sample_documents.noise_picture(99, 99), "BMP")[:9000],
        sample_documents.saved(
            sample_documents.noise_picture(99, 99), "TIFF", compression="tiff_lzw"
        )[:9000],
        sample_documents.saved(sample_documents.noise_picture(99, 99), "JPEG2000")[:9000],
        sample_documents.photoshop_file(sample_documents.noise_picture(99, 99))[:9000],
        sample_documents.nibble_tiff([sample_documents.noise_picture(98, 98)])[:3000],
    ],
    ids=["JPEG", "PNG", "GIF", "BMP", "TIFF", "JPEG2000", "PSD", "nibbles"],
)
def test_a_truncated_picture_stays_an_error(looked_at: Look, content: bytes):
    with pytest.raises((DocumentError, PageError)) as error:
        looked_at(content).render(1, RenderConfig())
    assert error.value.kind in (ErrorKind.RENDER, ErrorKind.UNREADABLE)


@pytest.mark.parametrize("content", [b"no picture", b"", b"<html>", b"8BPS", b"II*\0\x08\0\0\0"])
def test_what_is_no_picture_is_said_once(looked_at: Look, content: bytes):
    with pytest.raises(DocumentError, match="neither a PDF nor a readable image") as error:
        looked_at(content)
    assert error.value.kind is ErrorKind.UNREADABLE
