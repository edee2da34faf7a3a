"""The page that OCRmyPDF drew: a file with its size and resolution."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

_DPI: Final = 72.0
"""Where the file states no resolution, as in OCRmyPDF."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """An image of a page.

    Attributes:
        path: The file.
        width_px: Its width.
        height_px: Its height.
        dpi: Its resolution.
    """

    path: Path
    width_px: int
    height_px: int
    dpi: float


def page_file(path: Path) -> PageFile:
    """Read size and resolution from the head of a file."""
    with Image.open(path) as image:
        width_px, height_px = image.size
        stated = image.info.get("dpi", (_DPI, _DPI))
    return PageFile(path, width_px, height_px, float(stated[0]))
