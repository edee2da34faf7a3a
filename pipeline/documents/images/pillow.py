"""Decodes image files with Pillow: every frame of a TIFF, the first frame of an animation.

Runs in the worker process of `pipeline.documents.sandbox`. Sizes are read from the headers and
checked before anything is decoded. Truncated files are errors (Pillow's default).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from pipeline.config import RenderConfig
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.imaging.transform import (
    Allocator,
    apply_exif_orientation,
    exif_orientation,
    new_pixels,
    resize,
    to_rgb,
)
from pipeline.types import PageImage

FORMATS: Final = ("PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "DIB", "JPEG2000", "ICO", "PPM")
"""Formats that are opened, by Pillow's names. Others of Pillow's run external programs (EPS)."""

_MIN_DPI, _MAX_DPI = 36, 1200
_MAX_ASPECT: Final = 1.2
"""Pixels with a larger aspect ratio are resampled to square ones. A fax has 204 x 98 dpi."""
_POINTS_PER_INCH: Final = 72

Caught = list[warnings.WarningMessage]


class PillowImageFile:
    """An open image file.

    Attributes:
        media_type: What the file is, such as "image/png".
        warnings: Frames that are not pages, and Pillow's warnings about the headers.
        is_reusable: Whether it has further pages. An image of one page is decoded once, so
            that its memory can be freed.

    Raises:
        DocumentError: UNREADABLE, or LIMIT for too many frames or pixels.
        MemoryError: Pillow ran out of memory.
    """

    def __init__(self, path: str, max_image_pixels: int, max_pages: int) -> None:
        self._broken_frame = ""
        with _pillow_limit(max_image_pixels) as caught:
            self._image = _open(path, max_image_pixels)
            try:
                self._sizes_pt, left_out = self._frames(max_pages)
            except BaseException:
                self._image.close()
                raise
        self.media_type = Image.MIME.get(str(self._image.format), "application/octet-stream")
        self.warnings = (*left_out, *_messages(caught))
        self.is_reusable = len(self._sizes_pt) > 1

    def _frames(self, max_pages: int) -> tuple[list[tuple[float, float]], tuple[str, ...]]:
        """The sizes of the pages, and a warning about frames that are not pages."""
        if self._image.format == "TIFF":
            return self._tiff_frames(max_pages), ()
        return [_page_pt(self._image)], _left_out(self._image)

    def _tiff_frames(self, max_pages: int) -> list[tuple[float, float]]:
        """The sizes of all frames, until the chain ends or breaks.

        A frame with a broken header counts as a page, and rendering it raises the error. Frames
        after it cannot be found.
        """
        sizes: list[tuple[float, float]] = []
        try:
            while len(sizes) <= max_pages:
                self._image.seek(len(sizes))
                sizes.append(_page_pt(self._image))
        except EOFError:
            return sizes
        except MemoryError:
            raise
        except Exception as error:
            self._broken_frame = f"its header cannot be read: {_message(error)}"
            return [*sizes, (0.0, 0.0)]
        message = f"has more frames than read.max_pages ({max_pages})"
        raise DocumentError(ErrorKind.LIMIT, message)

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed; (0, 0) where no resolution is stated."""
        return self._sizes_pt

    def render(
        self, page: int, render: RenderConfig, allocate: Allocator = new_pixels
    ) -> PageImage:
        """Decode a page: upright, RGB on white, with square pixels.

        Args:
            page: 1-based number.
            render: The limit is `max_image_pixels`. Images are never reduced.
            allocate: Allocates the returned pixels.

        Raises:
            PageError: LIMIT, or RENDER for an image that is truncated or otherwise damaged.
            MemoryError: The image needs more memory than there is.
        """
        self._check_page(page)
        with _pillow_limit(render.max_image_pixels) as caught:
            try:
                image = self._decode(page - 1, render.max_image_pixels, allocate)
            except (PageError, MemoryError):
                raise
            except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
                raise PageError(ErrorKind.LIMIT, too_large(render.max_image_pixels)) from error
            except Exception as error:
                raise PageError(
                    ErrorKind.RENDER, f"cannot be decoded: {_message(error)}"
                ) from error
        return PageImage(image.pixels, image.dpi, (*image.warnings, *_messages(caught)))

    def layer(self, page: int, render: RenderConfig) -> None:
        """None: an image has no text layer."""

    def _check_page(self, page: int) -> None:
        pages = len(self._sizes_pt)
        if not 1 <= page <= pages:
            raise PageError(ErrorKind.RENDER, f"there is no page {page} of {pages}")
        if page == pages and self._broken_frame:
            # A second seek to it would succeed and decode the wrong rows.
            raise PageError(ErrorKind.RENDER, self._broken_frame)

    def _decode(self, frame: int, max_pixels: int, allocate: Allocator) -> PageImage:
        self._image.seek(frame)
        size_px, dpi = _displayed_px(self._image), _displayed_dpi(self._image)
        if math.prod(square_size(size_px, dpi)) > max_pixels:
            raise PageError(ErrorKind.LIMIT, too_large(max_pixels))
        self._image.load()
        decoded = to_rgb(apply_exif_orientation(self._image))
        if decoded.shape[:2] != (size_px[1], size_px[0]):
            size_px, dpi = size_px[::-1], dpi[::-1]  # the orientation was stored after the pixels
        width_px, height_px = square_size(size_px, dpi)
        pixels = allocate(height_px, width_px)
        np.copyto(pixels, resize(decoded, width_px, height_px))
        if (width_px, height_px) == size_px:
            return PageImage(pixels, dpi[0])
        stretched = f"stretched to square pixels: the file states {dpi[0]:g} x {dpi[1]:g} dpi"
        return PageImage(pixels, max(dpi), (stretched,))

    def close(self) -> None:
        """Close the file."""
        self._image.close()


