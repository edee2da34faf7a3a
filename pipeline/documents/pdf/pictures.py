"""Text in the pictures of a PDF page, which its text layer lacks.

Only for pages with pictures of a sensible size that have no text of the layer on them: each is
drawn once more, small and grey.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from pymupdf import mupdf

from pipeline.documents.pdf.drawing import POINTS_PER_INCH
from pipeline.imaging.text_lines import DPI, Levels, estimate_characters
from pipeline.text.layout.rows import bounding_box
from pipeline.types import Box

_MIN_PT: Final = 9.0
"""Least side of a picture that is looked at: a line of small print has as much."""
_MIN_SHARE: Final = 0.004
"""Least share of the page's area, of one picture: that of an icon is less."""
_MAX_TEXT: Final = 0.3
"""Most of its area that text of the layer may cover."""
_MAX_PARTS: Final = 300
"""Pictures are cut into so many strips at most; a page with more has a pattern of pictures."""
_TOUCH_PT: Final = 1.0
_MIN_CHARACTERS: Final = 6
"""A picture with fewer has none: photographs and charts without labels come to five."""
_ZOOM: Final = DPI / POINTS_PER_INCH
_WHITE: Final = 255

Frame = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels at `DPI`."""


def with_text(
    page: Any, images: Sequence[Box], texts: Sequence[Box], deg: int
) -> tuple[tuple[Box, int], ...]:
    """The pictures of a page with text that its layer lacks, and about how many characters each.

    Args:
        page: MuPDF's page.
        images: Boxes of its images, points.
        texts: Boxes of the visible text of its layer, points.
        deg: The clockwise turn that makes this text upright, and so the text in pictures.

    Returns:
        Boxes in points, inside the page.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    if not images or len(images) > _MAX_PARTS:
        return ()
    bounds = mupdf.fz_bound_page(page)
    area = (bounds.x1 - bounds.x0) * (bounds.y1 - bounds.y0)
    whole = (bounds.x0, bounds.y0, bounds.x1, bounds.y1)
    found = [_common(box, whole) for box in _joined(images)]
    found = [
        box
        for box in found
        if _is_sensible(box, area) and _covered(box, texts) <= _MAX_TEXT * _area(box)
    ]
    if not found:
        return ()
    frame = frame_of(bounding_box(found))
    levels = drawn(page, frame)
    for text in texts:  # what the layer has stays white
        _part(levels, frame_of(text), frame)[:] = _WHITE
    parts = [np.rot90(_part(levels, frame_of(box), frame), -deg // 90) for box in found]
    counts = [estimate_characters(part) for part in parts]
    return tuple(
        (box, count) for box, count in zip(found, counts, strict=True) if count >= _MIN_CHARACTERS
    )


def _joined(boxes: Sequence[Box]) -> list[Box]:
    """Boxes that touch, as one: programs cut pictures into strips."""
    found: list[Box] = []
    for box in boxes:
        grown = box
        while touching := [other for other in found if _touches(grown, other)]:
            found = [other for other in found if other not in touching]
            grown = bounding_box([grown, *touching])
        found.append(grown)
    return found


def _touches(box: Box, other: Box) -> bool:
    return (
        box[0] <= other[2] + _TOUCH_PT
        and other[0] <= box[2] + _TOUCH_PT
        and box[1] <= other[3] + _TOUCH_PT
        and other[1] <= box[3] + _TOUCH_PT
    )


def _common(box: Box, other: Box) -> Box:
    x0, y0 = max(box[0], other[0]), max(box[1], other[1])
    return x0, y0, max(x0, min(box[2], other[2])), max(y0, min(box[3], other[3]))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _covered(box: Box, texts: Sequence[Box]) -> float:
    return sum(_area(_common(box, text)) for text in texts)


def _is_sensible(box: Box, page_area: float) -> bool:
    is_large = min(box[2] - box[0], box[3] - box[1]) >= _MIN_PT
    return is_large and _area(box) >= _MIN_SHARE * page_area


def frame_of(box: Box) -> Frame:
    """A box in points as pixels at `DPI`, at least one."""
    x0, y0, x1, y1 = (round(side * _ZOOM) for side in box)
    return x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)


def _part(levels: Levels, box: Frame, frame: Frame) -> Levels:
    """The part of what was drawn of `frame` that is in a box."""
    left, top, right, bottom = (max(0, side - frame[i % 2]) for i, side in enumerate(box))
    return levels[top:bottom, left:right]


def drawn(page: Any, frame: Frame) -> Levels:
    """A part of the page in grey at `DPI`, for all places at once: to run the page costs most.

    Args:
        page: MuPDF's page.
        frame: The part.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    x0, y0, x1, y1 = frame
    levels = np.full((y1 - y0, x1 - x0), _WHITE, np.uint8)
    box = mupdf.FzIrect(x0, y0, x1, y1)
    memory = mupdf.python_mutable_buffer_data(memoryview(levels.data).cast("B"))
    grey = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_GRAY)
    pixmap = mupdf.fz_new_pixmap_with_bbox_and_data(grey, box, mupdf.FzSeparations(), 0, memory)
    device = mupdf.fz_new_draw_device(mupdf.fz_scale(_ZOOM, _ZOOM), pixmap)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return levels
