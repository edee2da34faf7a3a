"""Turns what an engine returned into text and blocks on the page. Pure and total."""

from __future__ import annotations

from dataclasses import replace

from pipeline.engines.deepseek_ocr import output
from pipeline.imaging.rotation import turn_back
from pipeline.text import layout
from pipeline.types import Block, Box, Generation, Line, Request


def interpret(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    """The Markdown of a page and its blocks in reading order, boxes in page pixels.

    Engines with layout of their own return lines, which are put in reading order here.
    The text of the others is read by DeepSeek-OCR's grammar, which leaves plain text alone.
    The boxes are on the page as displayed, however it was turned for the engine.
    """
    text, blocks = _read(generation, request)
    return text, tuple(_as_displayed(block, request) for block in blocks)


def _as_displayed(block: Block, request: Request) -> Block:
    if not request.turned_deg or block.box is None:
        return block
    size = (request.page_width_px, request.page_height_px)
    return replace(block, box=turn_back(block.box, *size, request.turned_deg))


def _read(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    if generation.lines:
        lines = _on_page(generation.lines, request)
        blocks = layout.blocks(lines, request.page_width_px, request.page_height_px)
        return "\n\n".join(block.text for block in blocks), blocks
    if not generation.text.strip():
        return "", ()
    text, blocks = output.parse(generation.text, request.page_width_px, request.page_height_px)
    return text, blocks or (Block("text", text),)


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
