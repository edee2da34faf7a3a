"""Decodes image files that Pillow refuses with MuPDF: JBIG2, Photoshop, JPEG XR, unusual TIFFs.

Runs in the worker process of `pipeline.documents.sandbox`. Here MuPDF's warnings are errors: it
decodes what there is of a truncated image and fills the rest with white. Sizes are read from the
headers before anything is decoded.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from pymupdf import mupdf

from pipeline.config import RenderConfig
from pipeline.documents.images.pillow import plausible_dpi, size_pt, square_size, too_large
from pipeline.documents.pdf import mupdf_log
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.imaging.transform import (
    ORIENTATION_TAG,
    Allocator,
    apply_exif_orientation,
    new_pixels,
    resize,
)
from pipeline.types import PageImage, Pixels

_MEDIA_TYPES: Final = {
    mupdf.FZ_IMAGE_BMP: "image/bmp",
    mupdf.FZ_IMAGE_GIF: "image/gif",
    mupdf.FZ_IMAGE_JBIG2: "image/x-jbig2",
    mupdf.FZ_IMAGE_JPEG: "image/jpeg",
    mupdf.FZ_IMAGE_JPX: "image/jp2",
    mupdf.FZ_IMAGE_JXR: "image/vnd.ms-photo",
    mupdf.FZ_IMAGE_PNG: "image/png",
    mupdf.FZ_IMAGE_PNM: "image/x-portable-anymap",
    mupdf.FZ_IMAGE_PSD: "image/vnd.adobe.photoshop",
    mupdf.FZ_IMAGE_TIFF: "image/tiff",
}
_EXIF: Final = (1, 1, 8, 3, 6, 2, 5, 4, 7)
"""The EXIF orientation for each of MuPDF's orientations, 0 to 8."""
_MAGIC_BYTES: Final = 16
_WIDTH, _HEIGHT, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 256, 257, 282, 283, 296
_CENTIMETRE: Final = 3


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a page.

    Attributes:
        size_px: Width and height as stored.
        dpi: Dots per inch across and down as stored, (0, 0) where unknown.
        orientation: EXIF orientation, 1 to 8.
    """

    size_px: tuple[int, int]
    dpi: tuple[float, float]
    orientation: int = 1

    @property
    def displayed(self) -> tuple[tuple[int, int], tuple[float, float]]:
        """Size in pixels and resolution, as displayed."""
        (width_px, height_px), (across, down) = self.size_px, self.dpi
        if self.orientation >= 5:
            return (height_px, width_px), (down, across)
        return self.size_px, self.dpi


class MupdfImageFile:
    """An image file in a format that MuPDF knows.

    Attributes:
        media_type: Its media type.
        warnings: Empty: MuPDF's warnings are errors here.
        is_reusable: Whether it has further pages.

    Raises:
        DocumentError: UNREADABLE, or LIMIT for too many frames or pixels.
        MemoryError: MuPDF ran out of memory.
    """

    def __init__(self, path: str, max_image_pixels: int, max_pages: int) -> None:
        self._bytes = Path(path).read_bytes()
        with _errors(DocumentError, ErrorKind.UNREADABLE, "no readable image"):
            start = self._bytes[:_MAGIC_BYTES].ljust(_MAGIC_BYTES, b"\0")
            self._kind = mupdf.fz_recognize_image_format(mupdf.python_buffer_data(start))
            if self._kind not in _MEDIA_TYPES:
                raise DocumentError(ErrorKind.UNREADABLE, "not an image format that MuPDF knows")
            if self._kind == mupdf.FZ_IMAGE_PNG and b"eXIf" in self._bytes:
                message = "MuPDF does not read the orientation of a PNG"
                raise DocumentError(ErrorKind.UNREADABLE, message)
            self._headers = self._read_headers(max_pages)
        for header in self._headers[:1]:
            if _pixels(header) > max_image_pixels:
                raise DocumentError(ErrorKind.LIMIT, too_large(max_image_pixels))
        self.media_type = _MEDIA_TYPES[self._kind]
        self.warnings: tuple[str, ...] = ()
        self.is_reusable = len(self._headers) > 1

    def _read_headers(self, max_pages: int) -> list[Header]:
        if self._kind == mupdf.FZ_IMAGE_TIFF:
            return list(_tiff_headers(self._bytes, max_pages))
        image = self._image(0)
        turn = _EXIF[mupdf.fz_image_orientation(image)]
        # Not MuPDF's resolution: it is 96 or 72 where the file states none.
        return [Header((image.w(), image.h()), (0.0, 0.0), turn)]

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed; (0, 0) where no resolution is stated."""
        return [size_pt(*header.displayed) for header in self._headers]

    def render(
        self, page: int, render: RenderConfig, allocate: Allocator = new_pixels
    ) -> PageImage:
        """Decode a page: upright, RGB on white, with square pixels.

        Args:
            page: 1-based number.
            render: The limit is `max_image_pixels`.
            allocate: Allocates the returned pixels.

        Raises:
            PageError: LIMIT, or RENDER where MuPDF fails or warns.
            MemoryError: MuPDF ran out of memory.
        """
        if not 1 <= page <= len(self._headers):
            raise PageError(ErrorKind.RENDER, f"there is no page {page} of {len(self._headers)}")
        header = self._headers[page - 1]
        if _pixels(header) > render.max_image_pixels:
            raise PageError(ErrorKind.LIMIT, too_large(render.max_image_pixels))
        with _errors(PageError, ErrorKind.RENDER, "MuPDF cannot decode it"):
            decoded = _oriented(_drawn(self._image(page - 1), header.size_px), header.orientation)
        size_px, dpi = header.displayed
        width_px, height_px = square_size(size_px, dpi)
        pixels = allocate(height_px, width_px)
        np.copyto(pixels, resize(decoded, width_px, height_px))
        return PageImage(pixels, max(dpi))

    def layer(self, page: int, render: RenderConfig) -> None:
        """None: an image has no text layer."""

    def close(self) -> None:
        """Release the file's bytes."""
        self._bytes = b""

    def _image(self, frame: int) -> Any:
        """MuPDF's image of a frame. For a TIFF's second and later frames this decodes it."""
        if not frame:
            return mupdf.fz_new_image_from_buffer(mupdf.fz_new_buffer_from_copied_data(self._bytes))
        memory = mupdf.python_buffer_data(self._bytes)
        pixmap = mupdf.fz_load_tiff_subimage(memory, len(self._bytes), frame)
        return mupdf.fz_new_image_from_pixmap(pixmap, mupdf.FzImage())


