"""The projection profile of a page: whether its text lines are upright. Pure; milliseconds a page.

The page is divided into strips and the ink of each pixel row of a strip is summed. Across text
lines these sums alternate between ink and paper, along them they are even: that distinguishes
horizontal from vertical lines. In each text line the rows with most ink span the x-height; Latin,
Greek, Cyrillic and Arabic script have more ink above it (ascenders and capitals) than below it
(descenders): that distinguishes upright from upside down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.types import Pixels

_SIDE_PX: Final = 1200
"""The image is reduced by an integer factor to about this longest side."""
_PAPER_ROW_STEP: Final = 8
"""The paper is the most frequent level of every 8th row."""
_STRIPS: Final = 8
"""Strips of the shorter side: narrow enough for a skew of two degrees, wide enough for a few
words."""
_RULE: Final = 0.6
"""Rows with more ink than this share of the strip's width are rules or images; their sums are
clipped to it."""
_FULL: Final = 128
"""Contrast to the paper, of 255, from which on a pixel is full ink ..."""
_NOISE: Final = 24
"""... and up to which it is scanner noise, on a page that has no more of it."""
_MAX_NOISE: Final = 96
_NOISE_DEVIATIONS: Final = 3.5
"""Noise goes up to so many standard deviations of the paper's grey levels."""
_QUANTILE: Final = 0.4
_QUANTILE_DEVIATION: Final = 0.524
"""Two fifths of the values of a normal distribution lie within so many standard deviations."""
_INK: Final = _FULL - _NOISE

_LINE_PX: Final = (6, 70)
"""Minimum and maximum height of a text line in the reduced image."""
_MIN_INK: Final = 0.004
"""Share of ink from which on a row of a strip is not empty: half a pixel."""
_CORE: Final = 0.45
"""Rows with at least this share of the ink of a line's fullest row belong to the x-height."""
_MIN_LINES: Final = 5

_MIN_ROW_RATIO: Final = 1.5
_MIN_ASCENDER_EXCESS: Final = 0.15
"""Both are above what many upright pages have: to ask the classifier costs little."""
_TINY: Final = 1e-6

Levels = npt.NDArray[np.uint8]
Ink = npt.NDArray[np.float32]
Spans = npt.NDArray[np.intp]
"""First and last-plus-one row of each run of rows, shape (runs, 2)."""


@dataclass(frozen=True, slots=True)
class ProjectionProfile:
    """How the ink of a page is distributed.

    Attributes:
        row_ratio: Variation between pixel rows over variation between pixel columns: above 1 where
            text lines are horizontal.
        ascender_excess: Ink above the x-height minus ink below it, as a share of both, -1 to 1:
            above 0 where text is upright.
        lines: Number of runs of ink as high as a text line, horizontal or vertical, whichever is
            larger.
    """

    row_ratio: float
    ascender_excess: float
    lines: int

    @property
    def may_need_turn(self) -> bool:
        """Whether the page has text whose profile is not that of upright text."""
        if self.lines < _MIN_LINES:
            return False
        return self.row_ratio < _MIN_ROW_RATIO or self.ascender_excess < _MIN_ASCENDER_EXCESS


