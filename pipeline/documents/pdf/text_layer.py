"""Reads the text layer of a PDF page, and statistics of what the page draws, without rendering it.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pymupdf
from pymupdf import mupdf

from pipeline.documents.pdf import (
    covered,
    figures,
    layer_words,
    line_repair,
    mupdf_log,
    painted,
    pictures,
    right_to_left,
)
from pipeline.documents.pdf.glyphs import Doubtful, ciphered_share, count_in_line
from pipeline.documents.pdf.grounds import Grounds
from pipeline.documents.pdf.layer_lines import PixelFrame, read_lines
from pipeline.documents.pdf.painted import Boxes, Kinds
from pipeline.text.text_layer import (
    MAX_CHARS,
    MAX_LINES,
    DrawingStats,
    TextLayer,
    TextLayerLine,
    turn_of,
)
from pipeline.types import Box

_POINTS_PER_INCH: Final = 72
_CELLS: Final = 100
"""Areas are computed on a grid of this many columns and rows."""
_MAX_PICTURES: Final = 0.3
"""With more than this share of the page in pictures without text, a layer is not trusted anyway."""
_MAX_COVERED: Final = 0.3
"""With a larger share of its text covered, a layer is not trusted anyway."""
_MAX_IMAGE_PX: Final = 16_000_000
"""A page with a larger image is not drawn for the text in it or under it: that would need 50 MB and
more."""
_NOT_SEARCHED: Final = "no text was searched in the pictures of the page"
_NOT_COMPARED: Final = "text that may be covered was not looked at"
_GLYPH_PT: Final = (2.5, 40.0)
"""Minimum and maximum side of a path that may be a letter, points."""
_EDGE_PX: Final = 2.0
_NO_CHARACTER: Final = "\ufffd"
_MAX_PAIRS: Final = 1 << 18
"""Pairs of operations that are compared at a time: arrays of a few MiB."""

Mask = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


def read(page: Any, dpi: float, frame: Any, doubtful: Doubtful) -> TextLayer:
    """The text layer of a page.

    Args:
        page: MuPDF's page.
        dpi: The resolution that the page would be rendered with.
        frame: The page's rectangle in pixels; its origin need not be 0.
        doubtful: What of the page's fonts looks like something else.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    zoom = dpi / _POINTS_PER_INCH
    size_px = frame.x1 - frame.x0, frame.y1 - frame.y0
    text_page = mupdf.FzStextPage(mupdf.fz_bound_page(page))
    log = painted.log(page, text_page)
    raw = list(_lines(text_page))
    to_pixels = PixelFrame.of(zoom, frame)
    kinds, painted_boxes = _in_pixels(log.kinds, log.boxes_pt, to_pixels)
    grounds = cache(lambda: Grounds(log.entries))
    lines, white_share, oversized_box_share = read_lines(raw, to_pixels, grounds)
    inside = [line for line in lines if line.text and _is_inside(line.box, *size_px)]
    boxes = [line.box for line in inside if line.is_visible]
    drawing = replace(
        _drawing_stats(kinds, painted_boxes, boxes, size_px, zoom),
        white_share=white_share,
        oversized_box_share=oversized_box_share,
        doubtful_numbers=_count_doubtful(raw, doubtful),
        ciphered_share=ciphered_share(raw, doubtful),
    )
    warnings: tuple[str, ...] = ()
    if drawing.non_text_operations and drawing.covered_share <= _MAX_COVERED:
        suspects = covered.under_others(inside, kinds, painted_boxes)
        inside, warnings = _seen(page, inside, suspects, log.largest_image_px, to_pixels)
    is_wanted = bool(boxes) and 0 < drawing.image_without_text_share < _MAX_PICTURES
    if is_wanted and log.largest_image_px > _MAX_IMAGE_PX:
        warnings += (_too_large(log.largest_image_px, _NOT_SEARCHED),)
    elif is_wanted:
        is_image = (log.kinds == painted.IMAGE) | (log.kinds == painted.IMAGE_MASK)
        images_pt = log.boxes_pt[is_image]
        found = _pictures_with_text(page, images_pt, inside, to_pixels)
        drawing = replace(
            drawing,
            picture_characters=sum(count for _, count in found),
            pictures=tuple(box for box, _ in found),
        )
    drawn = _figures(kinds, painted_boxes, log, to_pixels, size_px)
    words = layer_words.finder(text_page, raw, to_pixels)
    kept = tuple(_bounded(inside))
    return TextLayer(*size_px, dpi, kept, drawing, *drawn, warnings, words)


