"""What lies under white text: white on white paper is not to be seen.

Only for pages that have white text.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np

from pipeline.documents.pdf import painted

_MIN_ALPHA: Final = 0.1
_MAX_STROKE_EM: Final = 3.0
"""Thicker boxes of strokes, in heights of the text, are frames around it and not a bar under it."""
_MAX_GROUNDS: Final = 20_000


class Grounds:
    """The areas that a page paints, apart from text.

    Args:
        entries: What it paints.
    """

    def __init__(self, entries: Sequence[painted.Entry]) -> None:
        areas = (entry for entry in entries if entry[0] != painted.TEXT and entry[4] >= _MIN_ALPHA)
        found = list(islice(areas, _MAX_GROUNDS))
        self._boxes = painted.boxes_of([rect for _, rect, *_ in found])
        self._is_white = np.array([is_white for _, _, is_white, _, _ in found], np.bool_)
        self._is_stroke = np.array([is_stroke for _, _, _, is_stroke, _ in found], np.bool_)

    def is_paper(self, x0: float, y0: float, x1: float, y1: float) -> bool:
        """Whether the middle of a box (points) is on paper, or on what was last painted white."""
        x, y, em = (x0 + x1) / 2, (y0 + y1) / 2, min(x1 - x0, y1 - y0)
        left, top, right, bottom = self._boxes.T
        is_under = (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
        is_thin = np.minimum(right - left, bottom - top) <= _MAX_STROKE_EM * em
        under = np.flatnonzero(is_under & (is_thin | ~self._is_stroke))
        return not len(under) or bool(self._is_white[under[-1]])
