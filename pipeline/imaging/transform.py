"""Transforms of images: colour, EXIF orientation, resizing, tiling. Pure.

The constants of a model (tile sides, tile counts) are parameters; they are in
`pipeline.engines.deepseek_ocr.model`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from pipeline.types import Pixels

Allocator = Callable[[int, int], Pixels]
"""Allocates an image of (height, width): RGB, uint8, C order, contents undefined."""

ORIENTATION_TAG: Final = 0x0112
"""The EXIF and TIFF tag of the orientation, 1 to 8."""

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_MODES: Final = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_DEEP_WHITE: Final = 65535.0


def new_pixels(height_px: int, width_px: int) -> Pixels:
    """The default `Allocator`: a new NumPy array."""
    return np.empty((height_px, width_px, 3), np.uint8)


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (as stored) where there is none or it is broken.

    The image must be decoded, or at least its EXIF block read: Pillow may decode a PNG to
    find one.
    """
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block raises various types; the image itself is readable
        return 1
    return value if value in _TURNS else 1


def apply_exif_orientation(image: Image.Image) -> Image.Image:
    """Rotate or flip a decoded image according to its EXIF orientation."""
    turn = _TURNS.get(exif_orientation(image))
    return image if turn is None else image.transpose(turn)


def to_rgb(image: Image.Image) -> Pixels:
    """Convert an image of any Pillow mode to RGB on white.

    Alpha and palette transparency are flattened on white. Modes deeper than 8 bits are scaled
    (`_deep_to_grey`), where Pillow's own conversion would clip. Lab goes through its sRGB
    profile, CMYK is converted without one.

    Returns:
        Pixels, shape (height, width, 3), C order, writable.
    """
    if image.mode in _DEEP_MODES:
        grey = _deep_to_grey(np.asarray(image))
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
    if image.mode == "La":  # Pillow converts it to nothing else
        image = image.convert("LA")
    if image.has_transparency_data:
        image = _flatten(image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _flatten(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)


def _deep_to_grey(samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale samples of more than 8 bits to 0..255."""
    values = np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0)
    black, white = _levels(float(values.min()), float(values.max()), samples.dtype.kind == "f")
    values -= black
    values *= 255 / (white - black)
    np.clip(values, 0, 255, out=values)
    np.rint(values, out=values)
    return values.astype(np.uint8)


def _levels(low: float, high: float, is_float: bool) -> tuple[float, float]:
    """The sample values that are mapped to black and white.

    Floats are 0..1 or 0..255 by convention, integers 0..65535. Samples outside that range are
    scaled from lowest to highest. An integer image that uses less than a quarter of the range is
    scaled by its maximum: 12-bit data in 16-bit samples would be almost black.
    """
    if is_float:
        usual = 1.0 if high <= 1 else 255.0
    else:
        usual = high if 0 < high < _DEEP_WHITE / 4 else _DEEP_WHITE
    if low < 0 or high > usual:
        return low, max(high, low + 1)
    return 0.0, usual


def fit(
    width_px: int,
    height_px: int,
    *,
    max_side_px: int | None = None,
    max_pixels: int | None = None,
) -> tuple[int, int]:
    """The largest size within the bounds that keeps the aspect ratio to within a pixel.

    Never enlarges; a side never falls below 1 px.

    Args:
        width_px: Width, at least 1.
        height_px: Height, at least 1.
        max_side_px: Longest side allowed, None for any.
        max_pixels: Maximum number of pixels, None for any.

    Returns:
        Width and height in px.
    """
    whole_long, whole_short = max(width_px, height_px), min(width_px, height_px)
    long = min(whole_long, max_side_px or whole_long)
    short = max(1, round(long * whole_short / whole_long))
    if max_pixels is not None and long * short > max_pixels:
        # From the full sides again, so that rounding happens once; integer arithmetic rounded
        # down, so that the result cannot exceed the bound.
        long = min(long, math.isqrt(max_pixels * whole_long // whole_short), max_pixels)
        short = max(1, long * whole_short // whole_long)
    return (long, short) if width_px >= height_px else (short, long)


def resize(
    pixels: Pixels,
    width_px: int,
    height_px: int,
    resample: Image.Resampling = Image.Resampling.BICUBIC,
) -> Pixels:
    """The image in another size; the same array where it has that size."""
    if pixels.shape[:2] == (height_px, width_px):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width_px, height_px), resample))


def grid(
    width_px: int, height_px: int, *, side_px: int, min_tiles: int, max_tiles: int
) -> tuple[int, int]:
    """Columns and rows of the tile grid of a page.

    Of all grids with `min_tiles` to `max_tiles` tiles, the one whose aspect ratio is closest to
    the page's. Between two equally close ones the larger wins where the page has more than half
    as many pixels as the larger grid. This is the rule of DeepSeek-OCR's own preprocessing.

    Returns:
        Columns and rows; (0, 0) where both sides of the page are at most `side_px`.
    """
    if width_px <= side_px and height_px <= side_px:
        return 0, 0
    best, best_distance = (1, 1), math.inf
    for columns, rows in _grids(min_tiles, max_tiles):
        distance = abs(width_px / height_px - columns / rows)
        roomy = width_px * height_px > 0.5 * side_px * side_px * columns * rows
        if distance < best_distance or (distance == best_distance and roomy):
            best, best_distance = (columns, rows), distance
    return best


def _grids(min_tiles: int, max_tiles: int) -> list[tuple[int, int]]:
    """Every grid with an allowed number of tiles, smallest first."""
    sides = range(1, max_tiles + 1)
    shapes = [(c, r) for c in sides for r in sides if min_tiles <= c * r <= max_tiles]
    return sorted(shapes, key=lambda shape: shape[0] * shape[1])


def tiles(pixels: Pixels, grid: tuple[int, int], side_px: int) -> npt.NDArray[np.uint8]:
    """Resize the page to the grid and split it into tiles, row by row.

    Args:
        pixels: The page.
        grid: Columns and rows, each at least 1.
        side_px: Side of a tile.

    Returns:
        The tiles in reading order, uint8, shape (columns * rows, side, side, 3), C order.
    """
    columns, rows = grid
    page = resize(pixels, columns * side_px, rows * side_px)
    cut = page.reshape(rows, side_px, columns, side_px, 3).swapaxes(1, 2)
    return np.ascontiguousarray(cut).reshape(rows * columns, side_px, side_px, 3)
