"""What a PDF page paints: its structured text, and kind, box and whiteness of every operation.

Runs in the worker process of `pipeline.documents.sandbox`. The page is run once, through a device
that logs boxes and hands text on to MuPDF's own collector: to interpret a page is most of the work,
and a second run would take 1 to 2 ms. (A display list could be run twice, but it leaves out spaces
that are painted alone.)
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import string_at
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from pymupdf import mupdf

from pipeline.documents.pdf.drawn_shapes import Shapes

TEXT, FILL_PATH, IMAGE, IMAGE_MASK, OTHER, TILE = range(6)
"""Kinds of what a page paints; `OTHER` are strokes of paths and shadings. A tile is no operation,
but the area in which those that follow are repeated."""
_MAX_OPERATIONS: Final = 100_000
_MIN_PATH_BYTES: Final = 45
"""A packed path of so many bytes is more than a line (34) or a rectangle (37)."""
_MIN_PATH_PT: Final = 36.0
"""Minimum width or height of a path that is divided into its lines: less has the outline of a
letter, or an icon."""
_MAX_PATHS_BYTES: Final = 60_000
"""Bytes of paths that are divided on a page, about 6,000 lines: more are a drawing."""
_MAX_PIECES: Final = 2000
"""Pieces of paths that are kept of a page: each takes 4 us."""
_RECT_BYTES: Final = 16
"""Of MuPDF's `fz_rect`: four floats."""
_MIN_LIGHT: Final = 0xF0 / 0xFF
"""Least red, green and blue of white, as for text."""
_LIGHT_SPACES: Final = tuple(
    mupdf.FzColorspace(fixed).m_internal.type
    for fixed in (mupdf.FzColorspace.Fixed_GRAY, mupdf.FzColorspace.Fixed_RGB)
)
"""Types of colour spaces in which white is the most of everything."""

# The bindings' functions of C++ themselves: those of `mupdf` are a call of Python more for each.
_bound_path: Final = mupdf._mupdf.ll_fz_bound_path
_path_bytes: Final = mupdf._mupdf.ll_fz_packed_path_size
_bound_text: Final = mupdf._mupdf.ll_fz_bound_text
_fill_text: Final = mupdf._mupdf.ll_fz_fill_text
_part_of: Final = mupdf._mupdf.floats_getitem

Entry = tuple[int, Any, bool, bool, float]
"""Kind, MuPDF's rectangle, whether it is almost white, whether it is a stroke, and its alpha."""


