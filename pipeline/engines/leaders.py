"""Dot leaders and dotted rules, which the detector does not see. Pure and total.

The dots between a title and its page number are characters of the page, and so are those of
a rule across a column. They are small, round, dark and equally large, they stand on one
baseline in even steps, and nothing else stands close above or below them: that tells them
from the dots of i, from full stops, from dashes, from specks and from halftone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import numpy.typing as npt

from pipeline.types import Box, Line, Pixels

_LEAST_DOTS = 6
"""Dots of a leader: five may be the full stops of abbreviations."""
_LARGEST_PX = 12
"""Widest dot: the full stop of 24 points at 300 dpi."""
_CONTRAST = 40
"""How much darker than the paper around it a dot is, of 255: JPEG noise is less."""
_HALF = 0.5
"""Part of a dot's darkness at which it ends."""
_ROUND = 1.4
"""Most width for the height of the dots of a leader, and height for the width ..."""
_SQUARE_PX = 0.9
"""... or, where the dots are tiny, this much more, px: some stand astride two pixels."""
_FILLED = 0.6
"""Part of its box that a dot fills: a disc fills 0.79 of it, a diagonal stroke less."""
_NEAREST = 1.5
"""Least pitch, in diameters: the dots of some bold type stand this close."""
_FURTHEST = 14.0
"""Most pitch, in diameters. Leaders by TeX have 7."""
_UNEVEN = 0.15
"""Part of the pitch by which a step may differ from it ..."""
_ROUNDING_PX = 1.2
"""... or, where the pitch is small, this: what drawing on a grid of pixels does."""
_CROWD = 1.3
"""Distance within which other dots make a grid, in pitches; the lines of a contents page
stand further apart than the dots on them."""
_CROWDED = 0.34
"""Part of a run with other ink close above or below at which it is none."""
_STEM = 1.5
"""How close above or below a dot the stem of an i would stand, in diameters."""
_WIDE = 3.7
"""Pitch in diameters from which a space stands between two dots: full stops alone are set at
2 to 2.8, with spaces at 4.6 and more."""

_DOTS_AT_END = re.compile(r"[\s.\u00b7\u2026]+$")
_DOTS_AT_START = re.compile(r"^[\s.\u00b7\u2026]+")
_DOTS = re.compile(r"(?:[.\u00b7\u2026]\s?){3,}")

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.intp]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Leader:
    """A run of dots on one baseline. Lengths are pixels of the picture.

    Attributes:
        box: The hull of the dots.
        dots: How many there are.
        pitch_px: From dot to dot.
        diameter_px: Of a dot.
        score: How even the steps are, 0 to 1.
    """

    box: Box
    dots: int
    pitch_px: float
    diameter_px: float
    score: float

    @property
    def text(self) -> str:
        """The dots, with spaces where they are set with spaces."""
        is_wide = self.pitch_px >= _WIDE * self.diameter_px
        return (" " if is_wide else "").join("." * self.dots)


@dataclass(frozen=True, slots=True)
class _Dots:
    """Small dark spots: centres, sizes and areas, one entry for each. Pixels."""

    x: _Floats
    y: _Floats
    width: _Floats
    height: _Floats
    area: _Floats

    def at(self, chosen: _Ints | _Flags) -> _Dots:
        columns = (self.x, self.y, self.width, self.height, self.area)
        return _Dots(*(column[chosen] for column in columns))


def find(pixels: Pixels) -> list[Leader]:
    """The leaders and dotted rules of a picture, dark on light, from top to bottom.

    Args:
        pixels: RGB, (height, width, 3), of any size.
    """
    if min(pixels.shape[:2]) < 2:
        return []
    ink = _ink(pixels)
    dots = _dots(ink)
    found = [_leader(dots.at(run)) for run in _runs(dots) if _is_leader(dots, run, ink)]
    return sorted(found, key=lambda leader: (leader.box[1], leader.box))


def _ink(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """1 where the picture is darker than the paper around it, 0 elsewhere.

    The limit is half the darkness of what is near, so that dots with grey between them part.
    """
    import cv2

    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    around = np.ones((_LARGEST_PX + 3, _LARGEST_PX + 3), np.uint8)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, around)
    darkest = cv2.dilate(dark, np.ones((5, 5), np.uint8))
    limit = np.maximum(cv2.convertScaleAbs(darkest, alpha=_HALF), _CONTRAST)
    return (dark >= limit).view(np.uint8)


def _dots(ink: npt.NDArray[np.uint8]) -> _Dots:
    """The spots that are small, about as wide as high, and filled."""
    import cv2

    _, _, stats, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    _, _, width, height, area = stats[1:].astype(np.float64).T
    smaller, larger = np.minimum(width, height), np.maximum(width, height)
    dot_like = (larger <= _LARGEST_PX) & (larger <= np.maximum(smaller + 1, _ROUND * smaller))
    dot_like &= area >= _FILLED * width * height
    return _Dots(*centres[1:].T, width, height, area).at(dot_like)


