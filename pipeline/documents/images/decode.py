"""Image files by two decoders: what Pillow refuses is tried with MuPDF.

Runs in the worker process of `pipeline.documents.sandbox`. A page that one decoder refuses and the
other draws without ink is not reported as blank, because its content is unknown.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import RenderConfig
from pipeline.documents.images.mupdf import MupdfImageFile
from pipeline.documents.images.pillow import PillowImageFile
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.imaging.transform import Allocator, new_pixels
from pipeline.types import PageImage


class ImageFile:
    """An open image file.

    Attributes:
        media_type: What the file is, such as "image/png".
        warnings: Problems in the headers, and that MuPDF decodes it where Pillow does not.
        is_reusable: Whether it has further pages.
        language: "": an image states none.

    Raises:
        DocumentError: UNREADABLE by both, or LIMIT.
        MemoryError: A library ran out of memory.
    """

    language = ""

    def __init__(self, path: str, max_image_pixels: int, max_pages: int) -> None:
        self._path, self._max_pages = path, max_pages
        self._pillow_error = ""
        try:
            self._file: PillowImageFile | MupdfImageFile = PillowImageFile(
                path, max_image_pixels, max_pages
            )
        except DocumentError as refusal:
            self._file = self._open_with_mupdf(refusal, max_image_pixels)
            self._pillow_error = str(refusal)
        self.media_type = self._file.media_type
        self.warnings = (*self._file.warnings, *self._fallback_warning())
        self.is_reusable = self._file.is_reusable

    def _open_with_mupdf(self, refusal: DocumentError, max_image_pixels: int) -> MupdfImageFile:
        if refusal.kind is not ErrorKind.UNREADABLE:
            raise refusal
        try:
            return MupdfImageFile(self._path, max_image_pixels, self._max_pages)
        except DocumentError as error:
            raise error if error.kind is ErrorKind.LIMIT else refusal from None

    def _fallback_warning(self) -> tuple[str, ...]:
        return (_warning(self._pillow_error),) if self._pillow_error else ()

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed; (0, 0) where no resolution is stated."""
        return self._file.sizes_pt()

    def render(
        self, page: int, render: RenderConfig, allocate: Allocator = new_pixels
    ) -> PageImage:
        """Decode a page: upright, RGB on white, with square pixels.

        Args:
            page: 1-based number.
            render: The limit is `max_image_pixels`. Images are never reduced.
            allocate: Allocates the returned pixels.

        Raises:
            PageError: LIMIT, or RENDER where neither decoder can decode it completely.
            MemoryError: The image needs more memory than there is.
        """
        try:
            image = self._file.render(page, render, allocate)
        except PageError as refusal:
            if self._pillow_error or refusal.kind is not ErrorKind.RENDER:
                raise
            return self._render_with_mupdf(page, render, allocate, refusal)
        return (
            replace(image, blank_suspect_reason=_blank_suspect_reason(self._pillow_error))
            if self._pillow_error
            else image
        )

    def _render_with_mupdf(
        self, page: int, render: RenderConfig, allocate: Allocator, refusal: PageError
    ) -> PageImage:
        """Decode a page with MuPDF; where that fails too, raise Pillow's error."""
        try:
            other = MupdfImageFile(self._path, render.max_image_pixels, self._max_pages)
            image = other.render(page, render, allocate)
        except (DocumentError, PageError):
            raise refusal from None
        return replace(
            image,
            warnings=(_warning(str(refusal)),),
            blank_suspect_reason=_blank_suspect_reason(str(refusal)),
        )

    def layer(self, page: int, render: RenderConfig) -> None:
        """None: an image has no text layer."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _warning(refusal: str) -> str:
    return f"read by MuPDF, for Pillow refuses: {refusal}"


def _blank_suspect_reason(refusal: str) -> str:
    return f"Pillow refuses it: {refusal}"
