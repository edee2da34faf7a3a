"""Answers of engines that find lines: blocks in reading order, on the page. Pure.

Where the layout model was asked (`pipeline.recognition.page_layout`), with structure. The lines of
a page that lies askew are put in order as on the straight page.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.imaging.skewed_boxes import slanted, straightened
from pipeline.text import layout
from pipeline.text.page_skew import page_skew_deg, turned_lines
from pipeline.text.structure import PageSigns, markdown, structured
from pipeline.types import Block, Box, Generation, Line, Request


def read(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    """The lines of an answer as blocks in reading order, boxes inside the page."""
    lines = on_page(generation.lines, request)
    size = (request.page_width_px, request.page_height_px)
    deg, middle = page_skew_deg(lines), (size[0] / 2, size[1] / 2)
    lines = turned_lines(lines, -deg, middle)

    def straight(box: Box) -> Box:
        on_page = _scaled(box, *_scales(request), request)
        return straightened(on_page, deg, middle) if deg else on_page

    found = generation.layout
    if found is None:
        blocks = layout.blocks(lines, *size)
    else:
        regions = tuple(replace(region, box=straight(region.box)) for region in found.regions)
        rules = tuple(map(straight, found.rules))
        blocks = structured(lines, *size, PageSigns(found.line_kinds, regions=regions, rules=rules))
    if deg:
        blocks = tuple(
            replace(each, box=each.box and _inside(slanted(each.box, deg, middle), request))
            for each in blocks
        )
    return markdown(blocks), blocks


def on_page(lines: tuple[Line, ...], request: Request) -> list[Line]:
    """The lines of an answer, boxes in pixels of the upright page and inside it."""
    x, y = _scales(request)
    return [replace(line, box=_scaled(line.box, x, y, request)) for line in lines]


def _scales(request: Request) -> tuple[float, float]:
    """Pixels of the page for each pixel of the request's image, across and down."""
    height_px, width_px = request.image.shape[:2]
    return request.page_width_px / max(width_px, 1), request.page_height_px / max(height_px, 1)


def _scaled(box: Box, x: float, y: float, request: Request) -> Box:
    """The box in page pixels, inside the page."""
    return _inside((box[0] * x, box[1] * y, box[2] * x, box[3] * y), request)


def _inside(box: Box, request: Request) -> Box:
    width_px, height_px = float(request.page_width_px), float(request.page_height_px)
    x0, x1 = (min(max(value, 0.0), width_px) for value in (box[0], box[2]))
    y0, y1 = (min(max(value, 0.0), height_px) for value in (box[1], box[3]))
    return x0, y0, x1, y1
