"""Finds pieces of text lines on a page, from the ink of its strips. Pure.

A strip is narrow enough for the lines of a page that lies askew not to run into each other. A run
of ink in it that is as high as the others is a piece of a line; two neighbouring ones together are
some ten characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.imaging.projection import Ink, InkSums, line_runs
from pipeline.types import Pixels

_HEIGHTS: Final = (0.6, 1.8)
"""Least and largest height of a piece, in median heights: others are rules, headings, figures."""
_MAX_OFFSET: Final = 0.5
"""Largest distance of the middles of neighbouring pieces of one line, in median heights."""
_MARGIN: Final = 8
"""A piece is cut out with a margin of its height divided by this, at least two pixels."""
_MIN_MARGIN_PX: Final = 2

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of ink as high as a line: their strips, first and last-plus-one rows, and their ink."""

    strips: Ints
    tops: Ints
    bottoms: Ints
    ink: npt.NDArray[np.float64]


def line_pieces(
    pixels: Pixels, ink: InkSums, count: int, *, vertical: bool = False
) -> list[Pixels]:
    """Pieces of a page's lines with much ink, each of another line, those with most ink first.

    Args:
        pixels: The page: RGB, uint8, shape (height, width, 3).
        ink: Its ink.
        count: Pieces at most.
        vertical: Whether lines run up or down, not across the page.

    Returns:
        Parts of the page, not turned.
    """
    runs = _runs(ink.columns if vertical else ink.rows)
    found: list[tuple[int, int, int]] = []
    for piece in _by_ink(runs):
        if len(found) == count:
            break
        if not any(_overlap(piece, other) for other in found):
            found.append(piece)
    return [_cut(pixels, ink, piece, vertical) for piece in found]


def _runs(sums: Ink) -> _Runs:
    rows, spans = line_runs(sums)
    length = len(sums) + 1
    heights = spans[:, 1] - spans[:, 0]
    if len(heights):
        low, high = (share * float(np.median(heights)) for share in _HEIGHTS)
        spans = spans[(heights >= low) & (heights <= high)]
    total = np.concatenate([[0.0], np.cumsum(rows, dtype=np.float64)])
    ink = (total[spans[:, 1]] - total[spans[:, 0]]) / np.maximum(spans[:, 1] - spans[:, 0], 1)
    strips, tops = np.divmod(spans[:, 0], length)
    return _Runs(strips, tops, spans[:, 1] - strips * length, ink)


def _by_ink(runs: _Runs) -> list[tuple[int, int, int]]:
    """Strip, top and bottom of each run and the one on its right, most ink a row first."""
    middles = (runs.tops + runs.bottoms) / 2
    usual = float(np.median(runs.bottoms - runs.tops)) if len(middles) else 0.0
    found = []
    for i, strip in enumerate(runs.strips.tolist()):
        beside = np.flatnonzero(
            (runs.strips == strip + 1) & (np.abs(middles - middles[i]) < _MAX_OFFSET * usual)
        )
        if not len(beside):
            continue
        j = int(beside[np.argmin(np.abs(middles[beside] - middles[i]))])
        top, bottom = min(runs.tops[i], runs.tops[j]), max(runs.bottoms[i], runs.bottoms[j])
        found.append((-float(runs.ink[i] + runs.ink[j]), (strip, int(top), int(bottom))))
    return [piece for _, piece in sorted(found)]


def _overlap(piece: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return abs(piece[0] - other[0]) < 2 and piece[1] < other[2] and other[1] < piece[2]


def _cut(pixels: Pixels, ink: InkSums, piece: tuple[int, int, int], vertical: bool) -> Pixels:
    strip, top, bottom = piece
    low, high = top * ink.row_px, bottom * ink.row_px
    margin_px = max(_MIN_MARGIN_PX, (high - low) // _MARGIN)
    across = slice(max(0, low - margin_px), high + margin_px)
    along = slice(strip * ink.strip_px, (strip + 2) * ink.strip_px)
    return pixels[along, across] if vertical else pixels[across, along]
