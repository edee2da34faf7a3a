"""Image files by two readers: what Pillow refuses is tried with MuPDF.

This runs in the reader's child process (`pipeline.documents.sandbox`). A page that one of them
draws without ink and the other refuses is not blank: nobody knows what is on it.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import RenderConfig
from pipeline.documents.images.mupdf import MupdfPicture
from pipeline.documents.images.pillow import PictureFile
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.imaging.transform import Canvas, new_canvas
from pipeline.types import PageImage


class Picture:
    """An open image file.

    Attributes:
        media_type: What the file is, such as "image/png".
        warnings: What was complained about in the headers, and which reader it is if not Pillow.
        is_reusable: Whether it has further pages.

    Raises:
        DocumentError: UNREADABLE by either, or LIMIT.
        MemoryError: A library ran out of memory.
    """

    def __init__(self, path: str, max_image_pixels: int, max_pages: int) -> None:
        self._path, self._max_pages = path, max_pages
        self._refusal = ""
        try:
            self._file: PictureFile | MupdfPicture = PictureFile(path, max_image_pixels, max_pages)
        except DocumentError as refusal:
            self._file = self._other(refusal, max_image_pixels)
            self._refusal = str(refusal)
        self.media_type = self._file.media_type
        self.warnings = (*self._file.warnings, *self._said())
        self.is_reusable = self._file.is_reusable

    def _other(self, refusal: DocumentError, max_image_pixels: int) -> MupdfPicture:
        if refusal.kind is not ErrorKind.UNREADABLE:
            raise refusal
        try:
            return MupdfPicture(self._path, max_image_pixels, self._max_pages)
        except DocumentError as error:
            raise error if error.kind is ErrorKind.LIMIT else refusal from None

    def _said(self) -> tuple[str, ...]:
        return (_warning(self._refusal),) if self._refusal else ()

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed; (0, 0) where no resolution is stated."""
        return self._file.sizes_pt()

    def render(self, page: int, render: RenderConfig, canvas: Canvas = new_canvas) -> PageImage:
        """Decode a page: upright, RGB on white, with square pixels.

        Args:
            page: 1-based number.
            render: The limit is `max_image_pixels`. Images are never drawn smaller.
            canvas: Where the pixels go.

        Raises:
            PageError: LIMIT, or RENDER where no reader has all of it.
            MemoryError: The picture needs more memory than there is.
        """
        try:
            image = self._file.render(page, render, canvas)
        except PageError as refusal:
            if self._refusal or refusal.kind is not ErrorKind.RENDER:
                raise
            return self._second(page, render, canvas, refusal)
        return replace(image, doubt=_doubt(self._refusal)) if self._refusal else image

    def _second(
        self, page: int, render: RenderConfig, canvas: Canvas, refusal: PageError
    ) -> PageImage:
        """The page by MuPDF; where it does no better, what Pillow said stands."""
        try:
            other = MupdfPicture(self._path, render.max_image_pixels, self._max_pages)
            image = other.render(page, render, canvas)
        except (DocumentError, PageError):
            raise refusal from None
        return replace(image, warnings=(_warning(str(refusal)),), doubt=_doubt(str(refusal)))

    def layer(self, page: int, render: RenderConfig) -> None:
        """A picture has no text layer."""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _warning(refusal: str) -> str:
    return f"read by MuPDF, for Pillow refuses: {refusal}"


def _doubt(refusal: str) -> str:
    return f"Pillow refuses it: {refusal}"
