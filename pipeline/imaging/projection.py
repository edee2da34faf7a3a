"""The projection profile of a page: whether its text lines are upright. Pure; takes 2 ms a page.

The page is divided into strips and the ink of each pixel row of a strip is summed. Across text
lines these sums alternate between ink and paper, along them they are even: that distinguishes
horizontal from vertical lines. In each text line the rows with most ink span the x-height; Latin,
Greek, Cyrillic and Arabic script have more ink above it (ascenders and capitals) than below it
(descenders): that distinguishes upright from upside down.

A sum over a strip is as good from every fourth pixel of it. So the page is sampled twice, rows in
every fourth column and columns in every fourth row, in the colour channel with most ink: that takes
a third of the time of a grey image of all pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.imaging.ink import channel_levels, off_paper
from pipeline.types import Pixels

_SIDE_PX: Final = 1200
"""Rows are reduced by an integer factor to about so many of the longest side."""
_STEP: Final = 4
"""Every fourth pixel of a reduced row or column is summed."""
_PAPER_ROWS: Final = 64
"""The paper is the most frequent level of so many rows."""
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
_WHITE: Final = 255

_LINE_PX: Final = (6, 70)
"""Minimum and maximum height of a text line in reduced rows."""
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
Sums = npt.NDArray[np.uint16]
Ink = npt.NDArray[np.float32]
"""Shares of ink, 0 to 1, shape (rows, strips)."""
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


@dataclass(frozen=True, slots=True, eq=False)
class InkSums:
    """The ink of a page, from which its projection profile in each quarter turn follows.

    Attributes:
        rows: Shares of ink in each row of strips of columns, shape (rows, strips).
        columns: The same in each column of strips of rows, shape (columns, strips).
        channel: The colour channel with most ink, in which the ink was measured: 0, 1 or 2.
        row_px: Pixels of the page that are one row, or one column.
        strip_px: Pixels of the page that are one strip.
    """

    rows: Ink
    columns: Ink
    channel: int
    row_px: int
    strip_px: int

    def profile(self, turn_deg: int = 0) -> ProjectionProfile:
        """The projection profile of the page after a clockwise turn: 0, 90, 180 or 270 degrees."""
        along, across = (self.columns, self.rows) if turn_deg % 180 else (self.rows, self.columns)
        if turn_deg in (180, 270):
            along = along[::-1]
        (rows, lines), (_, vertical) = line_runs(along), line_runs(across)
        row_ratio = _variation(along) / max(_variation(across), _TINY)
        return ProjectionProfile(
            row_ratio, _ascender_excess(rows, lines), max(len(lines), len(vertical))
        )


def projection_profile(pixels: Pixels) -> ProjectionProfile:
    """Compute the projection profile of a page.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), not empty.
    """
    return ink_sums(pixels).profile()


def ink_sums(pixels: Pixels) -> InkSums:
    """Sum the ink of a page in strips, by rows and by columns.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), not empty.
    """
    height, width = pixels.shape[:2]
    factor = max(1, round(max(height, width) / _SIDE_PX))
    step = _STEP * factor
    samples = max(1, min(height, width) // (_STRIPS * step))
    number, paper, noise = _inked_channel(pixels)
    channel = pixels[:, :, number]
    full = (_FULL - noise) * samples
    row_sums = _row_sums(_contrast(channel[:, ::step], paper, noise), samples)
    column_sums = _column_sums(_contrast(channel[::step], paper, noise), samples)
    rows, columns = _shares(row_sums, full, factor), _shares(column_sums, full, factor)
    return InkSums(rows, columns, number, factor, samples * step)


def _inked_channel(pixels: Pixels) -> tuple[int, int, int]:
    """The colour channel in which most pixels are ink, its paper level and its noise."""
    counts = channel_levels(pixels[:: max(1, len(pixels) // _PAPER_ROWS)])
    number = int(np.argmax([off_paper(levels) for levels in counts]))
    paper = int(np.argmax(counts[number]))
    return number, paper, round(_noise(counts[number], paper))


def _contrast(levels: Levels, paper: int, noise: int) -> Levels:
    """The contrast of each pixel to the paper: 0 for noise to `_FULL - noise`, dark or light.

    Bytes, and `clip` with two bounds: NumPy has vector instructions for these, but not for
    `maximum` of bytes or a table of levels, which take ten times as long.
    """
    sample = np.ascontiguousarray(levels)
    dark, light = max(0, paper - noise), paper + noise
    contrast: Levels = dark - np.clip(sample, max(0, paper - _FULL), dark)
    if light < _WHITE:  # else nothing is lighter than the paper, as on most pages
        contrast += np.clip(sample, light, min(_WHITE, paper + _FULL)) - light
    return contrast


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


def _row_sums(contrast: Levels, samples: int) -> Sums:
    """The contrast in each row of each strip of columns, shape (rows, strips)."""
    whole = contrast.shape[1] // samples * samples
    # `sum` over the last axis takes twice as long. 16 bits hold 500 samples; a strip has up to 60.
    starts = np.arange(0, whole, samples)
    sums: Sums = np.add.reduceat(contrast[:, :whole], starts, axis=1, dtype=np.uint16)
    return sums


def _column_sums(contrast: Levels, samples: int) -> Sums:
    """The contrast in each column of each strip of rows, shape (columns, strips)."""
    strips = len(contrast) // samples
    cut = contrast[: strips * samples].reshape(strips, samples, -1)
    sums: Sums = cut.sum(axis=1, dtype=np.uint16).T
    return sums


def _shares(sums: Sums, full: int, factor: int) -> Ink:
    """The shares of ink in each strip, means of `factor` consecutive rows.

    Args:
        sums: Contrast, shape (rows, strips).
        full: That of a row full of ink.
        factor: Rows that become one.
    """
    shares: Ink = np.divide(sums, full, dtype=np.float32)
    if factor > 1:
        rows, strips = len(shares) // factor, shares.shape[1]
        shares = shares[: rows * factor].reshape(rows, factor, strips).mean(axis=1)
    return shares


def _variation(sums: Ink) -> float:
    """The mean squared difference between consecutive rows."""
    steps = np.diff(np.minimum(sums, _RULE), axis=0)
    return float(np.square(steps).mean()) if steps.size else 0.0


def line_runs(sums: Ink) -> tuple[Ink, Spans]:
    """All rows, strip after strip with an empty row after each, and the runs as high as a line.

    Args:
        sums: Ink, shape (rows, strips).

    Returns:
        The ink of each row, and the first and last-plus-one row of each run.
    """
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
