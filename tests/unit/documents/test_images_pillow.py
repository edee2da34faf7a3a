from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import RenderConfig
from pipeline.documents.images.pillow import PillowImageFile
from pipeline.errors import DocumentError, ErrorKind, PageError
from tests.support import sample_documents

RED = [255, 0, 0]
LIMIT = 1_000_000


def opened(
    tmp_path: Path, content: bytes, max_pixels: int = LIMIT, max_pages: int = 100
) -> PillowImageFile:
    path = tmp_path / "picture"
    path.write_bytes(content)
    return PillowImageFile(str(path), max_pixels, max_pages)


def pixels_of(tmp_path: Path, content: bytes, page: int = 1) -> np.ndarray:
    return opened(tmp_path, content).render(page, RenderConfig()).pixels


def failure(tmp_path: Path, content: bytes, page: int = 1) -> PageError:
    document = opened(tmp_path, content)
    with pytest.raises(PageError) as caught:
        document.render(page, RenderConfig(max_image_pixels=LIMIT))
    document.close()
    return caught.value


@pytest.mark.parametrize(
    ("format_name", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("TIFF", "image/tiff"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("PPM", "image/x-portable-anymap"),
        ("JPEG2000", "image/jp2"),
        ("ICO", "image/x-icon"),
    ],
)
def test_every_format_is_one_page(tmp_path: Path, format_name: str, media_type: str) -> None:
    picture = Image.new("RGB", (48, 48), (0, 0, 255))
    document = opened(tmp_path, sample_documents.saved(picture, format_name))
    image = document.render(1, RenderConfig())
    assert document.media_type == media_type
    assert len(document.sizes_pt()) == 1
    assert image.pixels.shape == (48, 48, 3)
    assert np.abs(image.pixels.astype(int) - [0, 0, 255]).max() < 4
    assert image.warnings == ()
    document.close()


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright(tmp_path: Path, format_name: str, orientation: int) -> None:
    picture = sample_documents.corner_picture(60, 40)
    content = sample_documents.turned(picture, orientation, format_name)
    document = opened(tmp_path, content)
    pixels = document.render(1, RenderConfig()).pixels
    shown = (60, 40) if format_name == "WEBP" else ((60, 80), (120, 40))[orientation > 4]
    assert pixels.shape[1::-1] == shown
    assert np.abs(pixels[2, 2].astype(int) - RED).max() < 40
    assert pixels[-3, -3].min() > 200
    assert pixels[2, -3].min() > 200
    document.close()


def test_a_fax_gets_square_pixels(tmp_path: Path) -> None:
    content = sample_documents.saved(
        sample_documents.corner_picture(204, 98), "TIFF", dpi=(204, 98)
    )
    document = opened(tmp_path, content)
    image = document.render(1, RenderConfig())
    assert document.sizes_pt() == [pytest.approx((72, 72))]
    assert image.pixels.shape == (204, 204, 3)
    assert image.dpi == 204
    assert image.warnings == ("stretched to square pixels: the file states 204 x 98 dpi",)
    document.close()


@pytest.mark.parametrize(
    ("dpi", "stated"), [((200, 200), 200), ((1, 1), 0), ((5000, 5000), 0), (None, 0)]
)
def test_resolution_is_taken_where_it_can_be_believed(
    tmp_path: Path, dpi: tuple[int, int] | None, stated: float
) -> None:
    options = {} if dpi is None else {"dpi": dpi}
    document = opened(
        tmp_path, sample_documents.saved(sample_documents.corner_picture(), "TIFF", **options)
    )
    assert document.render(1, RenderConfig()).dpi == stated
    expected = (60 * 72 / stated, 40 * 72 / stated) if stated else (0, 0)
    assert document.sizes_pt() == [pytest.approx(expected)]
    document.close()


def test_every_frame_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (10 + n, 10), colour) for n, colour in enumerate(("red", "lime"))]
    document = opened(
        tmp_path, sample_documents.frames_tiff([*frames, sample_documents.cmyk_picture()])
    )
    assert len(document.sizes_pt()) == 3
    assert document.is_reusable
    render = RenderConfig()
    drawn = {page: document.render(page, render).pixels for page in (3, 1, 2, 1)}
    assert drawn[1][0, 0].tolist() == RED
    assert drawn[2][0, 0].tolist() == [0, 255, 0]
    assert drawn[2].shape == (10, 11, 3)
    assert drawn[3][0, 0].tolist() == [0, 255, 255]
    document.close()


def test_a_tiff_with_too_many_frames(tmp_path: Path) -> None:
    content = sample_documents.frames_tiff([sample_documents.corner_picture()] * 4)
    with pytest.raises(DocumentError, match=r"more frames than read\.max_pages \(3\)"):
        opened(tmp_path, content, max_pages=3)