def _in_pixels(kinds: Kinds, boxes_pt: Boxes, to_pixels: PixelFrame) -> tuple[Kinds, Boxes]:
    """Kinds and boxes (pixels) of the logged operations whose place is finite, in order."""
    boxes = _to_pixels(boxes_pt, to_pixels)
    is_finite = np.isfinite(boxes).all(axis=1)
    return kinds[is_finite], boxes[is_finite]


def _to_pixels(boxes_pt: Boxes, frame: PixelFrame) -> Boxes:
    origin = frame.left, frame.top, frame.left, frame.top
    boxes: Boxes = boxes_pt * frame.zoom - origin
    return boxes


def _finite(boxes: Boxes) -> Boxes:
    finite: Boxes = boxes[np.isfinite(boxes).all(axis=1)]
    return finite


def _figures(
    kinds: Kinds,
    boxes: Boxes,
    log: painted.PaintLog,
    to_pixels: PixelFrame,
    size_px: tuple[int, int],
) -> tuple[tuple[Box, ...], tuple[Box, ...], tuple[Box, ...]]:
    """Pictures, straight lines and shapes of the page, pixels."""
    if (kinds == painted.TEXT).all():
        return (), (), ()
    images = boxes[(kinds == painted.IMAGE) | (kinds == painted.IMAGE_MASK)]
    pieces = _finite(_to_pixels(log.pieces_pt, to_pixels))
    shapes = _finite(_to_pixels(log.shapes_pt, to_pixels))
    filled = np.concatenate([boxes[kinds == painted.FILL_PATH], pieces])
    zoom = to_pixels.zoom
    rules = figures.rules(filled, boxes[kinds == painted.OTHER], zoom)
    pictures = figures.pictures(images, size_px, zoom)
    return pictures, rules, tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in shapes.tolist())


def _seen(
    page: Any,
    lines: list[TextLayerLine],
    suspects: list[int],
    largest_image_px: int,
    to_pixels: PixelFrame,
) -> tuple[list[TextLayerLine], tuple[str, ...]]:
    """The lines, those that are covered marked, and a warning where that was not looked at."""
    if not suspects:
        return lines, ()
    x0, y0, x1, y1 = frame = covered.frame_around(lines, suspects, to_pixels)
    largest_px = max(largest_image_px, (x1 - x0) * (y1 - y0))
    if largest_px > _MAX_IMAGE_PX:
        return lines, (_too_large(largest_px, _NOT_COMPARED),)
    try:
        return covered.without_covered(page, lines, suspects, frame, to_pixels), ()
    except mupdf.FzErrorBase as error:  # the layer is as good as it was
        mupdf_log.check_memory(str(error))
        return lines, ()


def _too_large(image_px: int, consequence: str) -> str:
    return f"an image of {image_px / 1e6:.0f} megapixels: {consequence}"


def _count_doubtful(lines: Sequence[dict[str, Any]], doubtful: Doubtful) -> int:
    return sum(count_in_line(line["spans"], doubtful) for line in lines) if doubtful else 0


def _pictures_with_text(
    page: Any,
    images_pt: Boxes,
    lines: Sequence[TextLayerLine],
    to_pixels: PixelFrame,
) -> tuple[tuple[Box, int], ...]:
    """Pictures with text that is not in the layer (boxes in pixels), and their characters.

    Text of the layer that is not seen does not count: it is left out where the layer is taken.
    """
    seen = tuple(line for line in lines if line.is_visible)
    texts = [to_pixels.in_points(line.box) for line in seen]
    images: list[Box] = [(x0, y0, x1, y1) for x0, y0, x1, y1 in images_pt.tolist()]
    try:
        found = pictures.with_text(page, images, texts, turn_of(seen))
    except mupdf.FzErrorBase as error:  # the layer is as good as it was
        mupdf_log.check_memory(str(error))
        return ()
    return tuple((to_pixels(*box), count) for box, count in found)


