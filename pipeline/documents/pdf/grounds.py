"""What lies under white text: white on white paper is not to be seen.

Only for pages that have white text: it costs one more run of the page through a MuPDF device, about
as much as the log of what the page paints.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from pymupdf import mupdf

from pipeline.documents.pdf import painted

_MIN_LIGHT: Final = 0xF0 / 0xFF
"""Least red, green and blue of white, as for text."""
_MIN_ALPHA: Final = 0.1
_MAX_STROKE_EM: Final = 3.0
"""Thicker boxes of strokes, in heights of the text, are frames around it and not a bar under it."""
_MAX_GROUNDS: Final = 20_000


class Grounds:
    """The areas that a page paints, apart from text.

    Args:
        page: MuPDF's page.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """

    def __init__(self, page: Any) -> None:
        device = _GroundDevice()
        mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
        mupdf.fz_close_device(device)
        self._boxes = painted.boxes_of([rect for rect, _, _ in device.log])
        self._is_white = np.array([is_white for _, is_white, _ in device.log], np.bool_)
        self._is_stroke = np.array([is_stroke for _, _, is_stroke in device.log], np.bool_)

    def is_paper(self, x0: float, y0: float, x1: float, y1: float) -> bool:
        """Whether the middle of a box (points) is on paper, or on what was last painted white."""
        x, y, em = (x0 + x1) / 2, (y0 + y1) / 2, min(x1 - x0, y1 - y0)
        left, top, right, bottom = self._boxes.T
        is_under = (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
        is_thin = np.minimum(right - left, bottom - top) <= _MAX_STROKE_EM * em
        under = np.flatnonzero(is_under & (is_thin | ~self._is_stroke))
        return not len(under) or bool(self._is_white[under[-1]])


class _GroundDevice(mupdf.FzDevice2):  # type: ignore[misc]  # the bindings have no types
    """Logs box (points), whiteness, and whether it is a stroke, of what a page paints."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[Any, bool, bool]] = []
        self.use_virtual_fill_path()
        self.use_virtual_stroke_path()
        self.use_virtual_fill_shade()
        self.use_virtual_fill_image()
        self.use_virtual_fill_image_mask()
        self.use_virtual_begin_tile()

    def _add(self, rect: Any, is_white: bool = False, is_stroke: bool = False) -> None:
        if len(self.log) < _MAX_GROUNDS:
            self.log.append((rect, is_white, is_stroke))

    def fill_path(
        self,
        _: Any,
        path: Any,
        even_odd: Any,
        ctm: Any,
        space: Any,
        color: Any,
        alpha: float,
        *__: Any,
    ) -> None:
        if alpha >= _MIN_ALPHA:
            self._add(mupdf.ll_fz_bound_path(path, None, ctm), _is_white(space, color))

    def stroke_path(
        self,
        _: Any,
        path: Any,
        stroke: Any,
        ctm: Any,
        space: Any,
        color: Any,
        alpha: float,
        *__: Any,
    ) -> None:
        if alpha >= _MIN_ALPHA:
            box = mupdf.ll_fz_bound_path(path, stroke, ctm)
            self._add(box, _is_white(space, color), is_stroke=True)

    def fill_shade(self, _: Any, shade: Any, ctm: Any, *paint: Any) -> None:
        self._add(mupdf.ll_fz_bound_shade(shade, ctm))

    def fill_image(self, _: Any, image: Any, ctm: Any, *paint: Any) -> None:
        self._add(mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm))

    def fill_image_mask(
        self, _: Any, image: Any, ctm: Any, space: Any, color: Any, *paint: Any
    ) -> None:
        self._add(mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm), _is_white(space, color))

    def begin_tile(
        self, _: Any, area: Any, view: Any, across: float, down: float, ctm: Any, *ids: Any
    ) -> int:
        self._add(mupdf.ll_fz_transform_rect(area, ctm))
        return 0  # not cached: MuPDF draws the tile, too


def _is_white(space: Any, color: Any) -> bool:
    """Whether a colour is almost white; one of an unusual space is taken for dark."""
    if space is None:
        return False
    # A dark colour is known by its first part: each part takes a call into C.
    parts = (mupdf.floats_getitem(color, i) for i in range(space.n))
    if mupdf.ll_fz_colorspace_is_rgb(space) or mupdf.ll_fz_colorspace_is_gray(space):
        return all(part >= _MIN_LIGHT for part in parts)
    if mupdf.ll_fz_colorspace_is_cmyk(space) or mupdf.ll_fz_colorspace_is_device_n(space):
        return all(part <= 1 - _MIN_LIGHT for part in parts)
    return False
