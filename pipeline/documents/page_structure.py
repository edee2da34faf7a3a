"""What the layout model says of a page whose text layer is taken.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipeline.config import RenderConfig, StructureMode
from pipeline.documents.layout_model import PICTURE_DPI, layout_model
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.rotation import turn_pixels
from pipeline.imaging.transform import Allocator, new_pixels
from pipeline.types import Box, PageImage, PageLayout


class Renderer(Protocol):
    """An open document."""

    def render(self, page: int, render: RenderConfig, allocate: Allocator) -> PageImage:
        """Render a page, counted from 1."""


class LayoutFinder:
    """Finds the layout of one page of a document: with `layout` by the model, else nothing.

    The page is rendered small for it, and only when it is asked.

    Attributes:
        warnings: Why the model was not asked though it should have been.

    Args:
        document: The open document.
        page: 1-based number.
        render: How its pages are rendered.
        structure: Not `plain`.
    """

    def __init__(
        self, document: Renderer, page: int, render: RenderConfig, structure: StructureMode
    ) -> None:
        self._document, self._page, self._render = document, page, render
        self._asks_model = structure == "layout"
        self.warnings: tuple[str, ...] = ()

    def __call__(self, boxes: Sequence[Box], size_px: tuple[int, int], deg: int) -> PageLayout:
        """The layout of the page after a clockwise turn.

        Args:
            boxes: Boxes of its lines on the turned page.
            size_px: Width and height of the turned page, in the pixels of the boxes.
            deg: The turn.
        """
        if not self._asks_model or not boxes:
            return PageLayout()
        small = self._render.model_copy(update={"dpi": PICTURE_DPI})
        try:
            image = self._document.render(self._page, small, new_pixels)
        except PageError as error:
            if error.kind is not ErrorKind.RENDER:
                raise
            # The layer is good: it is taken, with the structure that its fonts give.
            self.warnings = (f"structure without the layout model: {error}",)
            return PageLayout()
        return layout_model().find(turn_pixels(image.pixels, deg), boxes, size_px)


def layout_finder(
    document: Renderer, page: int, render: RenderConfig, structure: StructureMode
) -> LayoutFinder | None:
    """The finder of a page; None where its text is to be plain."""
    if structure == "plain":
        return None
    return LayoutFinder(document, page, render, structure)
