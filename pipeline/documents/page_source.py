"""What is asked of an open document, whatever its format."""

from __future__ import annotations

from typing import Protocol

from pipeline.config import RenderConfig
from pipeline.imaging.transform import Allocator
from pipeline.text.text_layer import TextLayer
from pipeline.types import PageImage


class PageSource(Protocol):
    """An open document: `PdfFile` or `ImageFile`.

    Attributes:
        language: The language that it states, such as "ru-RU", "" where it states none.
    """

    @property
    def language(self) -> str:
        """The language that it states."""

    def render(self, page: int, render: RenderConfig, allocate: Allocator) -> PageImage:
        """Render a page, counted from 1."""

    def layer(self, page: int, render: RenderConfig) -> TextLayer | None:
        """The text layer of a page, None for image files."""
