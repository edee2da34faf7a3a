"""Answers of engines that find lines: blocks in reading order, on the page. Pure."""

from __future__ import annotations

from pipeline.text import layout
from pipeline.types import Block, Box, Generation, Line, Request


def read(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    """The lines of an answer as blocks in reading order, boxes inside the page."""
    lines = _on_page(generation.lines, request)
    blocks = layout.blocks(lines, request.page_width_px, request.page_height_px)
    return "\n\n".join(block.text for block in blocks), blocks


def _on_page(lines: tuple[Line, ...], request: Request) -> list[Line]:
    height_px, width_px = request.image.shape[:2]
    x = request.page_width_px / max(width_px, 1)
    y = request.page_height_px / max(height_px, 1)
    return [Line(line.text, _scaled(line.box, x, y, request), line.score) for line in lines]


def _scaled(box: Box, x: float, y: float, request: Request) -> Box:
    """The box in page pixels, inside the page."""
    width_px, height_px = float(request.page_width_px), float(request.page_height_px)
    x0, x1 = (min(max(value * x, 0.0), width_px) for value in (box[0], box[2]))
    y0, y1 = (min(max(value * y, 0.0), height_px) for value in (box[1], box[3]))
    return x0, y0, x1, y1
