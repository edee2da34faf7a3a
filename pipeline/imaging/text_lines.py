"""Estimates how much text a picture holds, without reading it. Pure; numpy only.

In a line of text the level changes often and strongly along every pixel row, over the height of a
letter, and above and below the line it hardly changes. Photographs change softly or everywhere;
charts have few changes a row; bar codes and matrix codes are taller than letters or have no gaps.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

DPI: Final = 100
"""The resolution that the measures below are for."""
_CONTRAST: Final = 64
"""Least change of level between neighbouring pixels, of 255, that is an edge of a letter."""
_MIN_EDGES: Final = 14
"""Least edges in a row of a line: about five letters."""
_GAP_PX: Final = 40
"""White space that ends a stretch of text in a row."""
_MIN_DENSITY: Final = 0.07
_MAX_DENSITY: Final = 0.6
"""Least and most edges per pixel of a stretch: those of large type, and of dithering."""
_HEIGHT_PX: Final = (4, 26)
"""Least and largest height of the x-height and what else of a line has as many edges."""
_EDGES_OF_A_LETTER: Final = 3
_QUIET: Final = 0.4
"""Most edges beside a line, as a share of those in it."""

Levels = npt.NDArray[np.uint8]
"""Grey, shape (height, width), at `DPI`."""
Counts = npt.NDArray[np.intp]


def estimate_characters(levels: Levels) -> int:
    """About how many characters of horizontal text a picture has, 0 for none.

    Args:
        levels: Grey, uint8, shape (height, width), at `DPI`; of any size.
    """
    if min(levels.shape) < _HEIGHT_PX[0]:
        return 0
    edges = np.abs(np.diff(levels.astype(np.int16), axis=1)) >= _CONTRAST
    counts = edges.sum(axis=1)
    lines = (band for band in _bands(counts) if _is_line(edges, counts, *band))
    found = sum(float(np.median(counts[top:bottom])) for top, bottom in lines)
    return round(found / _EDGES_OF_A_LETTER)


def _bands(counts: Counts) -> list[tuple[int, int]]:
    """First and last-plus-one row of the runs of rows with many edges."""
    is_busy = np.concatenate([[False], counts >= _MIN_EDGES, [False]])
    turns = np.flatnonzero(is_busy[1:] != is_busy[:-1]).tolist()
    return list(zip(turns[::2], turns[1::2], strict=True))


def _is_line(edges: npt.NDArray[np.bool_], counts: Counts, top: int, bottom: int) -> bool:
    height = bottom - top
    if not _HEIGHT_PX[0] <= height <= _HEIGHT_PX[1]:
        return False
    usual = float(np.median(counts[top:bottom]))
    beside = [counts[row] for row in (top - 2, bottom + 1) if 0 <= row < len(counts)]
    if any(count > _QUIET * usual for count in beside):
        return False
    return _MIN_DENSITY <= _density(edges[top:bottom]) <= _MAX_DENSITY


def _density(band: npt.NDArray[np.bool_]) -> float:
    """Edges per pixel and row of a band, of the columns that belong to its words."""
    columns = np.flatnonzero(band.any(axis=0))
    steps = np.diff(columns)
    width = 1 + int(steps[steps <= _GAP_PX].sum())
    return float(band.sum()) / (width * len(band))
