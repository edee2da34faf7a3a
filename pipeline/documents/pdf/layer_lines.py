"""Lines of a PDF's text layer from PyMuPDF's, and which of them are seen.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf.grounds import Grounds
from pipeline.text.text_layer import TextLayerLine
from pipeline.types import Box

_INKED: Final = mupdf.FZ_STEXT_FILLED | mupdf.FZ_STEXT_STROKED
"""A character is visible if one of the two is set. Text render mode 3 sets neither."""
_BOLD: Final = 16
"""The flag of a bold font (PyMuPDF's `TEXT_FONT_BOLD`)."""
_WHITE: Final = 0xF0
"""A colour counts as white if red, green and blue are all at least this, of 255."""
_UPRIGHT: Final = (1.0, 0.0)
"""Direction of a line that needs no turn."""
_MAX_SPAN_EM: Final = 3.0
"""Maximum plausible height of a span's box, in font sizes."""


def read_lines(
    lines: Iterable[dict[str, Any]], zoom: float, frame: Any, grounds: Callable[[], Grounds]
) -> tuple[list[TextLayerLine], float, float]:
    """The lines of a layer.

    Args:
        lines: PyMuPDF's lines.
        zoom: Pixels of a point.
        frame: The page's rectangle in pixels; its origin need not be 0.
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
        for span in line["spans"]:
            text = span["text"]
            texts.append(text)
            characters += len(text)
            if span["char_flags"] & _INKED and span["alpha"]:
                inked += len(text)
                if span["color"]:
                    white += len(text) * _is_white(span["color"])
                oversized += len(text) * _is_oversized(span["size"], *span["bbox"])
        visible += inked
        if white > white_before or 0 < inked < characters:
            found += _seen_and_unseen(line, zoom, frame, grounds)
            continue
        box = _in_pixels(line["bbox"], zoom, frame)
        turn_deg, style = _turn_of(line), _style(line["spans"], zoom)
        found.append(TextLayerLine("".join(texts).strip(), box, turn_deg, inked > 0, False, *style))
    if not visible:
        return found, 0.0, 0.0
    return found, white / visible, oversized / visible


def _seen_and_unseen(
    line: dict[str, Any], zoom: float, frame: Any, grounds: Callable[[], Grounds]
) -> Iterator[TextLayerLine]:
    """A line of which some may be unseen, as one line of what is seen and one for each cause."""
    parts: dict[tuple[bool, bool], list[dict[str, Any]]] = {}
    kind = (True, False)
    for span in line["spans"]:
        if span["text"].strip():
            is_inked = bool(span["char_flags"] & _INKED and span["alpha"])
            is_white = is_inked and _is_white(span["color"]) and grounds().is_paper(*span["bbox"])
            kind = (is_inked and not is_white, is_white)
        parts.setdefault(kind, []).append(span)
    for (is_visible, is_white), spans in parts.items():
        text = "".join(span["text"] for span in spans).strip()
        left, top, right, bottom = zip(*(span["bbox"] for span in spans), strict=True)
        box = _in_pixels((min(left), min(top), max(right), max(bottom)), zoom, frame)
        yield TextLayerLine(text, box, _turn_of(line), is_visible, is_white, *_style(spans, zoom))


def _style(spans: Sequence[dict[str, Any]], zoom: float) -> tuple[float, bool]:
    """The size (pixels) of the font of most of a line, and whether all of it is bold."""
    longest = spans[0] if len(spans) == 1 else max(spans, key=lambda span: len(span["text"]))
    is_bold = all(span["flags"] & _BOLD or not span["text"].strip() for span in spans)
    return longest["size"] * zoom, is_bold


def _in_pixels(box_pt: Box, zoom: float, frame: Any) -> Box:
    x0, y0, x1, y1 = box_pt
    left, top = frame.x0, frame.y0
    return x0 * zoom - left, y0 * zoom - top, x1 * zoom - left, y1 * zoom - top


def _turn_of(line: dict[str, Any]) -> int:
    return 0 if line["dir"] == _UPRIGHT else _turn(*line["dir"])


def _turn(across: float, down: float) -> int:
    """The clockwise turn that makes text of this direction upright; y grows downwards."""
    return round(math.degrees(math.atan2(-down, across)) / 90) % 4 * 90


def _is_white(color: int) -> bool:
    return all(color >> shift & 0xFF >= _WHITE for shift in (0, 8, 16))


def _is_oversized(size: float, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether a span is far larger than its font size, as with some bitmap fonts."""
    max_pt = _MAX_SPAN_EM * size
    return y1 - y0 > max_pt and x1 - x0 > max_pt
