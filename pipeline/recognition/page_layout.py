"""Asks the layout model about a page that an engine read as lines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from pipeline.config import Recipe
from pipeline.documents.layout_model import layout_model
from pipeline.imaging.rules import find_rules
from pipeline.types import Generation, PageLayout, RegionKind, Request, Task

_MARGIN: Final = 0.02
"""Rules of a table are searched this far around its region, as a share of the longer side."""


async def with_layout(generation: Generation, request: Request, recipe: Recipe) -> Generation:
    """An engine's answer with the layout of its lines, where structure is wanted.

    The answer of an engine without lines is returned unchanged: its model writes Markdown itself.

    Args:
        generation: The answer.
        request: What the engine was given; its image is upright.
        recipe: Says whether structure is wanted.
    """
    is_wanted = recipe.structure != "plain" and request.task is Task.MARKDOWN
    # An image of a page's pictures alone has no layout.
    if not is_wanted or not generation.lines or request.mixed is not None:
        return generation
    # In a thread: the event loop has other pages and requests to serve.
    layout = await asyncio.to_thread(_find, generation, request)
    return replace(generation, layout=layout)


def _find(generation: Generation, request: Request) -> PageLayout:
    height_px, width_px = request.image.shape[:2]
    boxes = [line.box for line in generation.lines]
    layout = layout_model().find(request.image, boxes, (width_px, height_px))
    tables = [region.box for region in layout.regions if region.kind is RegionKind.TABLE]
    near_px = _MARGIN * max(width_px, height_px)
    rules = tuple(
        rule
        for x0, y0, x1, y1 in tables
        for rule in find_rules(
            request.image, (x0 - near_px, y0 - near_px, x1 + near_px, y1 + near_px)
        )
    )
    return replace(layout, rules=rules)
