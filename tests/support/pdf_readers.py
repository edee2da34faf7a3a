"""Where three readers of PDFs find words: MuPDF, PDFium and poppler's pdftotext.

Boxes are in points of the page as displayed, origin top left. Tests with PDFium and poppler are
skipped where these are not installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pymupdf
import pytest
from pymupdf import mupdf

from pipeline.types import Box

_MARKS = "\u200e\u200f\u202a\u202b\u202c"
"""Marks of direction that poppler puts around right-to-left text."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """A page: size of its MediaBox, which begins at 0, its CropBox (y up), and its rotation."""

    size_pt: tuple[float, float] = (400.0, 600.0)
    crop: Box = (0.0, 0.0, 400.0, 600.0)
    deg: int = 0

    @property
    def shown_pt(self) -> tuple[float, float]:
        """Width and height of the page as displayed."""
        width, height = self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]
        return (height, width) if self.deg % 180 else (width, height)

    @property
    def entries(self) -> bytes:
        return b"/CropBox[%g %g %g %g]/Rotate %d" % (*self.crop, self.deg)


Words = Callable[[Path, Geometry], list[tuple[str, Box]]]


def mupdf_words(pdf: Path, geometry: Geometry, page: int = 1) -> list[tuple[str, Box]]:
    document = mupdf.FzDocument(str(pdf))
    # Not Page.get_text: that takes the rotation of the page off.
    text = mupdf.FzStextPage(mupdf.fz_load_page(document, page - 1), mupdf.FzStextOptions())
    return [(word[4], word[:4]) for word in pymupdf.TextPage(text).extractWORDS()]


def poppler_words(pdf: Path, geometry: Geometry, page: int = 1) -> list[tuple[str, Box]]:
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed (poppler-utils)")
    asked = ["pdftotext", "-bbox", "-f", str(page), "-l", str(page), str(pdf), "-"]
    said = subprocess.run(asked, capture_output=True, check=True).stdout.decode()
    root = ElementTree.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", said))
    # Its boxes are on the MediaBox as displayed.
    (width, height), (x0, y0, x1, y1) = geometry.size_pt, geometry.crop
    left, top = {
        0: (x0, height - y1),
        90: (y0, x0),
        180: (width - x1, y0),
        270: (height - y1, width - x1),
    }[geometry.deg]
    found = []
    for word in root.iter("{http://www.w3.org/1999/xhtml}word"):
        sides = [float(word.get(name, "nan")) for name in ("xMin", "yMin", "xMax", "yMax")]
        box = (sides[0] - left, sides[1] - top, sides[2] - left, sides[3] - top)
        text = (word.text or "").strip(_MARKS)
        # With -bbox, letters of right-to-left words are in the order in which they are seen.
        is_reversed = any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
        found.append((text[::-1] if is_reversed else text, box))
    return found


def pdfium_words(pdf: Path, geometry: Geometry, page: int = 1) -> list[tuple[str, Box]]:
    pypdfium2 = pytest.importorskip("pypdfium2")
    document = pypdfium2.PdfDocument(pdf)
    try:
        text = document[page - 1].get_textpage()
        characters = text.get_text_range()
        return [
            (match[0], _displayed(_user_box(text, _units(characters, match)), geometry))
            for match in re.finditer(r"\S+", characters)
        ]
    finally:
        document.close()


def _units(characters: str, match: re.Match[str]) -> range:
    """The UTF-16 units of a match, which PDFium counts."""
    begin, end = (len(characters[:at].encode("utf-16-le")) // 2 for at in match.span())
    return range(begin, end)


def _user_box(text: Any, units: range) -> Box:
    boxes = [text.get_charbox(index) for index in units]
    left, bottom, right, top = zip(*boxes, strict=True)
    return min(left), min(bottom), max(right), max(top)


def _displayed(box: Box, geometry: Geometry) -> Box:
    """A box of user space, y up, on the page as displayed."""
    (x0, y0, x1, y1), (left, bottom, right, top) = box, geometry.crop
    return {
        0: (x0 - left, top - y1, x1 - left, top - y0),
        90: (y0 - bottom, x0 - left, y1 - bottom, x1 - left),
        180: (right - x1, y0 - bottom, right - x0, y1 - bottom),
        270: (top - y1, right - x1, top - y0, right - x0),
    }[geometry.deg]


READERS: dict[str, Words] = {
    "MuPDF": mupdf_words,
    "PDFium": pdfium_words,
    "poppler": poppler_words,
}
