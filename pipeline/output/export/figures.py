"""Figures of pages, cut out of the originals at the boxes of their blocks."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from pipeline.config import FigureConfig
from pipeline.errors import ErrorKind, RecordedError
from pipeline.types import Box, PageImage, PageRef, PageResult, Pixels

PICTURES: Final = frozenset({"image", "figure", "picture"})
"""Kinds of blocks that are figures, in the labels of all engines."""

Draw = Callable[[PageRef], PageImage]
"""Draws a page of an original; raises RecordedError."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a page.

    Attributes:
        page: The page, from 1.
        block: Number of its block on the page, from 1.
        png: The figure as a PNG file, empty where it cannot be had.
        missing: Why it cannot be had, "" where it can.
    """

    page: int
    block: int
    png: bytes = b""
    missing: str = ""

    @property
    def anchor(self) -> str:
        """Its name in the document."""
        return f"page-{self.page}-block-{self.block}"


Figures = Mapping[int, Figure]
"""The figures of a page, by the number of their block."""


class FigureCutter:
    """Cuts figures out of pages. A page without figures is not drawn.

    Args:
        draw: Draws the pages.
        config: Limits the size of a figure.
        warn: Told of each page whose figures cannot be had.
    """

    def __init__(self, draw: Draw, config: FigureConfig, warn: Callable[[str], None]) -> None:
        self._draw, self._config, self._warn = draw, config, warn

    def figures(self, result: PageResult) -> Figures:
        """The figures of a page; those that cannot be had say why."""
        boxes = figure_boxes(result)
        if not boxes:
            return {}
        page = result.ref.page
        try:
            image = self._draw(result.ref)
        except RecordedError as error:
            missing = missing_reason(error)
            self._warn(f"{result.ref.uri}, page {page}: no figures: {missing}")
            return {number: Figure(page, number, missing=missing) for number in boxes}
        return {
            number: Figure(page, number, self._png(cut(image.pixels, box, result)))
            for number, box in boxes.items()
        }

    def _png(self, pixels: Pixels) -> bytes:
        image = Image.fromarray(pixels)
        image.thumbnail((self._config.max_side_px, self._config.max_side_px))
        file = io.BytesIO()
        image.save(file, "PNG")
        return file.getvalue()


def figure_boxes(result: PageResult) -> dict[int, Box]:
    """The boxes of a page's figures, by the number of their block."""
    return {
        number: block.box
        for number, block in enumerate(result.recognition.blocks, 1)
        if block.kind in PICTURES and block.box is not None
    }


def cut(pixels: Pixels, box: Box, result: PageResult) -> Pixels:
    """A part of a page, upright, at least one pixel large.

    Args:
        pixels: The page as displayed, at any resolution.
        box: The part, in pixels of `result.width_px` and `result.height_px`.
        result: The page.
    """
    height_px, width_px = pixels.shape[:2]
    across = width_px / (result.width_px or width_px)
    down = height_px / (result.height_px or height_px)
    x0, x1 = _inside(box[0] * across, box[2] * across, width_px)
    y0, y1 = _inside(box[1] * down, box[3] * down, height_px)
    return np.rot90(pixels[y0:y1, x0:x1], -(result.turned_deg // 90))


def _inside(start: float, end: float, side_px: int) -> tuple[int, int]:
    first = min(max(int(start), 0), side_px - 1)
    return first, min(max(int(np.ceil(end)), first + 1), side_px)


def missing_reason(error: RecordedError) -> str:
    """Why an original cannot be seen, in words for a reader of the document."""
    if error.kind is ErrorKind.NOT_FOUND:
        return "the original is gone"
    return f"the original cannot be read: {' '.join(str(error).split())}"
