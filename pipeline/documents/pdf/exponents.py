"""Exponents, indices and marks of notes in a text layer: joined to what they belong to.

MuPDF gives many as lines of their own, which would be words of their own ("H 2 O"), and others as a
part of the line, where an exponent would be digits of the number before it.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, pairwise, product
from typing import Any, Final

from pipeline.text.layout.rows import bounding_box

Line = dict[str, Any]
"""PyMuPDF's: `bbox`, `dir`, `wmode`, and `spans` of one font and colour."""
_Near = Callable[[float, float], Iterator[int]]
_Places = dict[tuple[int, int], list[int]]

LEVEL: Final = (1.0, 0.0)
"""Direction of a line that needs no turn."""
MAX_SIZE: Final = 0.85
"""Maximum size of an exponent or index, in sizes of the text that it belongs to."""
_MAX_CHARS: Final = 4
_TOUCH_EM: Final = 0.12
"""Maximum white space before and after it, in sizes of the text."""
_BAND_PT: Final = 32.0
_MAX_NEAR: Final = 100
"""Lines that are looked at for each exponent: hostile pages have all at one place."""
_SAME_PT: Final = 0.5
_MIN_RISE: Final = 0.12
"""Minimum distance of its baseline from that of the text before it, in sizes of that text."""
_MIN_DROP: Final = 0.25
"""Minimum distance of the baselines of a fraction's numbers, in sizes of the upper one."""
_NUMBER: Final = re.compile(r"[-+\u2212\u2013]?\d")
_TWO_NUMBERS: Final = re.compile(r"\d{1,2} ?\d{1,2} ?")
_PLAIN: Final = "0123456789+-\u2212\u2013"
_RAISED: Final = str.maketrans(
    _PLAIN, "\u2070\xb9\xb2\xb3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207b\u207b"
)
_LOWERED: Final = str.maketrans(
    _PLAIN,
    "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b\u208b\u208b",
)
_FRACTION: Final = re.compile(r"\d+[/\u2044\u2215]\d")


