"""Finds which way up a page is: a classifier judges, and where it is in doubt lines are read.

The classifier (`pipeline.recognition.orientation_classifier`) takes some ten milliseconds. Where it
is unsure, or the projection profile of the turned page contradicts it, pieces of a few lines are
read in the two most probable directions. What reads is the recogniser of the embedded engine, on
one thread; it is loaded with the first page that is read, once in each process that draws pages.

The wheel with the classifier needs Python below 3.13. Where it is not installed every page is read.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr.engine import load_recogniser
from pipeline.engines.ppocr.recogniser import Recogniser
from pipeline.imaging.line_pieces import line_pieces
from pipeline.imaging.projection import InkSums, ink_sums
from pipeline.imaging.rotation import turn_pixels
from pipeline.recognition.orientation_classifier import (
    OrientationClassifier,
    PageViews,
    model_path,
)
from pipeline.types import Pixels

_MIN_PROBABILITY: Final = 0.55
"""Least probability with which the classifier is believed, the mean of three. It gives .92 at
most."""
_MIN_MIRRORED: Final = 0.7
"""Least probability with which it is believed of the page in a mirror, where it is not of the page:
Arabic pages get more there, and with less Cyrillic ones in doubt do too."""
_MAX_ASPECT: Final = 3.0
"""Longer pictures are no pages, and squashed into the classifier's square they are no text."""
_SHARP_ROW_RATIO: Final = 2.0
"""From this row ratio on the ascender excess can be relied on ..."""
_MAX_DESCENDER_EXCESS: Final = 0.1
"""... and where it is below minus this, the text is upside down. The classifier takes some Arabic
and Persian pages for that; their profile is plain."""
_MAX_BLURRED_DESCENDER_EXCESS: Final = 0.3
"""That where the row ratio is smaller, and lines are still horizontal."""
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

_PIECES: Final = 4
"""Pieces of lines that are read in a direction, of some ten characters each ..."""
_MIN_PIECES: Final = 2
"""... and those after which it may be clear."""
_MIN_CHARS: Final = 20
"""Characters that have to be read, at least, ..."""
_MIN_SCORE: Final = 0.95
"""... and the mean confidence in them, for a direction to be right. Lines that lie otherwise reach
.78 ..."""
_HOPELESS_SCORE: Final = 0.8
"""... so that with less than this in the first pieces the direction is wrong."""


class OrientationDetector:
    """Finds the turn that makes the text of a page upright. May be used by several threads."""

    def __init__(self) -> None:
        self._recogniser: Recogniser | None = None
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
            ink = ink_sums(pixels)
            deg, probable = self._classified(pixels, ink)
            return self._read(pixels, ink, probable) if deg is None else deg

    def _classified(self, pixels: Pixels, ink: InkSums) -> tuple[int | None, tuple[int, ...]]:
        """The turn that the classifier is sure of, None where lines have to be read.

        Returns:
            That, and the turns in which they may be upright, the most probable one first.
        """
        shorter_px, longer_px = sorted(pixels.shape[:2])
        classifier = self._loaded_classifier()
        if classifier is None or longer_px > _MAX_ASPECT * shorter_px:
            return None, _by_rows(ink)
        page = PageViews(pixels[:, :, ink.channel])
        judged = classifier.turn(page, partial(_is_confirmed, ink))
        deg, is_sure = judged.deg, judged.probability >= _MIN_PROBABILITY
        if not is_sure:
            deg, probability = classifier.mirrored_turn(page)
            is_sure = probability >= _MIN_MIRRORED
        if not is_sure or (deg and _is_contradicted(ink, deg)):
            return None, judged.probable
        return deg, ()

    def _loaded_classifier(self) -> OrientationClassifier | None:
        """The classifier, None where it is not installed."""
        if self._classifier is None and (model := model_path()):
            self._classifier = OrientationClassifier(model)
        return self._classifier

    def _read(self, pixels: Pixels, ink: InkSums, probable: Sequence[int]) -> int:
        """The first of some turns after which lines are read with confidence, 0 for none."""
        for deg in probable:
            pieces = line_pieces(pixels, ink, _PIECES, vertical=deg % 180 != 0)
            if self._is_read(pieces, deg):
                return deg
        return 0

    def _is_read(self, pieces: Sequence[Pixels], deg: int) -> bool:
        """Whether pieces of lines are read with confidence after a turn."""
        self._recogniser = self._recogniser or load_recogniser(OnnxConfig())
        characters, total = 0, 0.0
        for number, piece in enumerate(pieces, 1):
            crop = np.ascontiguousarray(turn_pixels(piece, deg)[:, :, ::-1])
            reading = self._recogniser.read(crop)
            count = len(reading.text.replace(" ", ""))
            characters, total = characters + count, total + count * reading.score
            if number < _MIN_PIECES:
                continue
            if characters >= _MIN_CHARS and total >= _MIN_SCORE * characters:
                return True
            if total <= _HOPELESS_SCORE * characters:
                return False
        return False


def _by_rows(ink: InkSums) -> tuple[int, ...]:
    """All turns, those first after which lines are horizontal, upright before upside down."""
    upright, sideways = (0, 180), (90, 270)
    return (*upright, *sideways) if ink.profile().row_ratio >= 1 else (*sideways, *upright)


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
    if profile.row_ratio > _SHARP_ROW_RATIO:
        return profile.ascender_excess < -_MAX_DESCENDER_EXCESS
    return profile.row_ratio > 1 and profile.ascender_excess < -_MAX_BLURRED_DESCENDER_EXCESS
