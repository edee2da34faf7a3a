"""Reads the text layer of a PDF page, and statistics of what the page draws, without rendering it.

Runs in the worker process of `pipeline.documents.sandbox`. The page is run through two MuPDF
devices, one that collects text and one that collects bounding boxes; together they take a tenth
of the time of rendering.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

from pipeline.documents.pdf import figures, mupdf_log, pictures
from pipeline.documents.pdf.glyphs import Doubtful, count_in_line
from pipeline.documents.pdf.grounds import Grounds
from pipeline.documents.pdf.layer_lines import read_lines
from pipeline.text.text_layer import MAX_CHARS, MAX_LINES, DrawingStats, TextLayer, TextLayerLine
from pipeline.types import Box

_POINTS_PER_INCH: Final = 72
_CELLS: Final = 100
"""Areas are computed on a grid of this many columns and rows."""
_TEXT, _FILL_PATH, _IMAGE, _IMAGE_MASK, _OTHER = range(5)
"""Kinds of what a page paints; `_OTHER` are strokes of paths and shadings."""
_MAX_PICTURES: Final = 0.3
"""With more than this share of the page in pictures without text, a layer is not trusted anyway."""
_MAX_IMAGE_PX: Final = 16_000_000
"""A page with a larger image is not drawn for the text in it: that would need 50 MB and more."""
_GLYPH_PT: Final = (2.5, 40.0)
"""Minimum and maximum side of a path that may be a letter, points."""
_MAX_OPERATIONS: Final = 100_000

Mask = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.bool_]
Boxes = npt.NDArray[np.float64]
"""Shape (boxes, 4): x0, y0, x1, y1."""


def read(page: Any, dpi: float, frame: Any, doubtful: Doubtful) -> TextLayer:
    """The text layer of a page.

    Args:
        page: MuPDF's page.
        dpi: The resolution that the page would be rendered with.
        frame: The page's rectangle in pixels; its origin need not be 0.
        doubtful: Characters of the page's fonts whose glyphs look like something else.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    zoom = dpi / _POINTS_PER_INCH
    size_px = frame.x1 - frame.x0, frame.y1 - frame.y0
    raw = list(_lines(page))
    grounds = cache(lambda: Grounds(page))
    lines, white_share, oversized_box_share = read_lines(raw, zoom, frame, grounds)
    inside = [line for line in lines if line.text and _is_inside(line.box, *size_px)]
    boxes = [line.box for line in inside if line.is_visible]
    log, largest_image_px = _logged(page)
    drawing = replace(
        _drawing_stats(log, boxes, size_px, zoom, frame),
        white_share=white_share,
        oversized_box_share=oversized_box_share,
        doubtful_numbers=_count_doubtful(raw, doubtful),
    )
    is_small = largest_image_px <= _MAX_IMAGE_PX
    if boxes and is_small and 0 < drawing.image_without_text_share < _MAX_PICTURES:
        drawing = replace(drawing, picture_characters=_picture_characters(page, log, raw))
    images, rules = _figures(log, size_px, zoom, frame)
    return TextLayer(*size_px, dpi, tuple(_bounded(inside)), drawing, images, rules)


def _figures(
    log: Sequence[tuple[int, Box]], size_px: tuple[int, int], zoom: float, frame: Any
) -> tuple[tuple[Box, ...], tuple[Box, ...]]:
    """Pictures and straight lines of the page, pixels."""
    drawn = [(kind, box) for kind, box in log if kind != _TEXT]
    if not drawn:
        return (), ()
    boxes = np.array([box for _, box in drawn], np.float64) * zoom
    boxes -= (frame.x0, frame.y0, frame.x0, frame.y0)
    kinds = np.array([kind for kind, _ in drawn], np.int8)
    is_finite = np.isfinite(boxes).all(axis=1)
    kinds, boxes = kinds[is_finite], boxes[is_finite]
    images = boxes[(kinds == _IMAGE) | (kinds == _IMAGE_MASK)]
    rules = figures.rules(boxes[kinds == _FILL_PATH], boxes[kinds == _OTHER], zoom)
    return figures.pictures(images, size_px, zoom), rules


def _count_doubtful(lines: Sequence[dict[str, Any]], doubtful: Doubtful) -> int:
    return sum(count_in_line(line["spans"], doubtful) for line in lines) if doubtful else 0


def _picture_characters(
    page: Any, log: Sequence[tuple[int, Box]], lines: Sequence[dict[str, Any]]
) -> int:
    images = [box for kind, box in log if kind in (_IMAGE, _IMAGE_MASK)]
    try:
        return pictures.characters(page, images, [line["bbox"] for line in lines])
    except mupdf.FzErrorBase as error:  # the layer is as good as it was
        mupdf_log.check_memory(str(error))
        return 0


def paints_nothing(page: Any) -> bool:
    """Whether the page has no drawing operation, not even one in white.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    return not _logged(page)[0]


def _lines(page: Any) -> Iterator[dict[str, Any]]:
    """PyMuPDF's lines: `bbox` and `dir` of each, and `spans` of one font and colour."""
    text_page = mupdf.FzStextPage(mupdf.fz_bound_page(page))
    options = mupdf.FzStextOptions(mupdf.FZ_STEXT_PRESERVE_WHITESPACE)
    device = mupdf.fz_new_stext_device(text_page, options)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    found: dict[str, Any] = {}
    pymupdf.JM_make_textpage_dict(text_page, found, False)
    for block in found["blocks"]:
        yield from block.get("lines", ())


