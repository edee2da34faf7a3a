"""The content stream of a page's invisible text. Pure.

Every line is one string in text render mode 3, as high as its box and stretched to its length; one
that lies askew is as high and as long as the rectangle in its box.

Poppler takes a character for the beginning of a new word if its baseline is half a point off, and
for another line if it is half its size off: text at an angle of two degrees comes apart into pieces
of words. So a line that lies a little askew is written in steps: each along the page, one or more
words long, with its middle on the line. Lines at larger angles are written at their angle.

The stream leaves the graphics state as it found it: it can stand before those of a page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.documents.page_text import PageText, TextRun
from pipeline.documents.pdf import text_steps
from pipeline.documents.pdf.invisible_font import DESCENT, InvisibleFont
from pipeline.documents.pdf.text_steps import PlacedString
from pipeline.imaging.skewed_boxes import Point, middle, sides, turned
from pipeline.text.char_widths import text_width
from pipeline.text.monospaced import columns
from pipeline.text.word_spans import Span, word_spans

Matrix = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f: the point (x, y) becomes (a x + c y + e, b x + d y + f)."""

_ALONG: Final[dict[int, Point]] = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}
"""Where text runs on the page as displayed, x to the right and y down."""
_WORDS: Final = re.compile(r"\s+|\S+")
_MAX_STEPPED_DEG: Final = 6.0
"""Words of six ems are a third of their height off at their ends."""
_MAX_RISE: Final = 0.5
"""How much a line may rise or fall within a step, in its heights, unless it is one word."""
_MIN_SIDE: Final = 0.1
"""Smaller lines are left out, units of user space."""


def content(page: PageText, to_page: Matrix, font: InvisibleFont, font_name: str) -> bytes:
    """The content stream, empty for a page without text.

    Args:
        page: The text.
        to_page: From pixels of the page as displayed to its user space.
        font: Gives the characters their codes.
        font_name: The font's name in the page's resources.
    """
    lines = [_line(run, to_page, font, font_name) for run in page.runs]
    shown = [line for line in lines if line]
    return b"\n".join([b"q BT 3 Tr", *shown, b"ET Q\n"]) if shown else b""


def _line(run: TextRun, to_page: Matrix, font: InvisibleFont, font_name: str) -> bytes:
    along = _ALONG[run.direction_deg]
    across, height = sides(run.box, run.skew_deg)
    if along[1]:
        across, height = height, across
    askew = turned(along, run.skew_deg) if run.skew_deg else along
    is_stepped = 0 < abs(run.skew_deg) <= _MAX_STEPPED_DEG
    written = along if is_stepped else askew
    slope = _turned(askew, across, to_page)
    whole = _turned(written, across, to_page)
    tall = _turned((written[1], -written[0]), height, to_page)
    size, length = math.hypot(*tall), math.hypot(*whole)
    natural = text_width(run.text) * size
    if not all(math.isfinite(v) and v > _MIN_SIDE for v in (size, length, natural)):
        return b""
    strings = list(_strings(run, length, size))
    steps = [strings]
    if is_stepped:
        most = _MAX_RISE * size / math.tan(math.radians(abs(run.skew_deg)))
        steps = list(text_steps.steps(strings, most))
    shown, done = [b"/%s %s Tf" % (font_name.encode(), _number(size))], 0.0
    for step in steps:
        share = sum(part for _, _, part in step) / length if len(steps) > 1 else 1.0
        # From the middle of the step to the beginning of its baseline.
        off, back, down = done + share / 2 - 0.5, -0.5 * share, DESCENT - 0.5
        center = _moved(middle(run.box), to_page)
        start = (
            m + off * s + back * w + down * t
            for m, s, w, t in zip(center, slope, whole, tall, strict=True)
        )
        matrix = (*(v / length for v in whole), *(v / size for v in tall), *start)
        shown.append(b"%s Tm" % b" ".join(map(_number, matrix)))
        shown += [
            b"%s Tz <%s> Tj" % (_number(100 * part / width), font.encode(text).hex().encode())
            for text, width, part in step
        ]
        done += share
    return b" ".join(shown)


def _strings(run: TextRun, length: float, size: float) -> Iterator[PlacedString]:
    """The strings of a line, their widths in the font, and the lengths that they are to have.

    A line has one for each word and each space where it is known where words begin, or the font is
    that of a typewriter, which says it.
    """
    texts = run.text.split()
    spans = word_spans(texts, run.word_starts, text_width)
    # A word of marks only has no width that could be stretched: such a line is one string.
    if spans and all(map(text_width, texts)):
        yield from _placed(texts, spans, length, size)
        return
    whole = columns(run.text)
    parts = _WORDS.findall(run.text)
    if not run.is_monospaced or not all(map(text_width, parts)):
        parts = [run.text]
    for text in parts:
        share = columns(text) / whole if len(parts) > 1 else 1.0
        yield text, text_width(text) * size, share * length


def _placed(
    texts: Sequence[str], spans: Sequence[Span], length: float, size: float
) -> Iterator[PlacedString]:
    """The strings of words of which each has its place, and of the spaces between them."""
    end = spans[0][0]
    for text, span in zip(texts, spans, strict=True):
        if span[0] > end:
            yield " ", text_width(" ") * size, (span[0] - end) * length
        yield text, text_width(text) * size, (span[1] - span[0]) * length
        end = span[1]


def _moved(point: tuple[float, float], by: Matrix) -> tuple[float, float]:
    x, y = point
    return by[0] * x + by[2] * y + by[4], by[1] * x + by[3] * y + by[5]


def _turned(unit: Point, length: float, by: Matrix) -> tuple[float, float]:
    x, y = unit[0] * length, unit[1] * length
    return by[0] * x + by[2] * y, by[1] * x + by[3] * y


def _number(value: float) -> bytes:
    """A number as PDF writes it: without an exponent."""
    return f"{value:.4f}".rstrip("0").rstrip(".").encode()