def _lines(text_page: Any) -> Iterable[dict[str, Any]]:
    """PyMuPDF's lines: `bbox` and `dir` of each, and `spans` of one font and colour."""
    lines = list(_blocks_lines(text_page, with_chars=False))
    if any(right_to_left.has_right_to_left(line) for line in lines):
        return right_to_left.in_logical_order(lines, _blocks_lines(text_page, with_chars=True))
    return line_repair.repaired(lines, lambda: _blocks_lines(text_page, with_chars=True))


def _blocks_lines(text_page: Any, *, with_chars: bool) -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = {}
    try:
        pymupdf.JM_make_textpage_dict(text_page, found, with_chars)
    except SystemError:  # PyMuPDF makes a character of each number
        _replace_no_characters(text_page)
        found.clear()
        pymupdf.JM_make_textpage_dict(text_page, found, with_chars)
    for block in found["blocks"]:
        # Of a line at an angle the box may reach into the page, and none of its characters.
        yield from (line for line in block.get("lines", ()) if line["spans"])


def _replace_no_characters(text_page: Any) -> None:
    """Put U+FFFD for the numbers beyond Unicode that the tables of damaged fonts have."""
    for block in text_page:
        if block.m_internal.type == mupdf.FZ_STEXT_BLOCK_TEXT:
            for char in (char.m_internal for line in block for char in line):
                if not 0 <= char.c <= sys.maxunicode:
                    char.c = ord(_NO_CHARACTER)


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
    kinds: Kinds,
    boxes: Boxes,
    text_boxes: Sequence[Box],
    size_px: tuple[int, int],
    zoom: float,
) -> DrawingStats:
    """Compute the statistics of what is painted (`_in_pixels`)."""
    on_page = _overlaps(boxes, size_px)
    kinds, boxes = kinds[on_page], boxes[on_page]
    is_text = kinds == painted.TEXT
    if is_text.all():
        return DrawingStats(operations=len(kinds))
    is_image, is_path = kinds == painted.IMAGE, kinds == painted.FILL_PATH
    is_mask = kinds == painted.IMAGE_MASK
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
    # Only text before the last opaque operation can be covered, and rules cover none.
    texts = np.flatnonzero(is_text[: opaque[-1]])
    opaque = opaque[_could_cover(boxes[opaque], boxes[texts])]
    rows = max(1, _MAX_PAIRS // max(1, len(opaque)))
    chunks = (texts[start : start + rows] for start in range(0, len(texts), rows))
    covered = sum(areas[chunk[_are_under(boxes, chunk, opaque)]].sum() for chunk in chunks)
    return float(covered / total)


def _could_cover(covers: Boxes, boxes: Boxes) -> Flags:
    """Whether operations are large enough to cover any of some boxes."""
    if not len(boxes):
        return np.zeros(len(covers), np.bool_)
    least = (boxes[:, 2:] - boxes[:, :2]).min(axis=0) - 3 * _EDGE_PX  # 2, and some for rounding
    could: Flags = (covers[:, 2:] - covers[:, :2] >= least).all(axis=1)
    return could


def _are_under(boxes: Boxes, texts: Indices, opaque: Indices) -> Flags:
    """Whether later operations cover texts, to within two pixels at their edges."""
    x0, y0, x1, y1 = boxes[texts].T[:, :, None]
    left, top, right, bottom = boxes[opaque].T
    across = (left <= x0 + _EDGE_PX) & (right >= x1 - _EDGE_PX)
    down = (top <= y0 + _EDGE_PX) & (bottom >= y1 - _EDGE_PX)
    under: Flags = (across & down & (opaque > texts[:, None])).any(axis=1)
    return under


def _glyph_sized(boxes: Boxes, zoom: float) -> Boxes:
    """The boxes that may be those of a letter: small, no rule and no dot."""
    low, high = (side * zoom for side in _GLYPH_PT)
    sides = boxes[:, 2:] - boxes[:, :2]
    found: Boxes = boxes[((sides >= low) & (sides <= high)).all(axis=1)]
    return found


def _count_outside(boxes: Boxes, text: Mask, size_px: tuple[int, int]) -> int:
    """Number of boxes that are not on text."""
    return sum(not text[y0:y1, x0:x1].any() for x0, y0, x1, y1 in _cells(boxes, size_px))
