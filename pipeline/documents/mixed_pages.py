"""Cuts the pictures with text out of a page whose text layer is taken, for an engine to read them.

Runs in the worker process of `pipeline.documents.sandbox`. What the engine finds is added to the
layer's blocks by `pipeline.recognition.mixed_pages`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.config import RenderConfig
from pipeline.documents.page_source import PageSource
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.rotation import turn_box
from pipeline.imaging.stack import stack
from pipeline.imaging.transform import Allocator, new_pixels
from pipeline.text.text_layer import TextLayer
from pipeline.types import Block, Box, Crop, MixedPage, PageImage, Pixels

MIN_CHARACTERS: Final = 10
"""Pages whose pictures have fewer are not given to an engine."""
_WHITE: Final = 255


def unread_pictures(characters: int) -> tuple[str, ...]:
    """The warning of a page with text in pictures that is not read; () where there is none."""
    if not characters:
        return ()
    return (f"about {characters} characters in pictures are not in the text layer",)


@dataclass(frozen=True, slots=True)
class LayerPage:
    """A page whose text layer is taken.

    Attributes:
        document: The open document.
        number: 1-based number of the page.
        layer: Its text layer.
        blocks: What was made of the layer.
        turned_deg: The clockwise turn that makes the text upright.
    """

    document: PageSource
    number: int
    layer: TextLayer
    blocks: tuple[Block, ...]
    turned_deg: int


def rendered_pictures(
    page: LayerPage, render: RenderConfig, allocate: Allocator
) -> PageImage | None:
    """An image of nothing but the pictures of a page that have text.

    Text of the layer that lies on a picture is painted over: it is in the blocks already.

    Args:
        page: The page.
        render: Resolution, and the limit of pixels.
        allocate: Returns the array for the pixels.

    Returns:
        The image; None where the page cannot be rendered, whose layer is good still.
    """
    try:
        whole = page.document.render(page.number, render, new_pixels)
    except PageError as error:
        if error.kind is not ErrorKind.RENDER:
            raise
        return None
    layer, deg = page.layer, page.turned_deg
    for line in layer.visible:
        left, top, right, bottom = _whole(line.box)
        whole.pixels[top:bottom, left:right] = _WHITE
    height_px, width_px = whole.pixels.shape[:2]
    boxes = [_inside(box, width_px, height_px) for box in _in_order(layer.drawing.pictures, deg)]
    pictures = [_cut(whole.pixels, box) for box in boxes]
    # Below each other once they are upright.
    pixels, corners = stack(pictures, 1 if deg % 180 else 0, allocate)
    crops = (Crop(box, *corner) for box, corner in zip(boxes, corners, strict=True))
    mixed = MixedPage(page.blocks, tuple(crops), layer.drawing.picture_characters)
    return replace(whole, pixels=pixels, turned_deg=deg, mixed=mixed)


def _in_order(boxes: Sequence[Box], deg: int) -> list[Box]:
    """The pictures in the order in which they are put: turned, the first one is at the top."""
    upright = sorted(boxes, key=lambda box: turn_box(box, 0, 0, deg)[1])
    return upright[::-1] if deg in (180, 270) else upright


def _whole(box: Box) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (max(0.0, side) for side in box)
    return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)


def _inside(box: Box, width_px: int, height_px: int) -> Box:
    """The whole pixels of a box that are on the page; at least one."""
    x0, y0, x1, y1 = _whole(box)
    left, top = min(x0, width_px - 1), min(y0, height_px - 1)
    right, bottom = min(x1, width_px), min(y1, height_px)
    return float(left), float(top), float(max(right, left + 1)), float(max(bottom, top + 1))


def _cut(pixels: Pixels, box: Box) -> Pixels:
    x0, y0, x1, y1 = map(int, box)
    return pixels[y0:y1, x0:x1]