@contextmanager
def _errors(
    error_type: type[DocumentError | PageError], kind: ErrorKind, doing: str
) -> Iterator[None]:
    """Translate MuPDF's errors and warnings into an error of this package."""
    mupdf_log.take()
    try:
        yield
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        raise error_type(kind, f"{doing}: {mupdf_log.message(error)}") from None
    said = mupdf_log.take()
    mupdf_log.check_memory(*said)
    if said:
        raise error_type(kind, f"{doing}: {said[0]}")


def _tiff_headers(content: bytes, max_pages: int) -> Iterator[Header]:
    """The headers of all frames, until the chain ends or loops, by Pillow's directory parser.

    Raises:
        DocumentError: UNREADABLE, or LIMIT for a chain longer than `max_pages`.
    """
    file = io.BytesIO(content)
    try:
        directory = ImageFileDirectory_v2(file.read(8))
        seen: set[int] = set()
        while directory.next and directory.next not in seen:
            seen.add(directory.next)
            if len(seen) > max_pages:
                limit = f"has more frames than read.max_pages ({max_pages})"
                raise DocumentError(ErrorKind.LIMIT, limit)
            file.seek(directory.next)
            directory.load(file)
            yield _tiff_header(directory)
    except (DocumentError, MemoryError):
        raise
    except Exception as error:
        message = f"its header cannot be read: {error or type(error).__name__}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None


def _tiff_header(directory: ImageFileDirectory_v2) -> Header:
    across, down = (float(directory.get(tag, 0)) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
    scale = 2.54 if directory.get(_UNIT) == _CENTIMETRE else 1.0
    turn = int(directory.get(ORIENTATION_TAG, 1))
    size_px = int(directory[_WIDTH]), int(directory[_HEIGHT])
    return Header(
        size_px, plausible_dpi(across * scale, down * scale), turn if turn in _EXIF else 1
    )


def _drawn(image: Any, size_px: tuple[int, int]) -> Pixels:
    """The image as stored, on white."""
    if (image.w(), image.h()) != size_px:
        message = f"{size_px} pixels in the header are {(image.w(), image.h())} in the image"
        raise PageError(ErrorKind.RENDER, message)
    width_px, height_px = size_px
    pixels = new_pixels(height_px, width_px)
    rgb = mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB)
    memory = mupdf.python_mutable_buffer_data(memoryview(pixels).cast("B"))  # type: ignore[arg-type]
    frame = mupdf.fz_make_irect(0, 0, width_px, height_px)
    no_spots, no_alpha = mupdf.FzSeparations(), 0
    pixmap = mupdf.fz_new_pixmap_with_bbox_and_data(rgb, frame, no_spots, no_alpha, memory)
    mupdf.fz_clear_pixmap_with_value(pixmap, 0xFF)
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(), pixmap)
    whole = mupdf.fz_scale(width_px, height_px)
    mupdf.fz_fill_image(device, image, whole, 1.0, mupdf.FzColorParams())
    mupdf.fz_close_device(device)
    return pixels


def _oriented(pixels: Pixels, orientation: int) -> Pixels:
    image = Image.fromarray(pixels)
    image.getexif()[ORIENTATION_TAG] = orientation
    return np.asarray(apply_exif_orientation(image))


def _pixels(header: Header) -> int:
    return math.prod(square_size(*header.displayed))