def with_exponents(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines, exponents and indices joined to the text that they touch, as in "H2O".

    Args:
        lines: PyMuPDF's, of a page.
    """
    sizes = [line["spans"][0]["size"] if line["spans"] else 0.0 for line in lines]
    limit = MAX_SIZE * max(sizes, default=0.0)
    small = [i for i, line in enumerate(lines) if sizes[i] <= limit and _may_be_exponent(line)]
    if not small:
        return lines
    starts, ends = _sides(lines)
    root = list(range(len(lines)))
    for i in small:
        x0, _, x1, bottom = lines[i]["bbox"]
        base = next((j for j in ends(x0, bottom) if _belongs_to(lines[i], lines[j])), -1)
        if base < 0 or root[i] != i or _root_of(base, root) == i:
            continue
        root[i] = _root_of(base, root)
        after = (
            j
            for j in starts(x1, bottom)
            if root[j] == j != root[i]
            and (_goes_on(lines[i], lines[base], lines[j]) or _is_under(lines[j], lines[i]))
        )
        if (rest := next(after, None)) is not None:
            root[rest] = root[i]
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(lines)):
        groups[_root_of(i, root)].append(i)
    return [_joined([lines[i] for i in group]) for _, group in sorted(groups.items())]


def _root_of(i: int, root: Sequence[int]) -> int:
    while root[i] != i:
        i = root[i]
    return i


def _sides(lines: Sequence[Line]) -> tuple[_Near, _Near]:
    """Functions that find the level lines that begin, and that end, near a place."""
    starts: _Places = defaultdict(list)
    ends: _Places = defaultdict(list)
    for i, line in enumerate(lines):
        if line["dir"] == LEVEL and line["spans"]:
            x0, _, x1, bottom = line["bbox"]
            starts[round(x0), round(bottom / _BAND_PT)].append(i)
            ends[round(x1), round(bottom / _BAND_PT)].append(i)

    def near(places: _Places, x: float, y: float) -> Iterator[int]:
        column, band = round(x), round(y / _BAND_PT)
        cells = product((column - 1, column, column + 1), (band - 1, band, band + 1))
        found = (i for cell in cells for i in places.get(cell, ()))
        return islice(found, _MAX_NEAR)

    return partial(near, starts), partial(near, ends)


def _joined(group: Sequence[Line]) -> Line:
    if len(group) == 1:
        return group[0]
    spans = [span for line in group for span in line["spans"]]
    spans.sort(key=lambda span: span["bbox"][0])
    return {**group[0], "spans": spans, "bbox": bounding_box([span["bbox"] for span in spans])}


def _may_be_exponent(line: Line) -> bool:
    spans = line["spans"]
    if len(spans) > 2 or line["dir"] != LEVEL:
        return False
    return 0 < len("".join([span["text"] for span in spans]).strip()) <= _MAX_CHARS


def _belongs_to(line: Line, base: Line) -> bool:
    """Whether a line is an exponent or index at the end of another one."""
    span, last = line["spans"][0], base["spans"][-1]
    size = last["size"]
    if span["size"] > MAX_SIZE * size or last["text"][-1:].isspace():
        return False
    drop = span["origin"][1] - last["origin"][1]
    touches = abs(line["bbox"][0] - base["bbox"][2]) <= _TOUCH_EM * size
    return bool(touches and -0.8 * size <= drop <= 0.4 * size)


def _goes_on(small: Line, base: Line, line: Line) -> bool:
    """Whether a line is the rest of the one that an exponent or index belongs to."""
    first, last = line["spans"][0], base["spans"][-1]
    return bool(
        abs(line["bbox"][0] - small["bbox"][2]) <= _TOUCH_EM * last["size"]
        and abs(first["origin"][1] - last["origin"][1]) <= _SAME_PT
        and abs(first["size"] - last["size"]) <= _SAME_PT
    )


def text_with_exponents(spans: Sequence[dict[str, Any]]) -> str:
    """The text of a level line, numbers told from their exponents, indices and fractions.

    Otherwise they would be one number: 10 to the 25th would be 1025, five and a half 51/2. Raised
    and lowered digits are those of Unicode, which NFKC turns back into plain ones.

    Args:
        spans: PyMuPDF's, of the line.
    """
    text = ""
    size = 0.0
    numerator: dict[str, Any] | None = None
    digits: dict[int, int] = {}
    for at, span in enumerate(spans):
        if numerator is not None and span["text"].isspace():
            continue
        if numerator is not None and is_denominator(span, numerator):
            text += "/"
        numerator = None
        if span["size"] < MAX_SIZE * size:
            is_fraction, digits = _place(text, at, spans)
            if is_fraction:
                numerator = span
                text += " "
        elif at and abs(span["origin"][1] - spans[at - 1]["origin"][1]) > _SAME_PT:
            digits = {}
        text += span["text"].translate(digits) if digits else span["text"]
        size = span["size"]
    return text


def _place(before: str, at: int, spans: Sequence[dict[str, Any]]) -> tuple[bool, dict[int, int]]:
    """Whether a smaller span after a number is part of a fraction, and what its digits become."""
    span = spans[at]
    after = "".join(each["text"] for each in spans[at : at + 3])
    if not (before[-1:].isdigit() and _NUMBER.match(after)):
        return False, {}
    rise = (spans[at - 1]["origin"][1] - span["origin"][1]) / spans[at - 1]["size"]
    if abs(rise) < _MIN_RISE:
        return False, {}
    below = next((each for each in spans[at + 1 : at + 3] if not each["text"].isspace()), None)
    is_over = rise > 0 and below is not None and is_denominator(below, span)
    if is_over or _FRACTION.match(after):
        return True, {}
    return False, _RAISED if rise > 0 else _LOWERED


def _is_under(line: Line, small: Line) -> bool:
    """Whether a line is the lower number of a fraction that an exponent seems to be."""
    is_near = abs(line["bbox"][0] - small["bbox"][2]) <= _TOUCH_EM * small["spans"][0]["size"]
    return is_near and is_denominator(line["spans"][0], small["spans"][-1])


def may_hold_fraction(spans: Sequence[dict[str, Any]]) -> bool:
    """Whether two small numbers after a number are one span, as in 59 1/2 without a stroke."""
    return any(
        span["size"] < MAX_SIZE * before["size"]
        and before["text"][-1:].isdigit()
        and _TWO_NUMBERS.fullmatch(span["text"])
        for before, span in pairwise(spans)
    )


def is_denominator(span: dict[str, Any], above: dict[str, Any]) -> bool:
    """Whether a span is the lower number of a fraction whose stroke is no character.

    Args:
        span: The span after the upper number.
        above: The upper number.
    """
    if not (above["text"].strip().isdigit() and span["text"][:1].isdigit()):
        return False
    drop = span["origin"][1] - above["origin"][1]
    is_small = span["size"] <= above["size"] / MAX_SIZE
    return bool(is_small and drop >= _MIN_DROP * above["size"])
