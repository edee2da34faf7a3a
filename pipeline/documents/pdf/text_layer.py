"""What MuPDF knows of a page without drawing it: its text with boxes, and its marks.

Part of `pipeline.documents.pdf.document`, and runs in the reader's child process as that does. The
page is run twice, once into a collector of text and once into a collector of boxes; together they
take a tenth of the time that drawing takes.
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

from pipeline.text.text_layer import MAX_CHARS, MAX_LINES, LayerLine, Marks, TextLayer
from pipeline.types import Box

_POINTS_PER_INCH: Final = 72
_INKED: Final = mupdf.FZ_STEXT_FILLED | mupdf.FZ_STEXT_STROKED
"""A character has ink where one of the two is set. Render mode 3 sets neither."""
_PALE: Final = 0xF0
"""Each of red, green and blue of a colour that is next to white, 0 to 255."""
_CELLS: Final = 100
"""The page is divided into so many columns and rows to add up areas."""
_MARKS: Final = ("fill-", "stroke-")
_IMAGES: Final = ("fill-image", "fill-imgmask")
_OPAQUE: Final = ("fill-image", "fill-path")
_GLYPH_PT: Final = (2.5, 40.0)
"""Sides of a path that may be a letter, points."""
_HIGHEST_EM: Final = 3.0
"""Height of a span's box, at most, in units of its font's size."""
_MAX_MARKS: Final = 100_000

Mask = npt.NDArray[np.bool_]


def read(page: Any, dpi: float, frame: Any) -> TextLayer:
    """The text layer of a page.

    Args:
        page: MuPDF's page.
        dpi: The resolution that the page would be drawn with.
        frame: The page's rectangle in pixels, which need not begin at 0.

    Raises:
        FzErrorBase: MuPDF's; the page's content cannot be run.
    """
    zoom = dpi / _POINTS_PER_INCH
    width_px, height_px = frame.x1 - frame.x0, frame.y1 - frame.y0
    spans = list(_lines(page))
    lines = [_layer_line(line, zoom, frame) for line in spans]
    inside = [line for line in lines if line.text and _is_inside(line.box, width_px, height_px)]
    boxes = [line.box for line in inside if line.is_visible]
    log = [(name, _on_picture(box, zoom, frame)) for name, box in _logged(page)]
    marks = replace(
        _marks(log, boxes, (width_px, height_px), zoom),
        pale_share=_share(spans, _is_pale),
        odd_share=_share(spans, _is_odd),
    )
    return TextLayer(width_px, height_px, dpi, tuple(_bounded(inside)), marks)


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
    """The name and the box of everything that the page draws, in its order, in points.

    `Page.get_bboxlog` does the same, for a page without its rotation.
    """
    log: list[tuple[str, tuple[float, float, float, float]]] = []
    device = pymupdf.JM_new_bbox_device(log, False)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return [(name, box) for name, box in log[:_MAX_MARKS] if all(map(math.isfinite, box))]


def _layer_line(line: dict[str, Any], zoom: float, frame: Any) -> LayerLine:
    text = "".join(span["text"] for span in line["spans"]).strip()
    inked = sum(len(span["text"]) for span in line["spans"] if _has_ink(span))
    is_visible = 2 * inked >= sum(len(span["text"]) for span in line["spans"])
    box = _on_picture(line["bbox"], zoom, frame)
    return LayerLine(text, box, _turn(*line["dir"]), is_visible)


def _has_ink(span: dict[str, Any]) -> bool:
    return bool(span["char_flags"] & _INKED) and bool(span["alpha"])


def _turn(across: float, down: float) -> int:
    """The clockwise turn that makes text of this direction upright; y grows downwards."""
    return round(math.degrees(math.atan2(-down, across)) / 90) % 4 * 90


def _on_picture(box: Sequence[float], zoom: float, frame: Any) -> Box:
    x0, y0, x1, y1 = (value * zoom for value in box)
    return x0 - frame.x0, y0 - frame.y0, x1 - frame.x0, y1 - frame.y0


def _is_inside(box: Box, width_px: int, height_px: int) -> bool:
    """Whether the middle of a box is on the page, which its crop box may have made smaller."""
    return 0 <= (box[0] + box[2]) / 2 <= width_px and 0 <= (box[1] + box[3]) / 2 <= height_px


def _bounded(lines: list[LayerLine]) -> Iterator[LayerLine]:
    characters = 0
    for line in lines[:MAX_LINES]:
        characters += len(line.text)
        if characters > MAX_CHARS:
            return
        yield line


def _share(lines: Sequence[dict[str, Any]], is_so: Callable[[dict[str, Any]], bool]) -> float:
    """The part of the visible characters that are so."""
    spans = [span for line in lines for span in line["spans"] if _has_ink(span)]
    characters = sum(len(span["text"]) for span in spans)
    chosen = sum(len(span["text"]) for span in spans if is_so(span))
    return chosen / characters if characters else 0.0


def _is_pale(span: dict[str, Any]) -> bool:
    return all(span["color"] >> shift & 0xFF >= _PALE for shift in (0, 8, 16))


def _is_odd(span: dict[str, Any]) -> bool:
    """Whether a font's metrics make no sense, which happens where glyphs are bitmaps."""
    x0, y0, x1, y1 = span["bbox"]
    return bool(min(x1 - x0, y1 - y0) > _HIGHEST_EM * span["size"])


