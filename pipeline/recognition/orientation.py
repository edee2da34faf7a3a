"""Finds which way up a page is: a classifier judges, and where it is in doubt lines are read.

The classifier (`pipeline.recognition.orientation_classifier`) takes a few milliseconds. Where it is
unsure, or the projection profile of the turned page contradicts it, a few lines are read in every
direction, which takes a third of a second. The models that read are those of the embedded engine,
on one thread, and are loaded with the first page that is read: about a second, once in each process
that draws pages.

The wheel with the classifier needs Python below 3.13. Where it is not installed every page is read.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr.engine import load
from pipeline.imaging.projection import InkSums, ink_sums
from pipeline.imaging.rotation import turn_pixels
from pipeline.imaging.transform import fit, resize
from pipeline.recognition.orientation_classifier import (
    OrientationClassifier,
    PageViews,
    model_path,
)
from pipeline.types import Pixels

_MIN_PROBABILITY: Final = 0.55
"""Least probability with which the classifier is believed, the mean of three. It gives .92 at
most."""
_MIN_MIRRORED: Final = 0.6
"""Least probability with which it is believed of the page in a mirror, where it is not of the page:
Arabic pages get more there, others in doubt do not."""
_MAX_ASPECT: Final = 3.0
"""Longer pictures are no pages, and squashed into the classifier's square they are no text."""
_SHARP_ROW_RATIO: Final = 2.0
"""From this row ratio on the ascender excess can be relied on ..."""
_MAX_DESCENDER_EXCESS: Final = 0.1
"""... and where it is below minus this, the text is upside down. The classifier takes some Arabic
and Persian pages for that; their profile is plain."""
_ASCENDER_EXCESS: Final = 0.15
"""Above this the text is upright, ..."""
_BLURRED_ASCENDER_EXCESS: Final = 0.3
"""... and above this where the row ratio is smaller."""
_MIN_LINES: Final = 5
"""A page with fewer runs of ink as high as a line may be a picture, of which the classifier knows
nothing."""
_MAX_COLUMN_RATIO: Final = 4.0
"""Where pixel columns vary so many times more than pixel rows, lines are not horizontal. On upright
pages three degrees askew they vary 2.5 times more."""

_DETECTION_PX: Final = 800
"""Longest side of the image in which lines are detected."""
_MIN_ASPECT: Final = 2.0
"""A line of text is at least so many times longer than high."""
_MAX_LINES: Final = 5
"""Lines that are read, the longest ones."""
_MAX_PIECE: Final = 10
"""Of a longer line the middle is read: so many times its height."""
_MIN_SCORE: Final = 0.75
"""Least confidence of the recogniser in the direction that is taken, 0 to 1 ..."""
_MIN_MARGIN: Final = 0.2
"""... and how far it has to be ahead of the other direction."""
_MIN_CHARS: Final = 12
"""Characters that have to be read before a page is turned."""
_UPRIGHT_SCORE: Final = 0.95
"""Confidence in one line of at least `_MIN_CHARS` with which a page is not turned. Nine of ten
upright lines reach it; of upside-down ones hardly any is over 0.8."""

Boxes = npt.NDArray[np.float32]


