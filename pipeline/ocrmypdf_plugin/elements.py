"""Pages as OCRmyPDF's trees of elements. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from ocrmypdf.hocrtransform import Baseline, BoundingBox, OcrClass, OcrElement

from pipeline.documents.pdf.invisible_font import DESCENT
from pipeline.imaging.rotation import turn_back, turn_box
from pipeline.output.export.askew import baseline, size
from pipeline.output.export.page_lines import (
    LinedBlock,
    PlacedLine,
    Word,
    is_right_to_left,
    lined_blocks,
    words,
)
from pipeline.types import Block, Box, Line, PageResult

_Part = TypeVar("_Part", Block, Line)


def scaled(page: PageResult, width_px: int, height_px: int) -> PageResult:
    """A page with its boxes in the pixels of an image of another size."""
    if not page.width_px or not page.height_px:
        return replace(page, width_px=width_px, height_px=height_px)
    across, down = width_px / page.width_px, height_px / page.height_px
    read = page.recognition

    def part(each: _Part) -> _Part:
        if each.box is None:
            return each
        x0, y0, x1, y1 = each.box
        return replace(each, box=(x0 * across, y0 * down, x1 * across, y1 * down))

    blocks = tuple(part(block) for block in read.blocks)
    lines = tuple(part(line) for line in read.lines)
    read = replace(read, blocks=blocks, lines=lines)
    return replace(page, recognition=read, width_px=width_px, height_px=height_px)


def page_element(page: PageResult, dpi: float, number: int) -> Any:
    """A page with its paragraphs, lines and words.

    Args:
        page: The page, boxes in pixels of its image.
        dpi: Resolution of the image.
        number: Number of the page, from 0.
    """
    return OcrElement(
        ocr_class=OcrClass.PAGE,
        bbox=BoundingBox(0, 0, page.width_px, page.height_px),
        dpi=dpi,
        page_number=number,
        children=[_paragraph(block) for block in lined_blocks(page) if block.lines],
    )


def page_text(page: PageResult) -> str:
    """The lines of a page, an empty one between its blocks."""
    blocks = ("\n".join(line.text for line in block.lines) for block in lined_blocks(page))
    return "\n\n".join(filter(None, blocks)) + "\n"


def _paragraph(block: LinedBlock) -> Any:
    boxes = [line.box for line in block.lines]
    around = (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
    children = [_line(line) for line in block.lines]
    return OcrElement(OcrClass.PARAGRAPH, bbox=_bounding(around), children=children)


def _line(line: PlacedLine) -> Any:
    box, base = (line.box, None) if not line.skew_deg else _askew(line)
    return OcrElement(
        OcrClass.LINE,
        bbox=_bounding(box),
        baseline=base,
        direction="rtl" if is_right_to_left(line.text) else "ltr",
        # Counter-clockwise there, clockwise here.
        textangle=float(-line.direction_deg % 360),
        children=list(_words(line)),
    )


def _askew(line: PlacedLine) -> tuple[Box, Any]:
    """The box and the baseline of a line that lies askew.

    OCRmyPDF takes what is above the baseline at the left end of a box for the size of its text: the
    box is as high as the line, at its beginning.
    """
    place = line.box, line.direction_deg, line.skew_deg
    upright = -line.direction_deg % 360
    left, _, right, lower = turn_box(line.box, 0, 0, upright)
    height = size(*place)[1]
    slope, constant = baseline(*place, DESCENT)
    bottom = lower + constant + DESCENT * height
    box = turn_back((left, bottom - height, right, bottom), 0, 0, upright)
    return box, Baseline(slope, -DESCENT * height)


def _words(line: PlacedLine) -> Iterator[Any]:
    for word in words(line):
        yield _word(word, line)


def _word(word: Word, line: PlacedLine) -> Any:
    box = _bounding(word.box)
    return OcrElement(OcrClass.WORD, bbox=box, text=word.text, confidence=line.score)


def _bounding(box: Box) -> Any:
    x0, y0, x1, y1 = box
    return BoundingBox(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
