"""Lines of a PDF's text layer from PyMuPDF's, and which of them are seen.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf.exponents import LEVEL, MAX_SIZE, text_with_exponents
from pipeline.documents.pdf.grounds import Grounds
from pipeline.text.layout.rows import bounding_box
from pipeline.text.text_layer import TextLayerLine
from pipeline.types import Box

_INKED: Final = mupdf.FZ_STEXT_FILLED | mupdf.FZ_STEXT_STROKED
"""A character is visible if one of the two is set. Text render mode 3 sets neither."""
_BOLD: Final = 16
"""The flag of a bold font (PyMuPDF's `TEXT_FONT_BOLD`)."""
_WHITE: Final = 0xF0F0F0
"""A colour counts as white if red, green and blue have all of these bits: at least 240 of 255."""
_MIN_SIZE_PT: Final = 1.0
"""Smaller characters are not seen ..."""
_MAX_TINY_PT: Final = 1.5
"""... unless their boxes are higher or wider, as with some bitmap fonts."""
_DOWN_DEG: Final = 270
"""The turn that makes a line which goes down go to the right."""
_MIN_OBLIQUE: Final = math.sin(math.radians(10))
"""A line is at an angle if the smaller part of its direction is more than this."""
_SOFT_HYPHEN: Final = re.compile(r"(?<=\d)\u00ad(?=\d)")
_MAX_LINE_EM: Final = 1.8
"""A line whose box is higher, in font sizes, has a font with ..."""
_ABOVE_EM: Final = 0.9
"""... characters that are not so high above its base line ..."""
_BELOW_EM: Final = 0.3
"""... nor so low below it."""
_MAX_SPAN_EM: Final = 3.0
"""Maximum plausible height of a span's box, in font sizes."""


def read_lines(
    lines: Iterable[dict[str, Any]], to_pixels: PixelFrame, grounds: Callable[[], Grounds]
) -> tuple[list[TextLayerLine], float, float]:
    """The lines of a layer.

    Args:
        lines: PyMuPDF's lines.
        to_pixels: The page's frame.
        grounds: What the page paints, computed for pages with white text only.

    Returns:
        The lines, and the shares of the visible characters that are white and in oversized boxes.
    """
    found: list[TextLayerLine] = []
    visible = white = oversized = 0
    for line in lines:
        texts: list[str] = []
        characters = inked = 0
        white_before = white
        size, has_small = 0.0, False
        for span in line["spans"]:
            text = span["text"]
            texts.append(text)
            has_small |= span["size"] < MAX_SIZE * size
            size = span["size"]
            length = len(text)
            characters += length
            if _is_inked(span):
                inked += length
                if span["color"] & _WHITE == _WHITE:
                    white += length
                if _is_oversized(span["size"], *span["bbox"]):
                    oversized += length
        visible += inked
        if white > white_before or 0 < inked < characters:
            found += _seen_and_unseen(line, to_pixels, grounds)
            continue
        box = to_pixels(*_line_box(line))
        turn_deg, style = _turn_of(line), _style(line["spans"], to_pixels.zoom)
        text = _seen((line_text(line) if has_small else "".join(texts)).strip())
        is_oblique = _is_oblique(line)
        found.append(
            TextLayerLine(text, box, turn_deg, inked > 0, False, *style, is_oblique=is_oblique)
        )
    if not visible:
        return found, 0.0, 0.0
    return found, white / visible, oversized / visible


def _line_box(line: dict[str, Any]) -> Box:
    """The box of one of PyMuPDF's lines, points; not as high as some fonts of bullets say."""
    x0, y0, x1, y1 = line["bbox"]
    spans = line["spans"]
    if y1 - y0 <= _MAX_LINE_EM * spans[-1]["size"] or line["dir"] != LEVEL:
        return x0, y0, x1, y1
    top = min(span["origin"][1] - _ABOVE_EM * span["size"] for span in spans)
    bottom = max(span["origin"][1] + _BELOW_EM * span["size"] for span in spans)
    return x0, max(y0, top), x1, min(y1, bottom)


def line_text(line: dict[str, Any]) -> str:
    """The text of one of PyMuPDF's lines."""
    if line["dir"] == LEVEL:
        return text_with_exponents(line["spans"])
    return "".join(span["text"] for span in line["spans"])


def _seen(text: str) -> str:
    """A text as the page shows it: a soft hyphen between digits is drawn as any other."""
    return _SOFT_HYPHEN.sub("-", text) if "\u00ad" in text else text


def _seen_and_unseen(
    line: dict[str, Any], to_pixels: PixelFrame, grounds: Callable[[], Grounds]
) -> Iterator[TextLayerLine]:
    """A line of which some may be unseen, as one line of what is seen and one for each cause."""
    parts: dict[tuple[bool, bool], list[dict[str, Any]]] = {}
    kind = (True, False)
    for span in line["spans"]:
        if span["text"].strip():
            is_inked = _is_inked(span)
            is_white = (
                is_inked and span["color"] & _WHITE == _WHITE and grounds().is_paper(*span["bbox"])
            )
            kind = (is_inked and not is_white, is_white)
        parts.setdefault(kind, []).append(span)
    for (is_visible, is_white), spans in parts.items():
        text = _seen("".join(span["text"] for span in spans).strip())
        box = to_pixels(*bounding_box([span["bbox"] for span in spans]))
        style, is_oblique = _style(spans, to_pixels.zoom), _is_oblique(line)
        yield TextLayerLine(
            text, box, _turn_of(line), is_visible, is_white, *style, is_oblique=is_oblique
        )


def _is_inked(span: dict[str, Any]) -> bool:
    """Whether a span is painted, and large enough to be seen."""
    if not (span["char_flags"] & _INKED and span["alpha"]):
        return False
    return span["size"] >= _MIN_SIZE_PT or not _is_tiny(len(span["text"]), *span["bbox"])


def _is_tiny(length: int, x0: float, y0: float, x1: float, y1: float) -> bool:
    return max(y1 - y0, (x1 - x0) / max(1, length)) < _MAX_TINY_PT


def _style(spans: Sequence[dict[str, Any]], zoom: float) -> tuple[float, bool]:
    """The size (pixels) of the font of most of a line, and whether all of it is bold."""
    if len(spans) == 1:
        span = spans[0]
        return span["size"] * zoom, bool(span["flags"] & _BOLD or not span["text"].strip())
    longest = max(spans, key=lambda span: len(span["text"]))
    is_bold = all(span["flags"] & _BOLD or not span["text"].strip() for span in spans)
    return longest["size"] * zoom, is_bold


@dataclass(frozen=True, slots=True)
class PixelFrame:
    """Turns boxes in points into pixels of the page as displayed, and back.

    Attributes:
        zoom: Pixels of a point.
        left: Left edge of the page in pixels; read once, as it takes a call into C.
        top: Its top edge.
    """

    zoom: float
    left: float
    top: float

    @classmethod
    def of(cls, zoom: float, frame: Any) -> PixelFrame:
        """The frame of a page.

        Args:
            zoom: Pixels of a point.
            frame: The page's rectangle in pixels.
        """
        return cls(zoom, float(frame.x0), float(frame.y0))

    def __call__(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """A box, given in points, in pixels."""
        zoom, left, top = self.zoom, self.left, self.top
        return x0 * zoom - left, y0 * zoom - top, x1 * zoom - left, y1 * zoom - top

    def in_points(self, box: Box) -> Box:
        """The inverse."""
        (x0, y0, x1, y1), zoom, left, top = box, self.zoom, self.left, self.top
        return (x0 + left) / zoom, (y0 + top) / zoom, (x1 + left) / zoom, (y1 + top) / zoom


def _turn_of(line: dict[str, Any]) -> int:
    if line["dir"] == LEVEL:
        return 0
    # The characters of vertical writing stand upright in a line that goes down.
    return (_turn(*line["dir"]) - (_DOWN_DEG if line["wmode"] else 0)) % 360


def _is_oblique(line: dict[str, Any]) -> bool:
    """Whether a line is far from level and from upright."""
    across, down = line["dir"]
    return bool(min(abs(across), abs(down)) > _MIN_OBLIQUE)


def _turn(across: float, down: float) -> int:
    """The clockwise turn that makes text of this direction upright; y grows downwards."""
    return round(math.degrees(math.atan2(-down, across)) / 90) % 4 * 90


def _is_oversized(size: float, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether a span is far larger than its font size, as with some bitmap fonts."""
    max_pt = _MAX_SPAN_EM * size
    return y1 - y0 > max_pt and x1 - x0 > max_pt
