"""Reads the text layer of a PDF page, and statistics of what the page draws, without rendering it.

Runs in the worker process of `pipeline.documents.sandbox`. The page is run through two MuPDF
devices, one that collects text and one that collects bounding boxes; together they take a tenth
of the time of rendering.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
_GLYPH_OPERATIONS: Final = ("fill-path", "fill-imgmask")
"""Operations that may draw a letter other than as text."""
_GLYPH_PT: Final = (2.5, 40.0)
"""Minimum and maximum side of a path that may be a letter, points."""
_MAX_SPAN_EM: Final = 3.0
"""Maximum plausible height of a span's box, in font sizes."""
_MAX_OPERATIONS: Final = 100_000

Mask = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.bool_]
Boxes = npt.NDArray[np.float64]
"""Shape (boxes, 4): x0, y0, x1, y1."""


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
    size_px = frame.x1 - frame.x0, frame.y1 - frame.y0
    found = list(_lines(page))
    lines = [_layer_line(line, zoom, frame) for line in found]
    inside = [line for line in lines if line.text and _is_inside(line.box, *size_px)]
    boxes = [line.box for line in inside if line.is_visible]
    white_share, oversized_box_share = _shares(found)
    drawing = replace(
        _drawing_stats(_logged(page), boxes, size_px, zoom, frame),
        white_share=white_share,
        oversized_box_share=oversized_box_share,
    )
    return TextLayer(*size_px, dpi, tuple(_bounded(inside)), drawing)


def _lines(page: Any) -> Iterator[dict[str, Any]]:
    """PyMuPDF's lines: `bbox` and `dir` of each, and `spans` of one font and colour."""
    text_page = mupdf.FzStextPage(mupdf.fz_bound_page(page))
    options = mupdf.FzStextOptions(mupdf.FZ_STEXT_PRESERVE_WHITESPACE)
    device = mupdf.fz_new_stext_device(text_page, options)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    for block in pymupdf.TextPage(text_page).extractDICT()["blocks"]:
        yield from block.get("lines", ())


def _logged(page: Any) -> list[tuple[str, Box]]:
    """Name and bounding box (points) of every drawing operation, in order.

    `Page.get_bboxlog` does the same, but without the page's rotation.
    """
    log: list[tuple[str, Box]] = []
    device = pymupdf.JM_new_bbox_device(log, False)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return log[:_MAX_OPERATIONS]


def _layer_line(line: dict[str, Any], zoom: float, frame: Any) -> TextLayerLine:
    spans = line["spans"]
    if len(spans) == 1:  # most lines
        text = spans[0]["text"]
        is_visible = _has_ink(spans[0]) or not text
    else:
        text = "".join(span["text"] for span in spans)
        inked = sum(len(span["text"]) for span in spans if _has_ink(span))
        is_visible = 2 * inked >= len(text)
    box = _to_pixels(line["bbox"], zoom, frame)
    return TextLayerLine(text.strip(), box, _turn(*line["dir"]), is_visible)


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


def _shares(lines: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The shares of the visible characters that are almost white, and in oversized boxes."""
    characters = white = oversized = 0
    for line in lines:
        for span in line["spans"]:
            if _has_ink(span):
                count = len(span["text"])
                characters += count
                white += count * _is_white(span)
                oversized += count * _is_oversized(span)
    if not characters:
        return 0.0, 0.0
    return white / characters, oversized / characters


def _is_white(span: dict[str, Any]) -> bool:
    color = span["color"]
    return color != 0 and all(color >> shift & 0xFF >= _WHITE for shift in (0, 8, 16))


def _is_oversized(span: dict[str, Any]) -> bool:
    """Whether a span is far larger than its font size, as with some bitmap fonts."""
    x0, y0, x1, y1 = span["bbox"]
    return bool(min(x1 - x0, y1 - y0) > _MAX_SPAN_EM * span["size"])


def _drawing_stats(
    log: Sequence[tuple[str, Box]],
    text_boxes: Sequence[Box],
    size_px: tuple[int, int],
    zoom: float,
    frame: Any,
) -> DrawingStats:
    """Compute the statistics of the logged operations (boxes in points)."""
    boxes = np.array([box for _, box in log], np.float64).reshape(-1, 4) * zoom
    boxes -= (frame.x0, frame.y0, frame.x0, frame.y0)
    names = np.array([name for name, _ in log], np.str_)
    with np.errstate(invalid="ignore"):  # comparisons with NaN are false, which is intended
        on_page = np.isfinite(boxes).all(axis=1) & _overlaps(boxes, size_px)
    fills, strokes = (np.char.startswith(names, prefix) for prefix in _INKED_OPERATIONS)
    drawn = on_page & (fills | strokes)
    names, boxes = names[drawn], boxes[drawn]
    is_text = np.char.endswith(names, "-text")
    text = _mask(text_boxes, size_px)
    images = _mask(boxes[np.isin(names, _IMAGES)].tolist(), size_px)
    glyph_boxes = boxes[np.isin(names, _GLYPH_OPERATIONS)]
    return DrawingStats(
        operations=len(names),
        non_text_operations=int((~is_text).sum()),
        image_share=float(images.mean()),
        image_without_text_share=float((images & ~text).mean()),
        covered_share=_covered_share(boxes, is_text, np.isin(names, _OPAQUE)),
        glyph_like_paths=_count_glyphs(glyph_boxes, zoom, text, size_px),
    )


def _overlaps(boxes: Boxes, size_px: tuple[int, int]) -> Flags:
    x0, y0, x1, y1 = boxes.T
    inside: Flags = (x0 < size_px[0]) & (y0 < size_px[1]) & (x1 > 0) & (y1 > 0)
    return inside


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


def _covered_share(boxes: Boxes, is_text: Flags, is_opaque: Flags) -> float:
    """The share of the text's area that a later opaque operation covers."""
    x0, y0, x1, y1 = boxes.T
    areas = np.maximum(0.0, x1 - x0) * np.maximum(0.0, y1 - y0)
    total = areas[is_text].sum()
    opaque = np.flatnonzero(is_opaque)
    if not total or not len(opaque):
        return 0.0
    # Only text before the last opaque operation can be covered.
    texts = np.flatnonzero(is_text[: opaque[-1]])
    covered = sum(areas[i] for i in texts.tolist() if _is_under(boxes, i, opaque))
    return float(covered / total)


def _is_under(boxes: Boxes, index: int, opaque: npt.NDArray[np.intp]) -> bool:
    """Whether a later operation covers a box, to within two pixels at its edges."""
    covers = boxes[opaque[np.searchsorted(opaque, index, "right") :]]
    x0, y0, x1, y1 = boxes[index]
    across = (covers[:, 0] <= x0 + 2) & (covers[:, 2] >= x1 - 2)
    down = (covers[:, 1] <= y0 + 2) & (covers[:, 3] >= y1 - 2)
    return bool((across & down).any())


def _count_glyphs(boxes: Boxes, zoom: float, text: Mask, size_px: tuple[int, int]) -> int:
    """Number of operations that may draw a letter as a path: small, no rule or dot, not on text."""
    low, high = (side * zoom for side in _GLYPH_PT)
    sides = boxes[:, 2:] - boxes[:, :2]
    small = boxes[((sides >= low) & (sides <= high)).all(axis=1)]
    return sum(not text[_cells(tuple(box), size_px)].any() for box in small.tolist())
