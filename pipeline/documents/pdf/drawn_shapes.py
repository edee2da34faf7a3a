"""Shapes that a PDF page draws: curves, polygons and slanted lines.

Level and upright lines are none, nor are rectangles, those with rounded corners among them.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pymupdf import mupdf

_STRAIGHT_BYTES: Final = (34, 37)
"""Bytes of a packed path that is a level or upright line, or a rectangle."""
_MAX_BYTES: Final = 60_000
"""Bytes of paths that are looked at on a page, about 5,000 lines; what is more is not."""
_LEAST_PT: Final = 4.0
"""Minimum side of a shape, points: less is a dot ..."""
_LONG_PT: Final = 12.0
"""... and its longer side: less is a letter, or an icon."""
_MAX_PT: Final = 1e6
"""Maximum side of a path: more is on no page."""
_BENT: Final = 0.4
"""What is drawn without lifting the pen is a shape if this share of it is curved or slanted: the
corners of a rounded rectangle are less."""
_SLOPE: Final = 0.05
"""Maximum slope of a straight line that counts as level or upright ..."""
_STEP_PT: Final = 0.5
"""... and how far one end may be off, points."""

Floats = npt.NDArray[np.float64]

# The bindings' functions of C++ themselves, as in `painted`.
_path_bytes: Final = mupdf._mupdf.ll_fz_packed_path_size
_bound_path: Final = mupdf._mupdf.ll_fz_bound_path
_walk_path: Final = mupdf._mupdf.ll_fz_walk_path


class Shapes:
    """Collects the shapes of a page."""

    def __init__(self) -> None:
        self._walker = _Walker()
        self._matrices: list[tuple[float, ...]] = []
        self._bytes = 0

    def add(self, path: Any, ctm: Any) -> None:
        """Add the shapes of a path that is painted.

        Args:
            path: MuPDF's path.
            ctm: MuPDF's matrix, to points.
        """
        size = _path_bytes(path)
        if size in _STRAIGHT_BYTES or self._bytes + size > _MAX_BYTES:
            return
        box = _bound_path(path, None, ctm)
        low, high = sorted((box.x1 - box.x0, box.y1 - box.y0))
        if not (low >= _LEAST_PT and _LONG_PT <= high <= _MAX_PT):
            return
        self._bytes += size
        self._matrices.append((ctm.a, ctm.b, ctm.c, ctm.d, ctm.e, ctm.f))
        self._walker.walk(path)

    def boxes(self) -> Floats:
        """Their boxes in points, shape (shapes, 4)."""
        if not self._walker.strokes:
            return np.empty((0, 4))
        found = np.array(self._walker.strokes)
        paths, parts, points = found[:, 0].astype(int), found[:, 1], found[:, 2:].reshape(-1, 4, 2)
        matrices = np.array(self._matrices)[paths - 1].reshape(-1, 3, 2)
        points = points @ matrices[:, :2] + matrices[:, 2:]
        return shape_boxes(points, parts)


class _Walker(mupdf.FzPathWalker2):  # type: ignore[misc]  # the bindings have no types
    """Takes paths apart.

    Attributes:
        strokes: The number of the path of each line or curve, that of the part of it that is drawn
            without lifting the pen, and x and y of its four points; a line has both of its twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strokes: list[tuple[float, ...]] = []
        self._path = self._part = 0
        self._at = self._start = (0.0, 0.0)
        self.use_virtual_moveto()
        self.use_virtual_lineto()
        self.use_virtual_curveto()
        self.use_virtual_closepath()

    def walk(self, path: Any) -> None:
        """Take the next path apart."""
        self._path += 1
        _walk_path(path, self.m_internal, self.m_internal)

    def moveto(self, _: Any, x: float, y: float) -> None:
        self._at = self._start = (x, y)
        self._part += 1

    def lineto(self, _: Any, x: float, y: float) -> None:
        self.strokes.append((self._path, self._part, *self._at, *self._at, x, y, x, y))
        self._at = (x, y)

    def curveto(self, _: Any, *sides: float) -> None:
        self.strokes.append((self._path, self._part, *self._at, *sides))
        self._at = sides[4:]  # type: ignore[assignment]  # two of six

    def closepath(self, _: Any) -> None:
        self.lineto(_, *self._start)


def shape_boxes(strokes: Floats, parts: Floats) -> Floats:
    """The boxes of those parts that are shapes.

    Args:
        strokes: The four points of each line or curve, shape (strokes, 4, 2).
        parts: The number of the part that each belongs to, ascending.
    """
    lows, highs = strokes.min(axis=1), strokes.max(axis=1)
    sides = np.sort(highs - lows, axis=1)
    is_bent = (sides[:, 0] >= _STEP_PT) & (sides[:, 0] >= _SLOPE * sides[:, 1])
    lengths = np.abs(np.diff(strokes, axis=1)).sum(axis=(1, 2))
    starts = np.flatnonzero(np.diff(parts, prepend=-1.0))
    bent, whole = (np.add.reduceat(each, starts) for each in (lengths * is_bent, lengths))
    boxes = np.concatenate(
        [np.minimum.reduceat(lows, starts), np.maximum.reduceat(highs, starts)], axis=1
    )
    sides = np.sort(boxes[:, 2:] - boxes[:, :2], axis=1)
    is_large = (sides[:, 0] >= _LEAST_PT) & (sides[:, 1] >= _LONG_PT)
    found: Floats = boxes[is_large & (bent > 0) & (bent >= _BENT * whole)]
    return found