class _BoxDevice(mupdf.FzDevice2):  # type: ignore[misc]  # the bindings have no types
    """Logs what a page paints, boxes in points.

    `Page.get_bboxlog` does the same, but without the page's rotation, and with a call from C to
    Python for each layer and each text that is not painted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Entry] = []
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
            self.log.append((kind, rect, False, False, 1.0))

    def fill_path(
        self, _: Any, path: Any, even_odd: Any, ctm: Any, space: Any, color: Any, alpha: float,
        *paint: Any,
    ) -> None:  # fmt: skip
        if len(self.log) < _MAX_OPERATIONS:
            is_white = _is_white(space, color)
            self.log.append((FILL_PATH, _bound_path(path, None, ctm), is_white, False, alpha))

    def stroke_path(
        self, _: Any, path: Any, stroke: Any, ctm: Any, space: Any, color: Any, alpha: float,
        *paint: Any,
    ) -> None:  # fmt: skip
        if len(self.log) < _MAX_OPERATIONS:
            is_white = _is_white(space, color)
            self.log.append((OTHER, _bound_path(path, stroke, ctm), is_white, True, alpha))

    def fill_text(self, _: Any, text: Any, ctm: Any, *paint: Any) -> None:
        self._add(TEXT, _bound_text(text, None, ctm))

    def stroke_text(self, _: Any, text: Any, stroke: Any, ctm: Any, *paint: Any) -> None:
        self._add(TEXT, _bound_text(text, stroke, ctm))

    def fill_shade(self, _: Any, shade: Any, ctm: Any, *paint: Any) -> None:
        self._add(OTHER, mupdf.ll_fz_bound_shade(shade, ctm))

    def fill_image(self, _: Any, image: Any, ctm: Any, *paint: Any) -> None:
        self.largest_image_px = max(self.largest_image_px, image.w * image.h)
        self._add(IMAGE, mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm))

    def fill_image_mask(
        self, _: Any, image: Any, ctm: Any, space: Any, color: Any, *paint: Any
    ) -> None:
        self.largest_image_px = max(self.largest_image_px, image.w * image.h)
        if len(self.log) < _MAX_OPERATIONS:
            box = mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm)
            self.log.append((IMAGE_MASK, box, _is_white(space, color), False, 1.0))


def _is_white(space: Any, color: Any) -> bool:
    """Whether a colour is almost white; one of an unusual space is taken for dark."""
    if space is None:
        return False
    # A dark colour is known by its first part: each part takes a call into C.
    first = _part_of(color, 0)
    if 1 - _MIN_LIGHT < first < _MIN_LIGHT:
        return False
    if space.type in _LIGHT_SPACES:
        return all(_part_of(color, i) >= _MIN_LIGHT for i in range(space.n))
    if mupdf.ll_fz_colorspace_is_cmyk(space) or mupdf.ll_fz_colorspace_is_device_n(space):
        return all(_part_of(color, i) <= 1 - _MIN_LIGHT for i in range(space.n))
    return False


class _Pieces:
    """Divides paths into their lines and rectangles, by MuPDF's device for structured text.

    Args:
        area: The page's rectangle.
    """

    def __init__(self, area: Any) -> None:
        self._area, self._bytes = area, 0
        self._page: Any = None
        self._device: Any = None

    def wants(self, path: Any, box: Any) -> bool:
        """Whether a path has several lines, such as the rules of a table."""
        size = _path_bytes(path)
        if size < _MIN_PATH_BYTES or self._bytes > _MAX_PATHS_BYTES:
            return False
        if max(box.x1 - box.x0, box.y1 - box.y0) < _MIN_PATH_PT:
            return False
        self._bytes += size
        return True

    def device(self) -> Any:
        """MuPDF's device that divides paths."""
        if self._device is None:
            options = mupdf.FzStextOptions(mupdf.FZ_STEXT_COLLECT_VECTORS)
            self._page = mupdf.FzStextPage(self._area)
            self._device = mupdf.fz_new_stext_device(self._page, options)
        return self._device.m_internal

    def boxes(self) -> Boxes:
        """The pieces of all paths; none of a page with too many."""
        found: list[Any] = []
        if self._device is not None:
            mupdf.fz_close_device(self._device)
        if self._page is not None and self._bytes <= _MAX_PATHS_BYTES:
            block = self._page.m_internal.first_block
            while block is not None and len(found) < _MAX_PIECES:
                found.append(block.bbox)
                block = block.next
        return boxes_of(found)


