"""An image file as a PDF, a page for each of its pages.

The bytes of a JPEG or JPEG 2000, and the image data of most PNGs, are kept as they are. The others
are decoded, turned upright, and compressed without loss. Runs in the worker process of
`pipeline.documents.sandbox`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from pymupdf import mupdf

from pipeline.config import RenderConfig
from pipeline.documents.images.decode import ImageFile
from pipeline.documents.images.pillow import FORMATS
from pipeline.documents.images.png_stream import png_stream
from pipeline.documents.pdf import mupdf_log
from pipeline.documents.pdf.objects import PdfObjects, reference
from pipeline.errors import DocumentError, ErrorKind
from pipeline.imaging.transform import exif_orientation
from pipeline.types import Pixels

_POINTS_PER_INCH: Final = 72
_JPEG: Final = "image/jpeg"
_KEPT: Final = (_JPEG, "image/jp2")
_PLACES: Final = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""For each EXIF orientation the matrix that puts an image as stored on a page of 1 x 1."""


@dataclass(frozen=True, slots=True)
class _Embedded:
    """An image in a PDF: its object, its size as stored, and its EXIF orientation."""

    object: Any
    size_px: tuple[int, int]
    orientation: int = 1

    @property
    def shown_px(self) -> tuple[int, int]:
        """Width and height as displayed."""
        return self.size_px[::-1] if self.orientation >= 5 else self.size_px


def write(path: str, target: str, render: RenderConfig, max_pages: int) -> None:
    """Write an image file as a PDF.

    Args:
        path: The image file.
        target: The path of the PDF, which is created or overwritten.
        render: The limit of pixels, and the resolution of images whose file states none.
        max_pages: Maximum pages that it may have.

    Raises:
        DocumentError: As `ImageFile`; UNREADABLE where the PDF cannot be written.
        PageError: A page cannot be decoded.
        MemoryError: A library ran out of memory.
    """
    file = ImageFile(path, render.max_image_pixels, max_pages)
    try:
        pdf = PdfObjects(mupdf.PdfDocument())
        for number, size_pt in enumerate(file.sizes_pt(), 1):
            image = _kept(pdf, path, file) or _decoded(pdf, file, number, render)
            shown = [side * _POINTS_PER_INCH / render.dpi for side in image.shown_px]
            _add_page(pdf, image, *(size_pt if all(size_pt) else shown))
        mupdf.pdf_save_document(pdf.pdf, target, mupdf.PdfWriteOptions())
    except mupdf.FzErrorBase as error:
        mupdf_log.check_memory(str(error))
        message = f"MuPDF cannot write it as a PDF: {mupdf_log.message(error)}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None
    finally:
        file.close()


def _kept(pdf: PdfObjects, path: str, file: ImageFile) -> _Embedded | None:
    """The image of a file whose data is kept; None for one that has to be decoded."""
    if file.media_type == "image/png":
        return _png(pdf, Path(path).read_bytes())
    if file.media_type not in _KEPT:
        return None
    buffer = mupdf.fz_new_buffer_from_copied_data(Path(path).read_bytes())
    image = mupdf.fz_new_image_from_buffer(buffer)
    orientation = _orientation(path) if file.media_type == _JPEG else 1
    return _Embedded(mupdf.pdf_add_image(pdf.pdf, image), (image.w(), image.h()), orientation)


def _orientation(path: str) -> int:
    with Image.open(path, formats=FORMATS) as image:
        return exif_orientation(image)


def _decoded(pdf: PdfObjects, file: ImageFile, number: int, render: RenderConfig) -> _Embedded:
    image = _png(pdf, _smallest_png(file.render(number, render).pixels))
    assert image is not None  # noqa: S101 - it is one without alpha
    return image


def _png(pdf: PdfObjects, content: bytes) -> _Embedded | None:
    stream = png_stream(content)
    if stream is None:
        return None
    return _Embedded(pdf.add_encoded(stream.data, stream.entries), stream.size_px)


def _smallest_png(pixels: Pixels) -> bytes:
    """A PNG with as few channels and bits as the pixels need."""
    image = Image.fromarray(pixels)
    if (pixels[:, :, :1] == pixels).all():
        is_bilevel = bool(np.isin(pixels[:, :, 0], (0, 255)).all())
        image = image.convert("1" if is_bilevel else "L")
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _add_page(pdf: PdfObjects, image: _Embedded, width_pt: float, height_pt: float) -> None:
    across, down = _PLACES[image.orientation][::2], _PLACES[image.orientation][1::2]
    matrix = [
        side * size
        for pair in zip(across, down, strict=True)
        for side, size in zip(pair, (width_pt, height_pt), strict=True)
    ]
    shown = b"q %f %f %f %f %f %f cm /Image Do Q" % tuple(matrix)
    resources = pdf.parsed(b"<</XObject<</Image %s>>>>", reference(image.object))
    box = mupdf.fz_make_rect(0, 0, width_pt, height_pt)
    contents, not_rotated, last = mupdf.fz_new_buffer_from_copied_data(shown), 0, -1
    page = mupdf.pdf_add_page(pdf.pdf, box, not_rotated, resources, contents)
    mupdf.pdf_insert_page(pdf.pdf, last, page)
