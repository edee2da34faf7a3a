"""How DeepSeek-OCR sees a page: its size, its tiles and how many tokens they become. Pure.

The model sees the whole page once (the global view, 1024 px) and, where the page is larger than
a tile, 2 to 6 tiles of it. vLLM cuts the tiles itself; here is computed which. Sources: `model`.
"""

from __future__ import annotations

import math
from typing import Final

from pipeline.engines.deepseek_ocr.model import ModelFamily
from pipeline.imaging import transform

BASE_PX: Final = 1024
"""Side of the global view."""
_PATCH_PX: Final = 16 * 4
"""Side of an image token: patches of 16 px, of which the compressor joins 4 by 4 (paper)."""
_MIN_TILES, _MAX_TILES = 2, 6
_MAX_ASPECT: Final = 512
"""Longest side for the shortest. Longer pages are squeezed: at 2048 the global view would have no
height."""
_MAX_SPARE_PIXELS: Final = 4
"""A page keeps at most this many times the pixels of its tiles (very long pages only)."""


def grid(width_px: int, height_px: int, family: ModelFamily) -> tuple[int, int]:
    """Columns and rows of the tiles that a page is cut into, (0, 0) for the global view alone."""
    return transform.grid(
        width_px,
        height_px,
        side_px=family.tile_px,
        min_tiles=_MIN_TILES,
        max_tiles=_MAX_TILES,
    )


def image_tokens(width_px: int, height_px: int, family: ModelFamily) -> int:
    """Tokens that an image becomes: 273 for the global view of OCR, 903 for a Letter page.

    The global view has 16 rows of 16 tokens, each row ended by `row_ends`, and one token at
    its end; the tiles together are one image of 10·rows by 10·columns (12 for OCR-2).
    """
    base = BASE_PX // _PATCH_PX
    whole = base * (base + family.row_ends) + 1
    columns, rows = grid(width_px, height_px, family)
    side = family.tile_px // _PATCH_PX
    return whole + side * rows * (side * columns + family.row_ends)


def fitted_size(width_px: int, height_px: int, family: ModelFamily) -> tuple[int, int]:
    """The size at which the model sees all it can of a page: never larger than the page.

    Both sides stay at least as long as the grid of tiles, into which the page is stretched.
    A Letter page drawn at 174 dpi or less keeps its size.
    """
    long, short = max(width_px, height_px), min(width_px, height_px)
    scale = 1.0
    columns, rows = grid(width_px, height_px, family)
    if columns:
        wide, high = columns * family.tile_px, rows * family.tile_px
        enough = max(wide / width_px, high / height_px)
        affordable = math.sqrt(_MAX_SPARE_PIXELS * wide * high / (width_px * height_px))
        scale = min(1.0, enough, affordable)
    floor_px = math.ceil(long * scale / _MAX_ASPECT)
    short_px = max(math.ceil(short * scale), floor_px)
    long_px = math.ceil(long * scale)
    return (long_px, short_px) if width_px >= height_px else (short_px, long_px)


def other_size(width_px: int, height_px: int, family: ModelFamily) -> tuple[int, int]:
    """The size at which a page with tiles has none, and a page without them has some.

    The global view alone is 273 tokens where a page with tiles is 903, which leaves more of the
    context for the answer.
    """
    has_tiles = grid(width_px, height_px, family) != (0, 0)
    scale = family.tile_px * (1 if has_tiles else 2) / max(width_px, height_px)
    width_px, height_px = (max(1, round(side_px * scale)) for side_px in (width_px, height_px))
    return fitted_size(width_px, height_px, family)
