"""Lines of a text layer under something that was painted later, of which nothing is seen.

Boxes tell which lines may be: a path may be clipped, an image transparent, a marker blended with
what is under it. So the page is drawn in grey, and a line is unseen where its place has one level.

Runs in the worker process of
`pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.documents.pdf import painted
from pipeline.documents.pdf.layer_lines import PixelFrame
from pipeline.documents.pdf.painted import Boxes, Kinds
from pipeline.documents.pdf.pictures import Frame, drawn, frame_of
from pipeline.text.layout.rows import bounding_box
from pipeline.text.text_layer import TextLayerLine

Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

_EDGES_PX: Final = np.array((2.0, 2.0, -2.0, -2.0))
"""How far a line may reach beyond what covers it, at its four sides."""
_MAX_CONTRAST: Final = 12
"""Difference of grey levels, of 255, in a place where nothing is seen."""
_MIN_COVER_PX: Final = 5.0
"""Least side of what covers a line: rules cover none."""
_MAX_COVERS: Final = 500
"""The last ones of a page that are compared with its lines."""
_MAX_LINES: Final = 2_000
_MAX_PAIRS: Final = 1 << 24
"""Lines times texts of a page that are compared, 0.05 CPU s; lines beyond are taken for seen."""


def under_others(lines: Sequence[TextLayerLine], kinds: Kinds, boxes: Boxes) -> list[int]:
    """The visible lines in the box of something that is painted after a text at their middle.

    Args:
        lines: The lines of the layer.
        kinds: What each operation paints, in order.
        boxes: Where, in pixels as the lines.
    """
    is_text = kinds == painted.TEXT
    is_cover = (kinds == painted.FILL_PATH) | (kinds == painted.IMAGE)
    is_cover &= np.cumsum(is_text) > 0  # after some text
    is_cover &= (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= _MIN_COVER_PX
    covers = np.flatnonzero(is_cover)[-_MAX_COVERS:]
    visible = [i for i, line in enumerate(lines[:_MAX_LINES]) if line.is_visible]
    if not len(covers) or not visible:
        return []
    inner = np.array([lines[i].box for i in visible]) + _EDGES_PX
    is_in = (inner[:, None, :2] >= boxes[covers, :2]).all(axis=2)
    is_in &= (inner[:, None, 2:] <= boxes[covers, 2:]).all(axis=2)
    last = np.where(is_in, covers, -1).max(axis=1)
    inside = np.flatnonzero(last >= 0)
    is_over = _over_text(inner[inside], last[inside], boxes, np.flatnonzero(is_text[: covers[-1]]))
    return [visible[i] for i in inside[is_over].tolist()]


def _over_text(inner: Boxes, last: Indices, boxes: Boxes, texts: Indices) -> Flags:
    """Whether the last text at the middle of lines is painted before what covers them.

    Args:
        inner: Boxes of the lines.
        last: The last operation that covers each.
        boxes: Of all operations.
        texts: The operations that paint text, before the last cover.
    """
    is_over = np.zeros(len(inner), np.bool_)
    left, top, right, bottom = np.ascontiguousarray(boxes[texts].T)
    middles = (inner[:, :2] + inner[:, 2:]) / 2
    for i, (x, y) in enumerate(middles[: max(1, _MAX_PAIRS // len(texts))].tolist()):
        is_at = (left <= x) & (right >= x) & (top <= y) & (bottom >= y)
        at = np.flatnonzero(is_at)
        is_over[i] = len(at) > 0 and last[i] > texts[at[-1]]
    return is_over


def frame_around(
    lines: Sequence[TextLayerLine], suspects: Sequence[int], to_pixels: PixelFrame
) -> Frame:
    """The part of the page that is drawn for some of its lines.

    Args:
        lines: The lines of the layer.
        suspects: From `under_others`, at least one.
        to_pixels: The page's frame.
    """
    return frame_of(bounding_box([to_pixels.in_points(lines[i].box) for i in suspects]))


def without_covered(
    page: Any,
    lines: Sequence[TextLayerLine],
    suspects: Sequence[int],
    frame: Frame,
    to_pixels: PixelFrame,
) -> list[TextLayerLine]:
    """The lines, those of which nothing is seen marked as not visible.

    Args:
        page: MuPDF's page.
        lines: The lines of the layer.
        suspects: From `under_others`.
        frame: From `frame_around`.
        to_pixels: The page's frame.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    levels = drawn(page, frame)
    changed = list(lines)
    for i in suspects:
        x0, y0, x1, y1 = frame_of(to_pixels.in_points(lines[i].box))
        part = levels[max(0, y0 - frame[1]) : y1 - frame[1], max(0, x0 - frame[0]) : x1 - frame[0]]
        if part.size and int(part.max()) - int(part.min()) <= _MAX_CONTRAST:
            changed[i] = replace(lines[i], is_visible=False, is_covered=True)
    return changed
