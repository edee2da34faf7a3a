"""A page as the encoder takes it: global view and tiles, as bytes. Pure; runs on CPU workers.

vLLM's processor does the same and then makes float32 of it, four times the bytes, on its way
through Pillow, torchvision and a tokenizer. The bytes here are those that it starts from; they
become numbers on the GPU (`pipeline.vllm_plugin.encoder.encoder`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageOps

Pictures = npt.NDArray[np.uint8]
"""Shape (pictures, 3, side, side)."""

NO_GRID = (1, 1)
"""The grid of a page without tiles, as vLLM's model counts it."""

GREY = (127, 127, 127)
"""Around the global view of a page that is no square."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A page cut up.

    Attributes:
        view: The global view, shape (1, 3, 1024, 1024).
        tiles: The tiles row by row, shape (tiles, 3, 640, 640); none for a small page.
        grid: Columns and rows of tiles, (1, 1) where there are none.
    """

    view: Pictures
    tiles: Pictures
    grid: tuple[int, int]


def cut(picture: npt.NDArray[np.uint8], grid: tuple[int, int], view_px: int, tile_px: int) -> Tiles:
    """Cut a page up as vLLM's processor does.

    Args:
        picture: The page, shape (height, width, 3).
        grid: Columns and rows of tiles; (0, 0) or (1, 1) for none.
        view_px: Side of the global view.
        tile_px: Side of a tile.
    """
    image = Image.fromarray(picture)
    view = _planes(_pixels(ImageOps.pad(image, (view_px, view_px), color=GREY))[None])
    columns, rows = grid
    if columns * rows <= 1:
        return Tiles(view, np.empty((0, 3, tile_px, tile_px), np.uint8), NO_GRID)
    stretched = _pixels(image.resize((columns * tile_px, rows * tile_px)))
    parts = stretched.reshape(rows, tile_px, columns, tile_px, 3).swapaxes(1, 2)
    tiles = _planes(parts)
    return Tiles(view, tiles.reshape(-1, 3, tile_px, tile_px), grid)


def _planes(pictures: npt.NDArray[np.uint8]) -> Pictures:
    """Red, green and blue one after the other, as the model takes them."""
    return np.ascontiguousarray(np.moveaxis(pictures, -1, -3))


def _pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    """The pixels of an RGB image, shape (height, width, 3), where Pillow has them.

    Pillow's own conversion copies them twice and lets no other thread run meanwhile: eight threads
    cut pages up in the process that takes vLLM's requests.
    """
    try:
        flat: npt.NDArray[np.uint8] = pa.array(image).flatten().to_numpy()
    except ValueError:  # Pillow has an image of over 16 MiB in several pieces
        return np.asarray(image)
    # Four bytes a pixel, of which the last means nothing.
    return flat.reshape(image.height, image.width, 4)[..., :3]
