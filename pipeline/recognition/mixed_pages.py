"""Joins the text layer of a page with what an engine read in its pictures. Pure.

The engine got an image of the pictures alone (`pipeline.documents.mixed_pages`). Each of its blocks
goes to the place of its picture: after the block of the layer that starts above the middle of the
picture, in its column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pipeline.documents.mixed_pages import unread_pictures
from pipeline.imaging.rotation import turn_box
from pipeline.text.structure import markdown
from pipeline.types import Block, Box, Crop, Line, MixedPage, Recognition, Rung, Status

_MIN_SHARE: Final = 0.25
"""Least share of the estimated characters that has to be read for no warning: the estimate is
rough."""
_MIN_OVERLAP: Final = 0.1
"""Least share of the narrower width that a block and a picture in its column have in common."""


def with_layer(read: Recognition, mixed: MixedPage, deg: int) -> Recognition:
    """The result of a whole page.

    Its text is good, whatever became of the pictures: where these were not read, it is the layer's
    alone, with a warning.

    Args:
        read: What an engine read in the pictures, boxes in pixels of their image before any turn.
        mixed: The rest of the page.
        deg: The clockwise turn that makes the page's text upright.
    """
    is_read = read.status is Status.OK
    found = read.blocks if is_read else ()
    count = sum(len("".join(block.text.split())) for block in found)
    blocks = _in_order(mixed, [_on_page(block, mixed.crops) for block in found if block.text], deg)
    lost = unread_pictures(mixed.characters if count < _MIN_SHARE * mixed.characters else 0)
    why = (f"the pictures of the page: {read.failure.message}",) if read.failure else ()
    return replace(
        read,
        status=Status.OK,
        text=markdown(blocks),
        blocks=blocks,
        lines=tuple(_line_on_page(line, mixed.crops) for line in read.lines) if is_read else (),
        failure=None,
        rung=read.rung if count else Rung.LAYER,
        warnings=(*read.warnings, *lost, *why),
    )


def _on_page(block: Block, crops: Sequence[Crop]) -> tuple[Crop, Block]:
    """The picture that a block is in, and the block on the page.

    Engines without boxes give one block, of all pictures: it gets the place of the first one.
    """
    if block.box is None:
        return crops[0], replace(block, box=crops[0].box if len(crops) == 1 else None)
    crop, box = _placed(block.box, crops)
    return crop, replace(block, box=box)


def _line_on_page(line: Line, crops: Sequence[Crop]) -> Line:
    return replace(line, box=_placed(line.box, crops)[1])


def _placed(box: Box, crops: Sequence[Crop]) -> tuple[Crop, Box]:
    """The picture that a box is in, and the box on the page."""
    x0, y0, x1, y1 = box
    crop = min(crops, key=lambda crop: _distance(crop, (x0 + x1) / 2, (y0 + y1) / 2))
    across, down = crop.box[0] - crop.left_px, crop.box[1] - crop.top_px
    return crop, (x0 + across, y0 + down, x1 + across, y1 + down)


def _distance(crop: Crop, x: float, y: float) -> float:
    """Pixels from a point of the image of pictures to a picture, 0 inside."""
    x0, y0, x1, y1 = crop.box
    right, bottom = crop.left_px + x1 - x0, crop.top_px + y1 - y0
    return max(crop.left_px - x, x - right, crop.top_px - y, y - bottom, 0.0)


def _in_order(mixed: MixedPage, found: Sequence[tuple[Crop, Block]], deg: int) -> tuple[Block, ...]:
    """The blocks of the layer with those of the pictures at their places."""
    boxes = [block.box and turn_box(block.box, 0, 0, deg) for block in mixed.blocks]
    placed = [(index, 1, 0.0, block) for index, block in enumerate(mixed.blocks)]
    for crop, block in found:
        picture = turn_box(crop.box, 0, 0, deg)
        # Those of several pictures at one place from top to bottom.
        placed.append((_place(picture, boxes), 0, picture[1], block))
    return tuple(block for *_, block in sorted(placed, key=lambda place: place[:3]))


def _place(picture: Box, boxes: Sequence[Box | None]) -> int:
    """The index of the block before which the text of a picture is read."""
    middle = (picture[1] + picture[3]) / 2
    known = [(index, box) for index, box in enumerate(boxes) if box is not None]
    column = [(index, box) for index, box in known if _is_in_column(box, picture)]
    above = [(box[1], index) for index, box in column or known if box[1] <= middle]
    if above:
        return max(above)[1] + 1
    return min((box[1], index) for index, box in column or known)[1] if known else len(boxes)


def _is_in_column(box: Box, picture: Box) -> bool:
    shared = min(box[2], picture[2]) - max(box[0], picture[0])
    return shared > _MIN_OVERLAP * min(box[2] - box[0], picture[2] - picture[0])
