from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pipeline.imaging import transform
from tests.support import sample_documents
from tests.support.strategies import pictures, sides

DEEPSEEK = {"side_px": 640, "min_tiles": 2, "max_tiles": 6}

bounds = st.none() | st.integers(1, 10_000)


@given(sides, sides, bounds, st.none() | st.integers(1, 50_000_000))
@example(1, 20_000, None, 5)
@example(20_000, 1, 100, 1)
@example(1275, 1650, 1024, None)
@example(23, 915, 247, 164)
def test_fit_is_bounded_and_never_enlarges_and_keeps_the_aspect(
    width: int, height: int, max_side: int | None, max_pixels: int | None
) -> None:
    fitted = transform.fit(width, height, max_side_px=max_side, max_pixels=max_pixels)
    assert 1 <= fitted[0] <= width
    assert 1 <= fitted[1] <= height
    assert max_side is None or max(fitted) <= max_side
    assert max_pixels is None or math.prod(fitted) <= max_pixels
    long, short = (0, 1) if width >= height else (1, 0)
    ideal = fitted[long] * (width, height)[short] / (width, height)[long]
    assert abs(fitted[short] - ideal) <= 1
    assert transform.fit(*fitted, max_side_px=max_side, max_pixels=max_pixels) == fitted


@given(sides, sides)
def test_fit_leaves_what_fits(width: int, height: int) -> None:
    assert transform.fit(width, height) == (width, height)
    assert transform.fit(width, height, max_side_px=20_000, max_pixels=400_000_000) == (
        width,
        height,
    )


@given(sides, sides)
def test_grid_has_as_many_tiles_as_the_model_takes(width: int, height: int) -> None:
    columns, rows = transform.grid(width, height, **DEEPSEEK)
    if max(width, height) <= 640:
        assert (columns, rows) == (0, 0)
        return
    assert 2 <= columns * rows <= 6
    distance = abs(width / height - columns / rows)
    others = [(c, r) for c in range(1, 7) for r in range(1, 7) if 2 <= c * r <= 6]
    assert distance == min(abs(width / height - c / r) for c, r in others)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 640), (0, 0)),
        ((641, 640), (2, 2)),
        ((1275, 1650), (2, 3)),
        ((1240, 1754), (2, 3)),
        ((1650, 1275), (3, 2)),
        ((5000, 600), (6, 1)),
        ((300, 900), (1, 3)),
        # as far from 1 as from 2: the larger grid needs half of its own pixels
        ((1200, 800), (3, 2)),
        ((2250, 1000), (2, 1)),
    ],
)
def test_grid_of_known_pages(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert transform.grid(*size, **DEEPSEEK) == expected


def test_grid_breaks_ties_by_the_pixels_of_the_page() -> None:
    # 2.5 lies between 2x1 and 3x1; 3x1 of 640 px tiles has 1,228,800 pixels
    assert transform.grid(1000, 400, **DEEPSEEK) == (2, 1)
    assert transform.grid(2500, 1000, **DEEPSEEK) == (3, 1)


@given(pictures(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 16))
def test_tiles_cover_the_page_row_by_row(
    pixels: np.ndarray, columns: int, rows: int, side: int
) -> None:
    cut = transform.tiles(pixels, (columns, rows), side)
    assert cut.shape == (columns * rows, side, side, 3)
    assert cut.dtype == np.uint8
    assert cut.flags.c_contiguous
    lines = [np.hstack(cut[row * columns : (row + 1) * columns]) for row in range(rows)]
    page = Image.fromarray(pixels).resize((columns * side, rows * side))
    assert np.array_equal(np.vstack(lines), np.asarray(page))


@given(pictures(), st.integers(1, 30), st.integers(1, 30))
def test_resize_gives_the_size_asked_for(pixels: np.ndarray, width: int, height: int) -> None:
    assert transform.resize(pixels, width, height).shape == (height, width, 3)
    assert transform.resize(pixels, pixels.shape[1], pixels.shape[0]) is pixels


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_undoes_every_orientation(orientation: int) -> None:
    picture = sample_documents.corner_picture()
    exif = picture.getexif()
    exif[transform.ORIENTATION_TAG] = orientation
    turned = transform.apply_exif_orientation(picture)
    expected = ImageOps.exif_transpose(picture)
    assert np.array_equal(np.asarray(turned), np.asarray(expected))


def test_to_rgb_of_cmyk() -> None:
    pixels = transform.to_rgb(sample_documents.cmyk_picture())
    stripes = [tuple(pixels[0, x]) for x in (2, 10, 18, 26)]
    assert stripes == [(0, 255, 255), (255, 0, 255), (255, 255, 0), (0, 0, 0)]


def test_to_rgb_of_lab() -> None:
    lab = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (255, 128, 128)])
    assert transform.to_rgb(lab).min() >= 254


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa", "La"])
def test_to_rgb_flattens_alpha_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (2, 1))
    clear.putpixel((1, 0), (0, 0, 0, 255))
    known = clear.convert("LA") if mode == "La" else clear
    pixels = transform.to_rgb(known.convert(mode))
    assert pixels[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_to_rgb_flattens_a_transparent_palette_entry() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.info["transparency"] = 0
    assert transform.to_rgb(palette)[0].tolist() == [[255, 255, 255], [0, 0, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "YCbCr", "HSV", "CMYK", "I", "F"])
def test_to_rgb_takes_every_mode(mode: str) -> None:
    pixels = transform.to_rgb(Image.new("RGB", (3, 2), "white").convert(mode))
    assert pixels.shape == (2, 3, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable


@pytest.mark.parametrize("high", [65535, 4095, 300])
def test_to_rgb_scales_deep_grey_to_the_whole_range(high: int) -> None:
    ramp = transform.to_rgb(sample_documents.deep_picture(0, high))[0, :, 0]
    assert ramp[0] == 0
    assert ramp[-1] == 255
    assert (np.diff(ramp.astype(int)) >= 0).all()
    assert ramp[32] == pytest.approx(255 * 32 / 63, abs=2)


def test_to_rgb_keeps_a_dim_deep_picture_dim() -> None:
    assert transform.to_rgb(sample_documents.deep_picture(0, 32768)).max() == 128


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, np.nan, 1.0], [0, 0, 255]),
        ([7.0, 7.0, 7.0], [7, 7, 7]),
    ],
)
def test_to_rgb_of_floats(values: list[float], expected: list[int]) -> None:
    picture = Image.fromarray(np.array([values], np.float32))
    assert transform.to_rgb(picture)[0, :, 0].tolist() == expected


def test_to_rgb_of_black_deep_grey_is_black() -> None:
    assert transform.to_rgb(sample_documents.deep_picture(0, 0)).max() == 0
