"""At which angle each line of a page lies, from the detector's corners. Pure.

A detector's rectangle fits a line to a pixel or two, so that those of short lines lie at any angle.
The lines of a page are parallel: they get the angle at which most of them lie, weighted with their
length, but for lines that lie so differently that it shows, such as slanted labels. Those of a page
that lies straight get none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]

_MIN_DEG: Final = 0.2
"""Smaller angles are none: the ends of a line as long as the page are a pixel or two off then. Of
128 straight pages all lie at 0.00, scans at half a degree at 0.44 to 0.52."""
_MAX_DEG: Final = 30.0
"""Lines at larger angles get none: the sides of a box say less and less of them."""
_MIN_LENGTH: Final = 4.0
"""Least length of a line by its height, of those that say at which angle a page lies."""
_MAX_OFF: Final = 0.5
"""A line whose ends are farther than this from where the page's angle has them, in heights, has an
angle of its own. Of lines that are parallel they are a third at most, a tenth as a rule."""


def angles(quads: npt.NDArray[np.floating]) -> list[float]:
    """The clockwise angle of each line, degrees, rounded to hundredths; 0 of straight ones.

    Args:
        quads: Corners of the lines, clockwise from the top left: (lines, 4, 2).
    """
    if not len(quads):
        return []
    corners = np.asarray(quads, np.float64)
    across, down = _side(corners, 0, 1, 3, 2), _side(corners, 0, 3, 1, 2)
    width, height = np.hypot(*across.T), np.hypot(*down.T)
    of_wide = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    of_tall = np.degrees(np.arctan2(-down[:, 0], down[:, 1]))
    own = np.where(width >= height, of_wide, of_tall)
    shorter, longer = np.minimum(width, height), np.maximum(width, height)
    is_long = longer >= _MIN_LENGTH * np.maximum(shorter, 1.0)
    usual = _usual(own[is_long], longer[is_long])
    off = np.abs(np.tan(np.radians(own - usual))) * longer / np.maximum(shorter, 1.0)
    found = np.where(is_long & (off > _MAX_OFF), own, usual)
    found[(np.abs(found) < _MIN_DEG) | (np.abs(found) > _MAX_DEG)] = 0.0
    return [round(angle, 2) for angle in found.tolist()]


def _side(corners: _Floats, *ends: int) -> _Floats:
    """The mean of two opposite sides, each from its first to its last corner."""
    first, last, other_first, other_last = ends
    sides = corners[:, last] - corners[:, first] + corners[:, other_last] - corners[:, other_first]
    return np.asarray(sides / 2, np.float64)


def _usual(angle: _Floats, length: _Floats) -> float:
    """The median of the lines' angles by length, 0 where there is none or a straight one."""
    if not len(angle):
        return 0.0
    order = np.argsort(angle, kind="stable")
    sums = np.cumsum(length[order])
    found = float(angle[order][np.searchsorted(sums, sums[-1] / 2)])
    return found if abs(found) >= _MIN_DEG else 0.0
