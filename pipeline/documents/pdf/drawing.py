"""Renders a PDF page into given memory, at a resolution within the limits."""

from __future__ import annotations

import math
from typing import Any, Final

from pymupdf import mupdf

from pipeline.config import RenderConfig
from pipeline.errors import ErrorKind, PageError

POINTS_PER_INCH: Final = 72
MAX_SIDE_PX: Final = 65_500
"""Maximum side of a rendered page: about that of JPEG, and far below the limits of C integers."""


def scale(box: Any, render: RenderConfig) -> tuple[float, Any]:
    """The resolution to render with, and the page's rectangle in pixels (MuPDF's FzIrect).

    Args:
        box: The page's bounds in points.
        render: The wanted resolution, and the limit of pixels.

    Raises:
        PageError: RENDER, the page is empty or too thin.
    """
    sides = (box.x1 - box.x0, box.y1 - box.y0)
    if not all(math.isfinite(side) and side > 0 for side in sides):
        raise PageError(ErrorKind.RENDER, f"the page measures {sides[0]:g} x {sides[1]:g} pt")
    wanted = [max(1.0, side * render.dpi / POINTS_PER_INCH) for side in sides]
    shrink = math.sqrt(render.max_pixels / (wanted[0] * wanted[1]))
    dpi = render.dpi * min(1.0, shrink, MAX_SIDE_PX / max(wanted))
    frame = _frame(box, dpi)
    while (frame.x1 - frame.x0) * (frame.y1 - frame.y0) > render.max_pixels:
        dpi *= 0.999  # the sides were rounded up to whole pixels
        frame = _frame(box, dpi)
    if frame.x1 <= frame.x0 or frame.y1 <= frame.y0:
        message = f"{sides[0]:g} x {sides[1]:g} pt are too thin to draw at {dpi:.3g} dpi"
        raise PageError(ErrorKind.RENDER, message)
    return dpi, frame


def _frame(box: Any, dpi: float) -> Any:
    zoom = dpi / POINTS_PER_INCH
    return mupdf.fz_round_rect(mupdf.fz_transform_rect(box, mupdf.fz_scale(zoom, zoom)))


def draw(page: Any, zoom: float, frame: Any, pixels: Any) -> None:
    """Render a page on white into `pixels`, where `Page.get_pixmap` would allocate its own memory.

    Args:
        page: MuPDF's page.
        zoom: Pixels per point.
        frame: The page's rectangle in pixels.
        pixels: RGB, uint8, shape (height, width, 3), of the size of `frame`.
    """
    rgb = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
    memory = mupdf.python_mutable_buffer_data(memoryview(pixels).cast("B"))
    no_spots, no_alpha = mupdf.FzSeparations(), 0
    pixmap = mupdf.fz_new_pixmap_with_bbox_and_data(rgb, frame, no_spots, no_alpha, memory)
    mupdf.fz_clear_pixmap_with_value(pixmap, 0xFF)
    device = mupdf.fz_new_draw_device(mupdf.fz_scale(zoom, zoom), pixmap)
    mupdf.fz_run_page(page, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