def _marks(
    log: list[tuple[str, Box]],
    text_boxes: list[Box],
    size_px: tuple[int, int],
    zoom: float,
) -> Marks:
    """Add up what was logged."""
    inked = [(name, box) for name, box in log if name.startswith(_MARKS)]
    drawn = [(name, box) for name, box in inked if _overlaps(box, size_px)]
    text = _mask(text_boxes, size_px)
    images = _mask([box for name, box in drawn if name in _IMAGES], size_px)
    return Marks(
        drawn=len(drawn),
        others=sum(not name.endswith("-text") for name, _ in drawn),
        image_share=float(images.mean()),
        image_only_share=float((images & ~text).mean()),
        covered_share=_covered_share(drawn),
        curves=sum(_is_glyph(name, box, zoom, text, size_px) for name, box in drawn),
    )


def _overlaps(box: Box, size_px: tuple[int, int]) -> bool:
    return box[0] < size_px[0] and box[1] < size_px[1] and box[2] > 0 and box[3] > 0


def _mask(boxes: Sequence[Box], size_px: tuple[int, int]) -> Mask:
    """The cells of the page that boxes lie on."""
    mask = np.zeros((_CELLS, _CELLS), np.bool_)
    for box in boxes:
        mask[_cells(box, size_px)] = True
    return mask


def _cells(box: Box, size_px: tuple[int, int]) -> tuple[slice, slice]:
    x0, x1 = (min(max(value / size_px[0], 0.0), 1.0) * _CELLS for value in (box[0], box[2]))
    y0, y1 = (min(max(value / size_px[1], 0.0), 1.0) * _CELLS for value in (box[1], box[3]))
    return slice(int(y0), math.ceil(y1)), slice(int(x0), math.ceil(x1))


def _covered_share(drawn: Sequence[tuple[str, Box]]) -> float:
    """The part of the text's area that something opaque was drawn on later."""
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
    """Whether something later lies on a box, but for a pixel or two at its edges."""
    if not len(covers):
        return False
    x0, y0, x1, y1 = box
    after = covers[:, 4] > order
    across = (covers[:, 0] <= x0 + 2) & (covers[:, 2] >= x1 - 2)
    down = (covers[:, 1] <= y0 + 2) & (covers[:, 3] >= y1 - 2)
    return bool((after & across & down).any())


def _is_glyph(name: str, box: Box, zoom: float, text: Mask, size_px: tuple[int, int]) -> bool:
    """Whether a mark may be a letter that is no text: small, neither rule nor dot, beside text."""
    if name not in ("fill-path", "fill-imgmask"):
        return False
    low, high = (side * zoom for side in _GLYPH_PT)
    sides = (box[2] - box[0], box[3] - box[1])
    if not all(low <= side <= high for side in sides):
        return False
    return not text[_cells(box, size_px)].any()
