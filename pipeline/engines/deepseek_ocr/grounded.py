"""Writes a page in DeepSeek-OCR's own grammar: regions with labels and boxes. Pure.

The way back from `pipeline.engines.deepseek_ocr.output`, for callers whose prompt asks for that
grammar, whichever engine read the page. Readers of the grammar take one line as the text of a
region, so a paragraph is one line, and a list is a region for each of its items, all with the box
of the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from pipeline.engines.deepseek_ocr.output import LAST, PICTURES
from pipeline.text.structure.markdown import Kind
from pipeline.text.structure.pipe_tables import cells_of
from pipeline.types import Block, Box


def write(blocks: Sequence[Block], width_px: int, height_px: int) -> str:
    """The regions of a page, each a label, a box and its text.

    Args:
        blocks: The page's blocks. Those without a box get that of the whole page.
        width_px: Width of the page image, in whose pixels their boxes are.
        height_px: Its height.
    """
    page = (0.0, 0.0, float(width_px), float(height_px))
    regions = [region for block in blocks for region in _regions(block, page)]
    heads = [
        f"<|ref|>{label}<|/ref|><|det|>[[{_box(box, width_px, height_px)}]]<|/det|>"
        for label, box, _ in regions
    ]
    return "\n\n".join(
        f"{head}\n{text}" if text else head
        for head, (_, _, text) in zip(heads, regions, strict=True)
    )


def _regions(block: Block, page: Box) -> Iterator[tuple[str, Box, str]]:
    box = block.box or page
    if block.kind == Kind.TABLE:
        table = _html(block.text)
        # Under this label readers take the next HTML that comes, which may be another table's.
        yield block.kind if "<table" in table.lower() else "text", box, table
    elif block.kind == Kind.LIST:
        yield from (("text", box, line) for line in block.text.splitlines() if line.strip())
    elif block.kind in PICTURES:
        yield block.kind, box, ""
        if block.text.strip():
            yield "text", box, _one_line(block.text)
    else:
        yield block.kind, box, _one_line(block.text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _html(table: str) -> str:
    """A table of pipes as HTML on one line; one that is HTML already is kept."""
    rows = cells_of(table.splitlines())
    if not rows:
        return _one_line(table)
    made = ("".join(f"<td>{escape(cell, quote=False)}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in made) + "</table>"


def _box(box: Box, width_px: int, height_px: int) -> str:
    """A box in thousandths of the page, from 0 to 999."""
    sides = (width_px, height_px, width_px, height_px)
    scaled = (
        min(max(round(at * LAST / side), 0), LAST) if side else 0
        for at, side in zip(box, sides, strict=True)
    )
    return ", ".join(map(str, scaled))
