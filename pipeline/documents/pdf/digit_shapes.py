"""Which digit or sign a glyph looks like, by its outline: for fonts whose glyphs have no names.

The outline is stretched over a small picture and compared with those of the fonts that MuPDF
carries. A digit is only taken for another one where that is plainly nearer: of 109 fonts with
Latin digits none has such a digit, and 99 of 100 wrong ones are found. (A
calligraphic face has five, where its glyphs have no names.)

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pymupdf import mupdf

_WIDTH_PX, _HEIGHT_PX = 16, 24
_WHITE: Final = 255
_MIN_EM: Final = 0.02
_MIN_GAP: Final = 0.05
"""Least difference of two mean distances, of 1, for one to be plainly nearer."""
_DRAWN: Final = "0123456789+=<>\u00b1\u00d7"
"""Characters that are told apart."""
_FONTS: Final = (
    *("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
    *("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"),
    *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"),
)

Shape = npt.NDArray[np.float32]
"""Coverage of the pixels of a glyph, 0 to 1, shape (24 * 16,)."""


def looks_like_other(font: Any, index: int, digit: str) -> bool:
    """Whether a glyph plainly looks like another digit or sign.

    Args:
        font: MuPDF's font, of its low-level interface.
        index: Of the glyph.
        digit: What it is said to be.
    """
    shape = shape_of(font, index)
    if shape is None:
        return False
    # The mean difference to the nearest shape of each character.
    distances = np.abs(_references() - shape).mean(axis=1).reshape(len(_DRAWN), -1).min(axis=1)
    return bool(float(distances[_DRAWN.index(digit)]) - float(distances.min()) > _MIN_GAP)


@cache
def _references() -> Shape:
    """The shapes of each character of `_DRAWN` in each of `_FONTS`, one a row."""
    fonts = [mupdf.fz_new_base14_font(name) for name in _FONTS]
    return np.array([drawn(font, char) for char in _DRAWN for font in fonts])


def drawn(font: Any, char: str) -> Shape:
    """The outline of a character of one of MuPDF's own fonts.

    Raises:
        ValueError: The font lacks it.
    """
    shape = shape_of(font.m_internal, mupdf.fz_encode_character(font, ord(char)))
    if shape is None:
        raise ValueError(f"MuPDF's own font lacks {char!r}")
    return shape


def shape_of(font: Any, index: int) -> Shape | None:
    """The outline of a glyph, stretched over the picture; None where there is none.

    Args:
        font: MuPDF's font, of its low-level interface.
        index: Of the glyph.
    """
    outline = mupdf.ll_fz_outline_glyph(font, index, mupdf.fz_identity)
    if outline is None:
        return None
    path = mupdf.FzPath(outline)
    box = mupdf.ll_fz_bound_path(outline, None, mupdf.fz_identity)
    width, height = box.x1 - box.x0, box.y1 - box.y0
    if min(width, height) < _MIN_EM:
        return None
    across, down = _WIDTH_PX / width, -_HEIGHT_PX / height
    placed = mupdf.FzMatrix(across, 0, 0, down, -box.x0 * across, -box.y1 * down)
    pixels = np.zeros((_HEIGHT_PX, _WIDTH_PX), np.uint8)
    memory = mupdf.python_mutable_buffer_data(memoryview(pixels.data).cast("B"))
    grey, area, no_spots, unplaced, params = _settings()
    pixmap = mupdf.fz_new_pixmap_with_bbox_and_data(grey, area, no_spots, 0, memory)
    device = mupdf.fz_new_draw_device(unplaced, pixmap)
    mupdf.fz_fill_path(device, path, 0, placed, grey, _full(), 1.0, params)
    mupdf.fz_close_device(device)
    shape: Shape = (pixels.ravel() / np.float32(_WHITE)).astype(np.float32)
    return shape


@cache
def _settings() -> tuple[Any, ...]:
    """What all glyphs are drawn with: MuPDF's grey, area, separations, matrix and parameters."""
    return (
        mupdf.FzColorspace(mupdf.FzColorspace.Fixed_GRAY),
        mupdf.FzIrect(0, 0, _WIDTH_PX, _HEIGHT_PX),
        mupdf.FzSeparations(),
        mupdf.FzMatrix(),
        mupdf.FzColorParams(),
    )


@cache
def _full() -> Any:
    """The level that a glyph is filled with, as MuPDF takes it."""
    color = mupdf.new_floats(1)
    mupdf.floats_setitem(color, 0, 1.0)
    return color
