"""Lines of a text layer under something that was painted later, of which nothing is seen.

Boxes tell which lines may be: a path may be clipped, an image transparent, a marker blended with
what is under it. So the page is drawn in grey, and a line is unseen where its place has one level.

Runs in the worker process of
`pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from pipeline.documents.pdf import painted
from pipeline.documents.pdf.layer_lines import PixelFrame
from pipeline.documents.pdf.painted import Boxes, Kinds
from pipeline.documents.pdf.pictures import drawn, frame_of
from pipeline.text.text_layer import TextLayerLine

_EDGES_PX: Final = np.array((2.0, 2.0, -2.0, -2.0))
"""How far a line may reach beyond what covers it, at its four sides."""
_MAX_CONTRAST: Final = 12
"""Difference of grey levels, of 255, in a place where nothing is seen."""
_MIN_COVER_PX: Final = 5.0
"""Least side of what covers a line: rules cover none."""
_MAX_COVERS: Final = 500
"""The last ones of a page that are compared with its lines."""
_MAX_LINES: Final = 2_000


def without_covered(
    page: Any,
    lines: Sequence[TextLayerLine],
    kinds: Kinds,
    boxes: Boxes,
    to_pixels: PixelFrame,
) -> list[TextLayerLine]:
    """The lines, those under something else marked as not visible.

    Args:
        page: MuPDF's page.
        lines: The lines of the layer.
        kinds: What each operation paints, in order.
        boxes: Where, in pixels as the lines.
        to_pixels: The page's frame.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    suspects = list(_under_others(lines[:_MAX_LINES], kinds, boxes))
    if not suspects:
        return list(lines)
    places = [to_pixels.in_points(lines[i].box) for i in suspects]
    left, top, right, bottom = zip(*places, strict=True)
    frame = frame_of((min(left), min(top), max(right), max(bottom)))
    levels = drawn(page, frame)
    changed = list(lines)
    for i, place in zip(suspects, places, strict=True):
        x0, y0, x1, y1 = frame_of(place)
        part = levels[max(0, y0 - frame[1]) : y1 - frame[1], max(0, x0 - frame[0]) : x1 - frame[0]]
        if part.size and int(part.max()) - int(part.min()) <= _MAX_CONTRAST:
            changed[i] = replace(lines[i], is_visible=False, is_covered=True)
    return changed


def _under_others(lines: Sequence[TextLayerLine], kinds: Kinds, boxes: Boxes) -> Iterator[int]:
    """The visible lines in the box of something that is painted after all text at their middle."""
    is_text = kinds == painted.TEXT
    is_cover = (kinds == painted.FILL_PATH) | (kinds == painted.IMAGE)
    is_cover &= np.cumsum(is_text) > 0  # after some text
    is_cover &= (boxes[:, 2:] - boxes[:, :2]).min(axis=1) >= _MIN_COVER_PX
    covers = np.flatnonzero(is_cover)[-_MAX_COVERS:]
    if not len(covers) or not lines:
        return
    inner = np.array([line.box for line in lines]) + _EDGES_PX
    is_in = (inner[:, None, :2] >= boxes[covers, :2]).all(axis=2)
    is_in &= (inner[:, None, 2:] <= boxes[covers, 2:]).all(axis=2)
    for i in np.flatnonzero(is_in.any(axis=1)).tolist():
        (x0, y0), (x1, y1) = inner[i, :2], inner[i, 2:]
        middle = np.array(((x0 + x1) / 2, (y0 + y1) / 2))
        is_at = (boxes[:, :2] <= middle).all(axis=1) & (boxes[:, 2:] >= middle).all(axis=1)
        texts = np.flatnonzero(is_text & is_at)
        if lines[i].is_visible and len(texts) and covers[is_in[i]][-1] > texts[-1]:
            yield i