class _PageDevice(_BoxDevice):
    """A `_BoxDevice` that hands text on to a device of MuPDF, and divides paths of several lines.

    What is missing in it does nothing in the device for structured text, with the options used.

    Args:
        text_device: MuPDF's device.
        pieces: Divides paths.
        shapes: Collects shapes that are seen.
    """

    def __init__(self, text_device: Any, pieces: _Pieces, shapes: Shapes) -> None:
        super().__init__()
        self._pieces, self._shapes = pieces, shapes
        self._text_device = text_device.m_internal
        self.use_virtual_begin_tile()
        self.use_virtual_clip_text()
        self.use_virtual_clip_stroke_text()
        self.use_virtual_ignore_text()
        self.use_virtual_begin_metatext()
        self.use_virtual_end_metatext()

    def fill_path(self, context: Any, path: Any, *paint: Any) -> None:
        super().fill_path(context, path, *paint)
        if self._pieces.wants(path, self.log[-1][1]):
            mupdf.ll_fz_fill_path(self._pieces.device(), path, *paint)
        self._add_shapes(path, paint[1])

    def stroke_path(self, context: Any, path: Any, *paint: Any) -> None:
        super().stroke_path(context, path, *paint)
        if self._pieces.wants(path, self.log[-1][1]):
            mupdf.ll_fz_stroke_path(self._pieces.device(), path, *paint)
        self._add_shapes(path, paint[1])

    def _add_shapes(self, path: Any, ctm: Any) -> None:
        _, _, is_white, _, alpha = self.log[-1]
        if alpha and not is_white:
            self._shapes.add(path, ctm)

    def fill_text(self, context: Any, text: Any, ctm: Any, *paint: Any) -> None:
        log = self.log  # written out: this is called for every piece of text
        if len(log) < _MAX_OPERATIONS:
            log.append((TEXT, _bound_text(text, None, ctm), False, False, 1.0))
        _fill_text(self._text_device, text, ctm, *paint)

    def stroke_text(self, context: Any, text: Any, stroke: Any, ctm: Any, *paint: Any) -> None:
        super().stroke_text(context, text, stroke, ctm)
        mupdf.ll_fz_stroke_text(self._text_device, text, stroke, ctm, *paint)

    def begin_tile(
        self, _: Any, area: Any, view: Any, across: float, down: float, ctm: Any, *ids: Any
    ) -> int:
        self._add(TILE, mupdf.ll_fz_transform_rect(area, ctm))
        return 0  # not cached: MuPDF draws the tile, too

    def clip_text(self, _: Any, text: Any, ctm: Any, scissor: Any) -> None:
        mupdf.ll_fz_clip_text(self._text_device, text, ctm, scissor)

    def clip_stroke_text(self, _: Any, text: Any, stroke: Any, ctm: Any, scissor: Any) -> None:
        mupdf.ll_fz_clip_stroke_text(self._text_device, text, stroke, ctm, scissor)

    def ignore_text(self, _: Any, text: Any, ctm: Any) -> None:
        mupdf.ll_fz_ignore_text(self._text_device, text, ctm)

    def begin_metatext(self, _: Any, kind: Any, text: Any) -> None:
        mupdf.ll_fz_begin_metatext(self._text_device, kind, text)

    def end_metatext(self, _: Any) -> None:
        mupdf.ll_fz_end_metatext(self._text_device)


Kinds = npt.NDArray[np.int8]
Boxes = npt.NDArray[np.float64]
"""Shape (boxes, 4): x0, y0, x1, y1."""

_Device = TypeVar("_Device", bound=_BoxDevice)


@dataclass(frozen=True, slots=True)
class PaintLog:
    """What a page paints, in order.

    Attributes:
        kinds: What each operation paints; tiles are left out.
        boxes_pt: Where.
        pieces_pt: The lines and rectangles of paths that have several.
        shapes_pt: What is neither, such as curves.
        largest_image_px: Pixels of its largest image.
        entries: As they were logged.
    """

    kinds: Kinds
    boxes_pt: Boxes
    pieces_pt: Boxes
    shapes_pt: Boxes
    largest_image_px: int
    entries: Sequence[Entry]


def _run(page: Any, device: _Device) -> _Device:
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return device


def log(page: Any, text_page: Any) -> PaintLog:
    """Collect the page's text, and log what it paints.

    Args:
        page: MuPDF's page.
        text_page: MuPDF's structured text, which is filled.
    """
    options = mupdf.FzStextOptions(mupdf.FZ_STEXT_PRESERVE_WHITESPACE)
    text_device = mupdf.fz_new_stext_device(text_page, options)
    pieces, shapes = _Pieces(mupdf.fz_bound_page(page)), Shapes()
    device = _run(page, _PageDevice(text_device, pieces, shapes))
    mupdf.fz_close_device(text_device)
    painted = [entry for entry in device.log if entry[0] != TILE]
    kinds = np.array([entry[0] for entry in painted], np.int8)
    boxes = boxes_of([entry[1] for entry in painted])
    drawn = pieces.boxes(), shapes.boxes()
    return PaintLog(kinds, boxes, *drawn, device.largest_image_px, device.log)


def boxes_of(rects: Sequence[Any]) -> Boxes:
    """The sides of MuPDF's rectangles, copied at once: each side alone takes a call into C."""
    content = b"".join([string_at(int(rect.this), _RECT_BYTES) for rect in rects])
    return np.frombuffer(content, np.float32).reshape(-1, 4).astype(np.float64)


def paints_nothing(page: Any) -> bool:
    """Whether the page has no drawing operation, not even one in white.

    Raises:
        FzErrorBase: MuPDF cannot interpret the page's content.
    """
    return not _run(page, _BoxDevice()).log
