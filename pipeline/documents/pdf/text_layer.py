"""Reads the text layer of a PDF page, and statistics of what the page draws, without rendering it.

Runs in the worker process of `pipeline.documents.sandbox`. The page is run through two MuPDF
devices, one that collects text and one that collects bounding boxes; together they take a tenth
of the time of rendering.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

from pipeline.text.text_layer import MAX_CHARS, MAX_LINES, DrawingStats, TextLayer, TextLayerLine
from pipeline.types import Box

_POINTS_PER_INCH: Final = 72
_INKED: Final = mupdf.FZ_STEXT_FILLED | mupdf.FZ_STEXT_STROKED
"""A character is visible if one of the two is set. Text render mode 3 sets neither."""
_WHITE: Final = 0xF0
"""A colour counts as white if red, green and blue are all at least this, of 255."""
_CELLS: Final = 100
"""Areas are computed on a grid of this many columns and rows."""
_INKED_OPERATIONS: Final = ("fill-", "stroke-")
_IMAGES: Final = ("fill-image", "fill-imgmask")
_OPAQUE: Final = ("fill-image", "fill-path")
_GLYPH_PT: Final = (2.5, 40.0)
"""Minimum and maximum side of a path that may be a letter, points."""
_MAX_SPAN_EM: Final = 3.0
"""Maximum plausible height of a span's box, in font sizes."""
_MAX_OPERATIONS: Final = 100_000

Mask = npt.NDArray[np.bool_]


def read(page: Any, dpi: float, frame: Any) -> TextLayer:
    """The text layer of a page.

    Args:
        page: MuPDF's page.
        dpi: The resolution that the page would be rendered with.
        frame: The page's rectangle in pixels; its origin need not be 0.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    zoom = dpi / _POINTS_PER_INCH
    width_px, height_px = frame.x1 - frame.x0, frame.y1 - frame.y0
    spans = list(_lines(page))
    lines = [_layer_line(line, zoom, frame) for line in spans]
    inside = [line for line in lines if line.text and _is_inside(line.box, width_px, height_px)]
    boxes = [line.box for line in inside if line.is_visible]
    log = [(name, _to_pixels(box, zoom, frame)) for name, box in _logged(page)]
    drawing = replace(
        _drawing_stats(log, boxes, (width_px, height_px), zoom),
        white_share=_share(spans, _is_white),
        oversized_box_share=_share(spans, _is_oversized),
    )
    return TextLayer(width_px, height_px, dpi, tuple(_bounded(inside)), drawing)


def _lines(page: Any) -> Iterator[dict[str, Any]]:
    """PyMuPDF's lines: `bbox` and `dir` of each, and `spans` of one font and colour."""
    text_page = mupdf.FzStextPage(mupdf.fz_bound_page(page))
    options = mupdf.FzStextOptions(mupdf.FZ_STEXT_PRESERVE_WHITESPACE)
    device = mupdf.fz_new_stext_device(text_page, options)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    for block in pymupdf.TextPage(text_page).extractDICT()["blocks"]:
        yield from block.get("lines", ())


def _logged(page: Any) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Name and bounding box (points) of every drawing operation, in order.

    `Page.get_bboxlog` does the same, but without the page's rotation.
    """
    log: list[tuple[str, tuple[float, float, float, float]]] = []
    device = pymupdf.JM_new_bbox_device(log, False)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return [(name, box) for name, box in log[:_MAX_OPERATIONS] if all(map(math.isfinite, box))]


def _layer_line(line: dict[str, Any], zoom: float, frame: Any) -> TextLayerLine:
    text = "".join(span["text"] for span in line["spans"]).strip()
    inked = sum(len(span["text"]) for span in line["spans"] if _has_ink(span))
    is_visible = 2 * inked >= sum(len(span["text"]) for span in line["spans"])
    box = _to_pixels(line["bbox"], zoom, frame)
    return TextLayerLine(text, box, _turn(*line["dir"]), is_visible)


def _has_ink(span: dict[str, Any]) -> bool:
    return bool(span["char_flags"] & _INKED) and bool(span["alpha"])


def _turn(across: float, down: float) -> int:
    """The clockwise turn that makes text of this direction upright; y grows downwards."""
    return round(math.degrees(math.atan2(-down, across)) / 90) % 4 * 90


def _to_pixels(box: Sequence[float], zoom: float, frame: Any) -> Box:
    x0, y0, x1, y1 = (value * zoom for value in box)
    return x0 - frame.x0, y0 - frame.y0, x1 - frame.x0, y1 - frame.y0


def _is_inside(box: Box, width_px: int, height_px: int) -> bool:
    """Whether the centre of a box is inside the page's crop box."""
    return 0 <= (box[0] + box[2]) / 2 <= width_px and 0 <= (box[1] + box[3]) / 2 <= height_px


