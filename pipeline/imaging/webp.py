"""Pixels as a WebP file, for people who look at a page. Pure."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from pipeline.types import Pixels

MEDIA_TYPE: Final = "image/webp"
_QUALITY: Final = 80


def webp(pixels: Pixels, side_px: int) -> bytes:
    """Encode a page, reduced where it is larger.

    Args:
        pixels: RGB, uint8, shape (height, width, 3).
        side_px: Maximum longer side of the picture.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
    content = io.BytesIO()
    image.save(content, "WEBP", quality=_QUALITY, method=2)
    return content.getvalue()