def _open(path: str, max_pixels: int) -> Image.Image:
    """Read the header."""
    try:
        image = Image.open(path, formats=FORMATS)
    except MemoryError:
        raise
    except Exception as error:
        raise _refusal(error, max_pixels) from error
    if 0 in image.size:
        image.close()
        raise DocumentError(ErrorKind.UNREADABLE, "the image has no pixels")
    return image


def _refusal(error: Exception, max_pixels: int) -> DocumentError:
    """The error for an exception raised while a header was read."""
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return DocumentError(ErrorKind.LIMIT, too_large(max_pixels))
    if isinstance(error, UnidentifiedImageError):
        return DocumentError(ErrorKind.UNREADABLE, "neither a PDF nor a readable image")
    if "MAX_TEXT" in str(error):  # compressed text chunks of a PNG
        return DocumentError(ErrorKind.LIMIT, "its text chunks decompress to too much")
    return DocumentError(ErrorKind.UNREADABLE, f"no readable image: {_message(error)}")


def _left_out(image: Image.Image) -> tuple[str, ...]:
    """A warning about the frames after the first, if there are any."""
    try:
        frames = str(getattr(image, "n_frames", 1))
    except MemoryError:
        raise
    except Exception:  # the first frame is readable and the others are not used
        frames = "several"
    return () if frames == "1" else (f"the first of {frames} frames is the page",)


@contextmanager
def _pillow_limit(max_pixels: int) -> Iterator[Caught]:
    """Set Pillow's limit of pixels and record its warnings.

    Pillow checks sizes of nested images itself: of a PNG in an ICO, of a GIF frame. Up to twice
    its limit it would only warn; here that is an error.
    """
    usual = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield caught
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _messages(caught: Caught) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(warning.message).strip() for warning in caught))


def _is_turned(image: Image.Image) -> bool:
    """Whether the orientation in the header swaps width and height."""
    # To find an EXIF block that it has not read yet, Pillow would decode the whole PNG.
    if image.format == "PNG" and "exif" not in image.info:
        return False
    return exif_orientation(image) >= 5


def _displayed_px(image: Image.Image) -> tuple[int, int]:
    """Width and height as displayed, from the header."""
    width_px, height_px = image.size
    # Pillow applies the orientation of a TIFF itself; its `size` is that of the result.
    is_stored = image.format != "TIFF" and _is_turned(image)
    return (height_px, width_px) if is_stored else (width_px, height_px)


def _displayed_dpi(image: Image.Image) -> tuple[float, float]:
    """Dots per inch across and down as displayed; (0, 0) where not stated or implausible."""
    try:
        across, down = plausible_dpi(*(float(value) for value in image.info["dpi"]))
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return 0.0, 0.0
    return (down, across) if _is_turned(image) else (across, down)


def plausible_dpi(across: float, down: float) -> tuple[float, float]:
    """The resolution that a file states; (0, 0) where it is implausible."""
    is_sane = all(_MIN_DPI <= value <= _MAX_DPI for value in (across, down))
    return (across, down) if is_sane else (0.0, 0.0)


def _page_pt(image: Image.Image) -> tuple[float, float]:
    return size_pt(_displayed_px(image), _displayed_dpi(image))


def size_pt(size_px: tuple[int, int], dpi: tuple[float, float]) -> tuple[float, float]:
    """Width and height in points; (0, 0) without a resolution."""
    (width_px, height_px), (across, down) = size_px, dpi
    if not across:
        return 0.0, 0.0
    return width_px * _POINTS_PER_INCH / across, height_px * _POINTS_PER_INCH / down


def square_size(size_px: tuple[int, int], dpi: tuple[float, float]) -> tuple[int, int]:
    """The size with square pixels: the side with the lower resolution is enlarged."""
    (width_px, height_px), (across, down) = size_px, dpi
    if not across or max(dpi) <= _MAX_ASPECT * min(dpi):
        return size_px
    return round(width_px * max(dpi) / across), round(height_px * max(dpi) / down)


def too_large(max_pixels: int) -> str:
    """The message for an image with too many pixels."""
    return f"the image is over render.max_image_pixels ({max_pixels})"


def _message(error: Exception) -> str:
    return str(error) or type(error).__name__
