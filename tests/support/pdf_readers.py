"""Where four readers of PDFs find words: MuPDF, PDFium, pdfminer and poppler's pdftotext.

Boxes are in points of the page as displayed, origin top left. PDFium and pdfminer, which share no
code with each other or with MuPDF, are in the lock of the tests; tests with poppler are skipped
where it is not installed.
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
    left, top = _crop_corner(geometry)
    found = []
    for word in root.iter("{http://www.w3.org/1999/xhtml}word"):
        sides = [float(word.get(name, "nan")) for name in ("xMin", "yMin", "xMax", "yMax")]
        box = (sides[0] - left, sides[1] - top, sides[2] - left, sides[3] - top)
        # With -bbox, letters of right-to-left words are in the order in which they are seen.
        found.append((_logical((word.text or "").strip(_MARKS)), box))
    return found


def _crop_corner(geometry: Geometry) -> tuple[float, float]:
    """The top left corner of the CropBox on the MediaBox as displayed."""
    (width, height), (x0, y0, x1, y1) = geometry.size_pt, geometry.crop
    return {
        0: (x0, height - y1),
        90: (y0, x0),
        180: (width - x1, y0),
        270: (height - y1, width - x1),
    }[geometry.deg]


def _logical(text: str) -> str:
    """A word whose letters are in the order in which they are seen, as it is written."""
    is_reversed = any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)
    return text[::-1] if is_reversed else text


def pdfminer_words(pdf: Path, geometry: Geometry, page: int = 1) -> list[tuple[str, Box]]:
    from pdfminer.converter import PDFPageAggregator
    from pdfminer.layout import LTChar
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage

    resources = PDFResourceManager()
    device = PDFPageAggregator(resources)  # without analysis of the layout: characters
    with pdf.open("rb") as file:
        [asked] = PDFPage.get_pages(file, pagenos=[page - 1])
        PDFPageInterpreter(resources, device).process_page(asked)
    found = device.get_result()
    # Its boxes are on the MediaBox as displayed, y up.
    (left, top), height = _crop_corner(geometry), found.height
    words: list[tuple[str, Box]] = []
    for char in found:
        if not isinstance(char, LTChar):
            continue
        x0, y0, x1, y1 = char.bbox
        box = (x0 - left, height - y1 - top, x1 - left, height - y0 - top)
        is_new = char.get_text().isspace() or not words or _are_apart(words[-1][1], box)
        words.append((char.get_text(), box)) if is_new else _extend(words, char.get_text(), box)
        if char.get_text().isspace():
            words.append(("", box))
    return [(_logical(text), box) for text, box in words if text.strip()]


def _are_apart(box: Box, other: Box) -> bool:
    """Whether more than a third of their height is between two boxes."""
    across = max(box[0], other[0]) - min(box[2], other[2])
    down = max(box[1], other[1]) - min(box[3], other[3])
    return max(across, down) > min(other[2] - other[0], other[3] - other[1]) / 3


def _extend(words: list[tuple[str, Box]], text: str, box: Box) -> None:
    (before, (x0, y0, x1, y1)) = words.pop()
    if before:
        box = (min(x0, box[0]), min(y0, box[1]), max(x1, box[2]), max(y1, box[3]))
    words.append((before + text, box))


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
    "pdfminer": pdfminer_words,
    "poppler": poppler_words,
}