def _bounded(lines: list[TextLayerLine]) -> Iterator[TextLayerLine]:
    characters = 0
    for line in lines[:MAX_LINES]:
        characters += len(line.text)
        if characters > MAX_CHARS:
            return
        yield line


def _share(lines: Sequence[dict[str, Any]], predicate: Callable[[dict[str, Any]], bool]) -> float:
    """The share of the visible characters for which `predicate` holds."""
    spans = [span for line in lines for span in line["spans"] if _has_ink(span)]
    characters = sum(len(span["text"]) for span in spans)
    chosen = sum(len(span["text"]) for span in spans if predicate(span))
    return chosen / characters if characters else 0.0


def _is_white(span: dict[str, Any]) -> bool:
    return all(span["color"] >> shift & 0xFF >= _WHITE for shift in (0, 8, 16))


def _is_oversized(span: dict[str, Any]) -> bool:
    """Whether a span is far larger than its font size, as with some bitmap fonts."""
    x0, y0, x1, y1 = span["bbox"]
    return bool(min(x1 - x0, y1 - y0) > _MAX_SPAN_EM * span["size"])


def _drawing_stats(
    log: list[tuple[str, Box]],
    text_boxes: list[Box],
    size_px: tuple[int, int],
    zoom: float,
) -> DrawingStats:
    """Compute the statistics of the logged operations."""
    inked = [(name, box) for name, box in log if name.startswith(_INKED_OPERATIONS)]
    drawn = [(name, box) for name, box in inked if _overlaps(box, size_px)]
    text = _mask(text_boxes, size_px)
    images = _mask([box for name, box in drawn if name in _IMAGES], size_px)
    return DrawingStats(
        operations=len(drawn),
        non_text_operations=sum(not name.endswith("-text") for name, _ in drawn),
        image_share=float(images.mean()),
        image_without_text_share=float((images & ~text).mean()),
        covered_share=_covered_share(drawn),
        glyph_like_paths=sum(_is_glyph(name, box, zoom, text, size_px) for name, box in drawn),
    )


def _overlaps(box: Box, size_px: tuple[int, int]) -> bool:
    return box[0] < size_px[0] and box[1] < size_px[1] and box[2] > 0 and box[3] > 0


def _mask(boxes: Sequence[Box], size_px: tuple[int, int]) -> Mask:
    """The grid cells that the boxes overlap."""
    mask = np.zeros((_CELLS, _CELLS), np.bool_)
    for box in boxes:
        mask[_cells(box, size_px)] = True
    return mask


def _cells(box: Box, size_px: tuple[int, int]) -> tuple[slice, slice]:
    x0, x1 = (min(max(value / size_px[0], 0.0), 1.0) * _CELLS for value in (box[0], box[2]))
    y0, y1 = (min(max(value / size_px[1], 0.0), 1.0) * _CELLS for value in (box[1], box[3]))
    return slice(int(y0), math.ceil(y1)), slice(int(x0), math.ceil(x1))


def _covered_share(drawn: Sequence[tuple[str, Box]]) -> float:
    """The share of the text's area that a later opaque operation covers."""
    covers = np.array([(*box, i) for i, (name, box) in enumerate(drawn) if name in _OPAQUE])
    total = covered = 0.0
    for i, (name, box) in enumerate(drawn):
        if not name.endswith("-text"):
            continue
        area = max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
        total += area
        covered += area * _is_under(box, i, covers)
    return covered / total if total else 0.0


def _is_under(box: Box, order: int, covers: npt.NDArray[np.float64]) -> bool:
    """Whether a later operation covers a box, to within two pixels at its edges."""
    if not len(covers):
        return False
    x0, y0, x1, y1 = box
    after = covers[:, 4] > order
    across = (covers[:, 0] <= x0 + 2) & (covers[:, 2] >= x1 - 2)
    down = (covers[:, 1] <= y0 + 2) & (covers[:, 3] >= y1 - 2)
    return bool((after & across & down).any())


def _is_glyph(name: str, box: Box, zoom: float, text: Mask, size_px: tuple[int, int]) -> bool:
    """Whether an operation may draw a letter as a path: small, no rule or dot, not on text."""
    if name not in ("fill-path", "fill-imgmask"):
        return False
    low, high = (side * zoom for side in _GLYPH_PT)
    sides = (box[2] - box[0], box[3] - box[1])
    if not all(low <= side <= high for side in sides):
        return False
    return not text[_cells(box, size_px)].any()