class OrientationDetector:
    """Finds the turn that makes the text of a page upright. May be used by several threads."""

    def __init__(self) -> None:
        self._models: Any = None
        self._classifier: OrientationClassifier | None = None
        self._lock = threading.Lock()

    def turn(self, pixels: Pixels) -> int:
        """The clockwise turn that makes a page's text upright: 0, 90, 180 or 270.

        Without strong evidence it is 0. The page is judged whatever its projection profile
        (`pipeline.imaging.projection`): the caller passes only pages that may need a turn.

        Args:
            pixels: The page as displayed.
        """
        with self._lock:
            deg = self._classified(pixels, ink_sums(pixels))
            if deg is not None:
                return deg
            self._models = self._models or load(OnnxConfig())
            return self._read(pixels)

    def _classified(self, pixels: Pixels, ink: InkSums) -> int | None:
        """The turn that the classifier is sure of, None where lines have to be read."""
        shorter_px, longer_px = sorted(pixels.shape[:2])
        if longer_px > _MAX_ASPECT * shorter_px:
            return None
        if self._classifier is None:
            model = model_path()
            if model is None:
                return None
            self._classifier = OrientationClassifier(model)
        page = PageViews(pixels[:, :, ink.channel])
        deg, probability = self._classifier.turn(page, partial(_is_confirmed, ink))
        if probability < _MIN_PROBABILITY:
            deg, probability = self._classifier.mirrored_turn(page)
            if probability < _MIN_MIRRORED:
                return None
        if deg and _is_contradicted(ink, deg):
            return None
        return deg

    def _read(self, pixels: Pixels) -> int:
        boxes = self._boxes(pixels)
        across, down = _lines(boxes, 0), _lines(boxes, 1)
        is_down = _length(down, 1) > _length(across, 0)
        pieces = [_piece(pixels, box, int(is_down)) for box in (down if is_down else across)]
        one, other = (90, 270) if is_down else (0, 180)
        ahead = []
        for piece in pieces:
            ahead.append(self._line(piece, one))
            if one == 0 and _is_upright(*ahead[-1]):
                return 0
        score = _mean(ahead)
        if one == 0 and score[0] > 1 - _MIN_MARGIN:
            return 0  # the other direction cannot be so far ahead
        back = _mean([self._line(piece, other) for piece in pieces])
        return _choice({one: score, other: back}, one, other)

    def _boxes(self, pixels: Pixels) -> Boxes:
        """Where lines are: x0, y0, x1, y1 in pixels of the page, one a row."""
        height_px, width_px = pixels.shape[:2]
        size = fit(width_px, height_px, max_side_px=_DETECTION_PX)
        small = resize(pixels, *size)
        quads = self._models.text_det(np.ascontiguousarray(small[:, :, ::-1])).boxes
        if quads is None or not len(quads):
            return np.empty((0, 4), np.float32)
        corners = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
        return np.asarray(corners * (width_px / size[0]), np.float32)

    def _line(self, piece: Pixels, deg: int) -> tuple[float, int]:
        """Confidence in a line that is read after a turn, and the number of its characters."""
        from rapidocr.ch_ppocr_rec import TextRecInput

        crop = np.ascontiguousarray(turn_pixels(piece, deg)[:, :, ::-1])
        read = self._models.text_rec(TextRecInput(img=[crop], return_word_box=False))
        return float(read.scores[0]), len(read.txts[0].replace(" ", ""))


def _is_confirmed(ink: InkSums, deg: int) -> bool:
    """Whether the page's profile speaks for a turn; against none it only must not speak."""
    if deg == 0:
        return not _is_contradicted(ink, 0)
    profile = ink.profile(deg)
    is_text = profile.lines >= _MIN_LINES and profile.row_ratio >= 1 / _MAX_COLUMN_RATIO
    least = _ASCENDER_EXCESS if profile.row_ratio > _SHARP_ROW_RATIO else _BLURRED_ASCENDER_EXCESS
    return is_text and profile.ascender_excess > least


def _is_contradicted(ink: InkSums, deg: int) -> bool:
    """Whether the page's profile would plainly not be that of upright text after a turn."""
    profile = ink.profile(deg)
    if profile.lines < _MIN_LINES or profile.row_ratio < 1 / _MAX_COLUMN_RATIO:
        return True
    is_sharp = profile.row_ratio > _SHARP_ROW_RATIO
    return is_sharp and profile.ascender_excess < -_MAX_DESCENDER_EXCESS


def _is_upright(score: float, characters: int) -> bool:
    return score >= _UPRIGHT_SCORE and characters >= _MIN_CHARS


def _mean(lines: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """Mean confidence over the characters of lines, and their number."""
    scores, counts = [score for score, _ in lines], [count for _, count in lines]
    return (float(np.average(scores, weights=counts)), sum(counts)) if any(counts) else (0.0, 0)


def _choice(scores: dict[int, tuple[float, int]], one: int, other: int) -> int:
    """The direction that is clearly ahead, 0 where none is."""
    best, worse = (one, other) if scores[one][0] >= scores[other][0] else (other, one)
    score, characters = scores[best]
    is_clear = score >= _MIN_SCORE and score - scores[worse][0] >= _MIN_MARGIN
    return best if is_clear and characters >= _MIN_CHARS else 0


def _lines(boxes: Boxes, axis: int) -> Boxes:
    """The longest lines along an axis: 0 across the page, 1 down."""
    sides = boxes[:, 2:] - boxes[:, :2]
    lines = boxes[sides[:, axis] > _MIN_ASPECT * sides[:, 1 - axis]]
    longest = np.argsort(lines[:, axis] - lines[:, axis + 2])
    return lines[longest[:_MAX_LINES]]


def _length(lines: Boxes, axis: int) -> float:
    return float((lines[:, axis + 2] - lines[:, axis]).sum())


def _piece(pixels: Pixels, box: npt.NDArray[np.float32], axis: int) -> Pixels:
    """The middle of a line, cut out of the page."""
    low, high = box[:2].copy(), box[2:].copy()
    longest = _MAX_PIECE * (high[1 - axis] - low[1 - axis])
    spare = max(0.0, high[axis] - low[axis] - longest) / 2
    low[axis] += spare
    high[axis] -= spare
    (x0, y0), (x1, y1) = np.maximum(low, 0).astype(int), np.ceil(high).astype(int)
    return pixels[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