def test_a_broken_frame_is_a_page_that_fails(tmp_path: Path) -> None:
    content = sample_documents.tiff_with_broken_frame()
    document = opened(tmp_path, content)
    assert document.sizes_pt() == [(0, 0), (0, 0)]
    assert document.render(1, RenderConfig()).pixels.shape == (40, 60, 3)
    with pytest.raises(PageError, match="header cannot be read") as caught:
        document.render(2, RenderConfig())
    assert caught.value.kind is ErrorKind.RENDER
    document.close()


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_the_page(tmp_path: Path, format_name: str) -> None:
    document = opened(tmp_path, sample_documents.animation(format_name))
    assert document.warnings == ("the first of 3 frames is the page",)
    assert len(document.sizes_pt()) == 1
    pixels = document.render(1, RenderConfig()).pixels
    assert np.abs(pixels[5, 5].astype(int) - RED).max() < 20
    document.close()


def test_deep_grey_is_neither_black_nor_clipped(tmp_path: Path) -> None:
    for format_name in ("PNG", "TIFF"):
        content = sample_documents.saved(sample_documents.deep_picture(), format_name)
        ramp = pixels_of(tmp_path, content)[0, :, 0].astype(int)
        assert ramp[[0, 32, 63]].tolist() == pytest.approx([0, 130, 255], abs=2)


@pytest.mark.parametrize("format_name", ["JPEG", "TIFF"])
def test_cmyk_files_have_the_right_colours(tmp_path: Path, format_name: str) -> None:
    options = {"quality": 100} if format_name == "JPEG" else {}
    content = sample_documents.saved(sample_documents.cmyk_picture(), format_name, **options)
    pixels = pixels_of(tmp_path, content).astype(int)
    expected = [(0, 255, 255), (255, 0, 255), (255, 255, 0), (0, 0, 0)]
    for x, colour in zip((4, 12, 20, 28), expected, strict=True):
        assert np.abs(pixels[4, x] - colour).max() < 8


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_a_truncated_picture_is_an_error_and_not_grey(tmp_path: Path, format_name: str) -> None:
    content = sample_documents.saved(sample_documents.noise_picture(80, 80), format_name)
    try:
        error: PageError | DocumentError = failure(tmp_path, content[: len(content) // 2])
    except DocumentError as refused:
        error = refused
    assert error.kind in {ErrorKind.RENDER, ErrorKind.UNREADABLE}


@pytest.mark.parametrize("format_name", ["PNG", "GIF", "BMP", "JPEG2000"])
def test_the_limit_of_pixels_is_found_in_the_header(tmp_path: Path, format_name: str) -> None:
    content = sample_documents.saved(Image.new("L", (1200, 1200)), format_name)
    with pytest.raises(DocumentError) as caught:
        opened(tmp_path, content)
    assert caught.value.kind is ErrorKind.LIMIT
    assert str(LIMIT) in str(caught.value)


def test_the_limit_holds_for_later_frames_too(tmp_path: Path) -> None:
    frames = [Image.new("L", (10, 10)), Image.new("L", (1200, 1200))]
    assert failure(tmp_path, sample_documents.frames_tiff(frames), page=2).kind is ErrorKind.LIMIT


def test_pillows_own_limit_is_left_as_it_was(tmp_path: Path) -> None:
    usual = Image.MAX_IMAGE_PIXELS
    pixels_of(tmp_path, sample_documents.saved(sample_documents.corner_picture(), "PNG"))
    assert usual == Image.MAX_IMAGE_PIXELS


def test_text_that_explodes_in_a_png(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        opened(tmp_path, sample_documents.text_bomb_png())
    assert caught.value.kind is ErrorKind.LIMIT


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n", b"II*\x00garbage", b"GIF89a", b"no picture", b"%!PS-Adobe"]
)
def test_what_is_no_picture(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        opened(tmp_path, content)
    assert caught.value.kind is ErrorKind.UNREADABLE


def test_broken_exif_costs_nothing(tmp_path: Path) -> None:
    content = sample_documents.saved(
        sample_documents.corner_picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"
    )
    assert pixels_of(tmp_path, content).shape == (40, 60, 3)


def test_big_and_lab_tiffs_keep_their_colours(tmp_path: Path) -> None:
    picture = sample_documents.corner_picture()
    big = sample_documents.saved(picture, "TIFF", big_tiff=True)
    assert big[:4] == b"II+\0"
    image = opened(tmp_path, big).render(1, RenderConfig())
    assert np.array_equal(image.pixels, np.asarray(picture))
    from PIL import ImageCms

    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    as_lab = ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")
    assert as_lab is not None
    image = opened(tmp_path, sample_documents.saved(as_lab, "TIFF")).render(1, RenderConfig())
    assert np.abs(image.pixels.astype(int) - np.asarray(picture)).max() < 30
