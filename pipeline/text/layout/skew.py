"""Straightens the boxes of a slightly turned page. Pure and total.

The box around a turned line is taller the longer the line is, and the left edges of a column drift
with the height. Where both say the same, the page is turned.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]

_MIN_LINES = 12
"""Minimum number of lines that show a skew."""
_MIN_SLOPE = 0.003
"""Smaller slopes (0.2 degrees) are left: rows and gutters bear them."""
_MAX_SLOPE = 0.06
"""Larger ones are none of a page that was put straight on a scanner (3.4 degrees)."""
_MAX_LINES = 120
"""Lines that are compared with each other, the longest."""
_LONG = 2.0
"""Minimum ratio of width to height of those."""
_USUAL = 0.7, 1.8
"""Their height, in usual heights: headings are higher by themselves."""
_NEAR_EM, _FAR_EM = 3.0, 25.0
"""Vertical distance of lines whose left edges are compared, in line heights."""
_BINS = 121
_AGREE = 0.4
"""Minimum growth of the boxes, as share of the drift of the edges."""


def straightened(
    x0: _Floats, y0: _Floats, x1: _Floats, y1: _Floats
) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    """The edges of the boxes after the page was turned straight; unchanged where it was."""
    slope = _slope(x0, y0, x1, y1)
    if not slope:
        return x0, y0, x1, y1
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    width, height = x1 - x0, y1 - y0
    height = np.maximum(height - abs(slope) * width, height / 3)
    x, y = x + slope * y, y - slope * x
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _slope(x0: _Floats, y0: _Floats, x1: _Floats, y1: _Floats) -> float:
    """How much lower a line is at its end for each pixel of its width; 0 where nothing shows it."""
    width, height = x1 - x0, y1 - y0
    if len(width) < _MIN_LINES:
        return 0.0
    heights = sorted(height.tolist())  # on so few numbers faster than NumPy's median
    em_px = (heights[(len(heights) - 1) // 2] + heights[len(heights) // 2]) / 2
    low, high = _USUAL
    usual = (height >= low * em_px) & (height <= high * em_px)
    shown = np.flatnonzero(usual & (width >= _LONG * height))
    if len(shown) < _MIN_LINES:
        return 0.0
    # Lines of contents are equally long: only with their page numbers the growth is seen.
    growth = _growth(width[usual], height[usual])
    if growth < _AGREE * _MIN_SLOPE:
        return 0.0
    drift = _drift(x0[shown], (y0[shown] + y1[shown]) / 2, em_px)
    return -drift if abs(drift) >= _MIN_SLOPE and growth >= _AGREE * abs(drift) else 0.0


def _growth(width: _Floats, height: _Floats) -> float:
    """How much a box's height grows with its width at most: two standard errors above the fit."""
    width, height = width - width.mean(), height - height.mean()
    spread = float(width @ width)
    if spread <= 0:
        return 0.0
    slope = float(width @ height) / spread
    rest = height - slope * width
    return slope + 2 * math.sqrt(float(rest @ rest) / len(width) / spread)


def _drift(x0: _Floats, y: _Floats, em_px: float) -> float:
    """The most frequent slope between left edges of lines at some distance."""
    x0, y = x0[:_MAX_LINES], y[:_MAX_LINES]
    down = y[np.newaxis] - y[:, np.newaxis]
    across = x0[np.newaxis] - x0[:, np.newaxis]
    far = (down >= _NEAR_EM * em_px) & (down <= _FAR_EM * em_px)
    slopes = across[far] / down[far]
    slopes = slopes[np.abs(slopes) <= _MAX_SLOPE]
    if not len(slopes):
        return 0.0
    step = 2 * _MAX_SLOPE / _BINS
    places = np.minimum((slopes + _MAX_SLOPE) / step, _BINS - 1).astype(np.intp)
    counts = np.bincount(places, minlength=_BINS)
    best = int(np.convolve(counts, (1, 2, 3, 2, 1), "same").argmax())
    middle = (best + 0.5) * step - _MAX_SLOPE
    return float(np.median(slopes[np.abs(slopes - middle) <= 2.5 * step]))
