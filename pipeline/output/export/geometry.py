"""Boxes of elements in PDF points. Pure."""

from __future__ import annotations

from pipeline.types import Box, PageResult


def page_size_pt(page: PageResult) -> tuple[float, float]:
    """Width and height of a page in points; in pixels where its points are not known."""
    ref = page.ref
    if ref.width_pt and ref.height_pt:
        return ref.width_pt, ref.height_pt
    return float(page.width_px), float(page.height_px)


def box_pt(page: PageResult, box: Box) -> Box:
    """A box in the unit of `page_size_pt`, origin top left."""
    width, height = page_size_pt(page)
    x, y = width / (page.width_px or 1), height / (page.height_px or 1)
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y