class _BoxDevice(mupdf.FzDevice2):  # type: ignore[misc]  # the bindings have no types
    """Logs the kind and bounding box (points) of what a page paints.

    `Page.get_bboxlog` does the same, but without the page's rotation, and with a call from C to
    Python for each layer and each text that is not painted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[int, Any]] = []
        self.largest_image_px = 0
        self.use_virtual_fill_path()
        self.use_virtual_stroke_path()
        self.use_virtual_fill_text()
        self.use_virtual_stroke_text()
        self.use_virtual_fill_shade()
        self.use_virtual_fill_image()
        self.use_virtual_fill_image_mask()

    def _add(self, kind: int, rect: Any) -> None:
        if len(self.log) < _MAX_OPERATIONS:
            self.log.append((kind, rect))

    def fill_path(self, _: Any, path: Any, even_odd: Any, ctm: Any, *paint: Any) -> None:
        self._add(_FILL_PATH, mupdf.ll_fz_bound_path(path, None, ctm))

    def stroke_path(self, _: Any, path: Any, stroke: Any, ctm: Any, *paint: Any) -> None:
        self._add(_OTHER, mupdf.ll_fz_bound_path(path, stroke, ctm))

    def fill_text(self, _: Any, text: Any, ctm: Any, *paint: Any) -> None:
        self._add(_TEXT, mupdf.ll_fz_bound_text(text, None, ctm))

    def stroke_text(self, _: Any, text: Any, stroke: Any, ctm: Any, *paint: Any) -> None:
        self._add(_TEXT, mupdf.ll_fz_bound_text(text, stroke, ctm))

    def fill_shade(self, _: Any, shade: Any, ctm: Any, *paint: Any) -> None:
        self._add(_OTHER, mupdf.ll_fz_bound_shade(shade, ctm))

    def fill_image(self, _: Any, image: Any, ctm: Any, *paint: Any) -> None:
        self.largest_image_px = max(self.largest_image_px, image.w * image.h)
        self._add(_IMAGE, mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm))

    def fill_image_mask(self, _: Any, image: Any, ctm: Any, *paint: Any) -> None:
        self.largest_image_px = max(self.largest_image_px, image.w * image.h)
        self._add(_IMAGE_MASK, mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm))


def _logged(page: Any) -> tuple[list[tuple[int, Box]], int]:
    """Kind and bounding box (points) of what the page paints, in order, and its largest image."""
    device = _BoxDevice()
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    log = [(kind, (box.x0, box.y0, box.x1, box.y1)) for kind, box in device.log]
    return log, device.largest_image_px


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


def _drawing_stats(
    log: Sequence[tuple[int, Box]],
    text_boxes: Sequence[Box],
    size_px: tuple[int, int],
    zoom: float,
    frame: Any,
) -> DrawingStats:
    """Compute the statistics of the logged operations (boxes in points)."""
    boxes = np.array([box for _, box in log], np.float64).reshape(-1, 4) * zoom
    boxes -= (frame.x0, frame.y0, frame.x0, frame.y0)
    kinds = np.array([kind for kind, _ in log], np.int8)
    with np.errstate(invalid="ignore"):  # comparisons with NaN are false, which is intended
        on_page = np.isfinite(boxes).all(axis=1) & _overlaps(boxes, size_px)
    kinds, boxes = kinds[on_page], boxes[on_page]
    is_text = kinds == _TEXT
    if is_text.all():
        return DrawingStats(operations=len(kinds))
    is_image, is_path = kinds == _IMAGE, kinds == _FILL_PATH
    is_mask = kinds == _IMAGE_MASK
    images = _mask(boxes[is_image | is_mask], size_px)
    glyphs = _glyph_sized(boxes[is_path | is_mask], zoom)
    # Most pages have neither images nor such shapes: their text is not put on the grid.
    text = _mask(np.array(text_boxes), size_px) if len(glyphs) or images.any() else ~images
    return DrawingStats(
        operations=len(kinds),
        non_text_operations=int((~is_text).sum()),
        image_share=float(images.mean()),
        image_without_text_share=float((images & ~text).mean()),
        covered_share=_covered_share(boxes, is_text, is_image | is_path),
        glyph_like_paths=_count_outside(glyphs, text, size_px),
    )


def _overlaps(boxes: Boxes, size_px: tuple[int, int]) -> Flags:
    x0, y0, x1, y1 = boxes.T
    inside: Flags = (x0 < size_px[0]) & (y0 < size_px[1]) & (x1 > 0) & (y1 > 0)
    return inside


def _mask(boxes: Boxes, size_px: tuple[int, int]) -> Mask:
    """The grid cells that the boxes overlap."""
    mask = np.zeros((_CELLS, _CELLS), np.bool_)
    for x0, y0, x1, y1 in _cells(boxes, size_px):
        mask[y0:y1, x0:x1] = True
    return mask


def _cells(boxes: Boxes, size_px: tuple[int, int]) -> list[list[int]]:
    """First and last-plus-one column and row of the cells that each box overlaps, as in a box."""
    shares = np.clip(boxes.reshape(-1, 4) / (*size_px, *size_px), 0.0, 1.0) * _CELLS
    cells = np.concatenate([np.floor(shares[:, :2]), np.ceil(shares[:, 2:])], axis=1)
    return cells.astype(np.int64).tolist()  # type: ignore[no-any-return]


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


def _glyph_sized(boxes: Boxes, zoom: float) -> Boxes:
    """The boxes that may be those of a letter: small, no rule and no dot."""
    low, high = (side * zoom for side in _GLYPH_PT)
    sides = boxes[:, 2:] - boxes[:, :2]
    found: Boxes = boxes[((sides >= low) & (sides <= high)).all(axis=1)]
    return found


def _count_outside(boxes: Boxes, text: Mask, size_px: tuple[int, int]) -> int:
    """Number of boxes that are not on text."""
    return sum(not text[y0:y1, x0:x1].any() for x0, y0, x1, y1 in _cells(boxes, size_px))