def projection_profile(pixels: Pixels) -> ProjectionProfile:
    """Compute the projection profile of a page.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
    """
    ink = _ink(pixels)
    strip_px = max(1, min(ink.shape) // _STRIPS)
    rows, columns = _sums(ink, strip_px), _sums(ink.T, strip_px)
    (along, lines), (_, vertical) = _lines(rows), _lines(columns)
    row_ratio = _variation(rows) / max(_variation(columns), _TINY)
    return ProjectionProfile(
        row_ratio, _ascender_excess(along, lines), max(len(lines), len(vertical))
    )


def _ink(pixels: Pixels) -> Levels:
    """The contrast of each pixel to the paper: 0 for paper to `_INK` for ink, dark or light.

    Bytes, not floats: a page has millions of pixels, and floats would take most of the time.
    """
    grey = Image.fromarray(pixels).convert("L")
    factor = max(1, round(max(grey.size) / _SIDE_PX))
    if factor > 1:
        grey = grey.reduce(factor)
    sample = np.ascontiguousarray(np.asarray(grey)[::_PAPER_ROW_STEP])
    counts = np.array(Image.fromarray(sample).histogram())
    paper = int(np.argmax(counts))
    noise = _noise(counts, paper)
    contrast = np.clip(np.abs(np.arange(256) - paper), noise, _FULL) - noise
    levels = np.round(contrast * (_INK / (_FULL - noise))).astype(int)
    return np.asarray(grey.point(levels.tolist()))


def _noise(counts: npt.NDArray[np.int_], paper: int) -> float:
    """The contrast up to which a pixel is noise.

    Ink lies on one side of the paper's grey level, noise on both. A quantile of the deviations is
    measured, as ink and pictures would raise their mean, on the side that deviates less.

    Args:
        counts: Pixels of each grey level.
        paper: The paper's grey level.
    """
    sides = [counts[paper::-1], counts[paper:]]
    sums = [np.cumsum(side) - counts[paper] / 2 for side in sides if len(side) > 1]
    deviation = min(int(np.searchsorted(total, _QUANTILE * total[-1])) for total in sums)
    return float(np.clip(_NOISE_DEVIATIONS * deviation / _QUANTILE_DEVIATION, _NOISE, _MAX_NOISE))


def _sums(ink: Levels, strip_px: int) -> Ink:
    """The share of ink in each row of each strip, 0 to 1, shape (rows, strips)."""
    height, width = ink.shape
    strips = width // strip_px
    cut = ink[:, : strips * strip_px].reshape(height, strips, strip_px)
    # 16 bits hold a strip of 500 px; `_SIDE_PX` leaves it less than half of that.
    sums: Ink = cut.sum(axis=2, dtype=np.uint16) / np.float32(_INK * strip_px)
    return sums


def _variation(sums: Ink) -> float:
    """The mean squared difference between consecutive rows."""
    steps = np.diff(np.minimum(sums, _RULE), axis=0)
    return float(np.square(steps).mean()) if steps.size else 0.0


def _lines(sums: Ink) -> tuple[Ink, Spans]:
    """All rows, strip after strip, and the runs of ink as high as a text line."""
    gap = np.zeros((1, sums.shape[1]), sums.dtype)
    rows = np.concatenate([sums, gap]).T.ravel()
    has_ink = (rows > _MIN_INK).astype(np.int8)
    spans = np.flatnonzero(np.diff(has_ink, prepend=0, append=0)).reshape(-1, 2)
    low, high = _LINE_PX
    heights = spans[:, 1] - spans[:, 0]
    return rows, spans[(low <= heights) & (heights <= high)]


def _ascender_excess(rows: Ink, lines: Spans) -> float:
    """Ink above the x-height minus ink below it, as a share of both, -1 to 1.

    Args:
        rows: Ink of each row.
        lines: The runs of rows that are text lines.
    """
    if not len(lines):
        return 0.0
    tops, bottoms = lines.T
    # Every second segment is the space after a line, which has no core.
    ends = lines.ravel()
    peaks = np.maximum.reduceat(rows, ends)
    peaks[1::2] = np.inf
    is_core = rows[tops[0] :] >= _CORE * np.repeat(peaks, np.diff(ends, append=len(rows)))
    core = np.flatnonzero(is_core) + tops[0]
    first, last = core[np.searchsorted(core, tops)], core[np.searchsorted(core, bottoms) - 1]
    ink = np.concatenate([[0.0], np.cumsum(rows, dtype=np.float64)])
    above = float((ink[first] - ink[tops]).sum())
    below = float((ink[bottoms] - ink[last + 1]).sum())
    return (above - below) / max(above + below, _TINY)