def _runs(dots: _Dots) -> Iterator[_Ints]:
    """Chains of dots in even steps, each from left to right, as indices of the dots."""
    after = _next(dots)
    has = np.flatnonzero(after >= 0)
    # Where two dots have the same next one, neither step counts.
    shared = np.bincount(after[has], minlength=len(after)) > 1
    after[has[shared[after[has]]]] = -1
    heads = np.setdiff1d(np.flatnonzero(after >= 0), after)
    for head in heads.tolist():
        chain = [head]
        while after[chain[-1]] >= 0:
            chain.append(int(after[chain[-1]]))
        if len(chain) >= _LEAST_DOTS:
            yield from _even(np.array(chain), dots.x)


def _even(chain: _Ints, x: _Floats) -> Iterator[_Ints]:
    """The parts of a chain whose steps are alike."""
    places = x[chain].tolist()
    start = 0
    for end in range(1, len(places)):
        usual = (places[end] - places[start]) / (end - start)
        if end + 1 < len(places):
            step = places[end + 1] - places[end]
            if abs(step - usual) <= _tolerance(usual):
                continue
        if end - start + 1 >= _LEAST_DOTS:
            yield chain[start : end + 1]
        start = end


def _tolerance(pitch_px: float) -> float:
    return max(_ROUNDING_PX, _UNEVEN * pitch_px)


def _next(dots: _Dots) -> _Ints:
    """For each dot the nearest similar one on its right on the same baseline, or -1."""
    count = len(dots.x)
    after, nearest = np.full(count, -1), np.full(count, np.inf)
    size = np.sqrt(dots.area)
    # Dots sorted by bands and then by x: those of a baseline lie in one band or the next one.
    band = np.floor(dots.y / _LARGEST_PX * 4)
    span = float(dots.x.max(initial=0)) + 2 * _FURTHEST * _LARGEST_PX
    order = np.argsort(band * span + dots.x, kind="stable")
    keys = (band * span + dots.x)[order]
    for shift in (-1, 0, 1):
        first = np.searchsorted(keys, (band + shift) * span + dots.x, side="right")
        for nth in range(3):
            place = first + nth
            inside = np.minimum(place, max(count - 1, 0))
            other = order[inside]
            step = dots.x[other] - dots.x
            fits = (place < count) & (step > 0) & (step < nearest)
            fits &= _are_alike(dots, other, size, step)
            after[fits], nearest[fits] = other[fits], step[fits]
    return after


def _are_alike(dots: _Dots, other: _Ints, size: _Floats, step: _Floats) -> _Flags:
    """Whether dots and others are as large, as high on the page, and neighbours."""
    level = np.abs(dots.y[other] - dots.y) <= np.maximum(1.0, 0.3 * size)
    ratio = np.maximum(size, 1.5) / np.maximum(size[other], 1.5)
    near = (step >= _NEAREST * size) & (step <= _FURTHEST * np.maximum(size, 1.0))
    return level & near & (ratio <= _ROUND) & (ratio >= 1 / _ROUND)


def _is_leader(dots: _Dots, run: _Ints, ink: npt.NDArray[np.uint8]) -> bool:
    """Whether the dots of a run are round, and alone on their line."""
    own = dots.at(run)
    smaller, larger = sorted((float(own.width.mean()), float(own.height.mean())))
    if larger > max(_ROUND * smaller, smaller + _SQUARE_PX):
        return False
    return not _is_stem(own, ink) and not _is_grid(dots, own)


def _is_stem(own: _Dots, ink: npt.NDArray[np.uint8]) -> bool:
    """Whether many of the dots have other ink close above or below, as the dot of i has."""
    below = _inked(ink, own, 1)
    above = _inked(ink, own, -1)
    return bool((below | above).mean() >= _CROWDED)


def _inked(ink: npt.NDArray[np.uint8], own: _Dots, way: int) -> _Flags:
    """For each dot, whether there is ink below (way 1) or above it (way -1)."""
    away = np.arange(1 + round(_STEM * float(own.height.max())))
    edge = own.y + way * (own.height / 2 + 1)
    rows = np.rint(edge[:, None] + way * away).astype(np.intp)
    inside = (rows >= 0) & (rows < len(ink))
    columns = np.rint(own.x).astype(np.intp)[:, None]
    return ((ink[np.where(inside, rows, 0), columns] > 0) & inside).any(axis=1)


def _is_grid(dots: _Dots, own: _Dots) -> bool:
    """Whether other dots of this size stand as close above or below as the dots stand."""
    pitch = float(np.median(np.diff(own.x)))
    size = float(np.median(own.area))
    away = np.abs(dots.y - np.interp(dots.x, own.x, own.y))
    near = (away > 0.4 * pitch) & (away <= _CROWD * pitch)
    near &= (dots.x >= own.x[0]) & (dots.x <= own.x[-1])
    near &= (dots.area >= size / 3) & (dots.area <= size * 3)
    return bool(near.sum() >= _CROWDED * len(own.x))


def _leader(own: _Dots) -> Leader:
    steps = np.diff(own.x)
    pitch = float(steps.mean())
    box = (
        float((own.x - own.width / 2).min() + 0.5),
        float((own.y - own.height / 2).min() + 0.5),
        float((own.x + own.width / 2).max() + 0.5),
        float((own.y + own.height / 2).max() + 0.5),
    )
    diameter = 2 * float(np.sqrt(own.area.mean() / np.pi))
    score = float(np.clip(1 - steps.std() / pitch, 0, 1))
    return Leader(box, len(own.x), pitch, diameter, score)
