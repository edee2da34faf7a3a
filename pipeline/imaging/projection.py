"""How the lines of a page lie, from its ink alone. Pure; takes milliseconds.

The page is cut into strips and the ink of each row of a strip is added up. Across the lines of
text these sums jump up and down between ink and paper, along them they don't: that tells rows
from columns. In each line of a strip the rows with most ink are the height of small letters; in
Latin, Greek, Cyrillic and Arabic script there is more ink above them (b, d, f, h, k, l, t and the
capitals) than below (g, j, p, q, y): that tells up from down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.types import Pixels

_SIDE_PX: Final = 1200
"""The picture is shrunk by a whole number to about this longest side."""
_STRIPS: Final = 8
"""Of the shorter side. Narrow enough that a page two degrees askew still has rows, wide enough for
a few words."""
_RULE: Final = 0.6
"""Rows with more ink than this share of the strip's width are ruled lines or pictures; what they
have more is not counted."""
_FULL: Final = 128
"""A pixel so far from the paper, of 255, is all ink ..."""
_NOISE: Final = 24
"""... and one no farther is paper that a scanner saw."""
_INK: Final = _FULL - _NOISE

_LINE_PX: Final = (6, 70)
"""Height of a line of text in the shrunk picture, smallest and largest."""
_LEAST_INK: Final = 0.004
"""Share of ink in a row of a strip that is not paper: half a pixel."""
_CORE: Final = 0.45
"""Rows with so much of the ink of a line's fullest row belong to its small letters."""
_LEAST_LINES: Final = 5

_ACROSS: Final = 1.1
_UPRIGHT: Final = 0.05
_TINY: Final = 1e-6

Levels = npt.NDArray[np.uint8]
Ink = npt.NDArray[np.float32]
Spans = npt.NDArray[np.intp]
"""Where stretches of rows begin and end, shape (stretches, 2)."""


@dataclass(frozen=True, slots=True)
class ProjectionProfile:
    """How the ink of a page lies.

    Attributes:
        across: Jumps from row to row over jumps from column to column: over 1 where lines of text
            run across the page.
        above: Ink above the small letters less that below them, as a share of both, -1 to 1: over
            0 where the text stands upright.
        lines: Pieces of ink as high as a line of text, across the page or down it, whichever are
            more.
    """

    across: float
    above: float
    lines: int

    @property
    def is_suspicious(self) -> bool:
        """Whether the page may have to be turned: it has text, but not like upright text."""
        if self.lines < _LEAST_LINES:
            return False
        return self.across < _ACROSS or self.above < _UPRIGHT


def lean(pixels: Pixels) -> ProjectionProfile:
    """Measure a page.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
    """
    ink = _ink(pixels)
    strip_px = max(1, min(ink.shape) // _STRIPS)
    rows, columns = _sums(ink, strip_px), _sums(ink.T, strip_px)
    (along, lines), (_, stretches) = _lines(rows), _lines(columns)
    across = _jumps(rows) / max(_jumps(columns), _TINY)
    return ProjectionProfile(across, _above(along, lines), max(len(lines), len(stretches)))


def _ink(pixels: Pixels) -> Levels:
    """0 for paper to `_INK` for ink, whichever of them is the darker one.

    It stays in bytes: a page has millions of pixels, and floats take most of the time.
    """
    grey = Image.fromarray(pixels).convert("L")
    factor = max(1, round(max(grey.size) / _SIDE_PX))
    if factor > 1:
        grey = grey.reduce(factor)
    paper = int(np.argmax(grey.histogram()))
    levels = np.clip(np.abs(np.arange(256) - paper), _NOISE, _FULL) - _NOISE
    return np.asarray(grey.point(levels.tolist()))


def _sums(ink: Levels, strip_px: int) -> Ink:
    """The share of ink in each row of each strip, 0 to 1, shape (rows, strips)."""
    height, width = ink.shape
    strips = width // strip_px
    cut = ink[:, : strips * strip_px].reshape(height, strips, strip_px)
    # 16 bits hold a strip of 500 px; `_SIDE_PX` leaves it less than half of that.
    sums: Ink = cut.sum(axis=2, dtype=np.uint16) / np.float32(_INK * strip_px)
    return sums


def _jumps(sums: Ink) -> float:
    """The mean of the squared steps from row to row."""
    steps = np.diff(np.minimum(sums, _RULE), axis=0)
    return float(np.square(steps).mean()) if steps.size else 0.0


def _lines(sums: Ink) -> tuple[Ink, Spans]:
    """All rows, strip after strip, and the stretches with ink as high as a line of text."""
    gap = np.zeros((1, sums.shape[1]), sums.dtype)
    rows = np.concatenate([sums, gap]).T.ravel()
    has_ink = (rows > _LEAST_INK).astype(np.int8)
    spans = np.flatnonzero(np.diff(has_ink, prepend=0, append=0)).reshape(-1, 2)
    low, high = _LINE_PX
    heights = spans[:, 1] - spans[:, 0]
    return rows, spans[(low <= heights) & (heights <= high)]


def _above(rows: Ink, lines: Spans) -> float:
    """Ink above the small letters less that below, as a share of both, -1 to 1.

    Args:
        rows: Ink of each row.
        lines: Which rows are lines of text.
    """
    if not len(lines):
        return 0.0
    tops, bottoms = lines.T
    # What lies between two lines is a segment of its own; it comes second and has no core.
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
