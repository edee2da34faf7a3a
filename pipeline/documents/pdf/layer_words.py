"""Where the words of a text layer's lines stand. Asked for pages with tables only.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import pymupdf
from pymupdf import mupdf

from pipeline.documents.pdf import mupdf_log
from pipeline.documents.pdf.layer_lines import PixelFrame, line_text
from pipeline.text.text_layer import WordPlaces
from pipeline.text.word_spans import Span
from pipeline.types import Box

_SPACES: Final = "".join(map(chr, (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))
"""What divides words, beside what does for MuPDF."""
_NEAR_PT: Final = 1.0
"""How far a word may reach out of its line's box."""

_Word = tuple[float, float, float, float, str, int, int, int]
"""Box (points), text, and the numbers of its block, line and word."""


def finder(
    text_page: Any, lines: Sequence[dict[str, Any]], to_pixels: PixelFrame
) -> Callable[[], WordPlaces]:
    """A function that says where the words of the lines stand; it looks once, when it is called.

    Args:
        text_page: MuPDF's structured text.
        lines: PyMuPDF's lines of it, in the order of reading.
        to_pixels: The page's frame.
    """

    @cache
    def find() -> WordPlaces:
        try:
            words: list[_Word] = pymupdf.extra.extractWORDS(text_page, _SPACES)
        except mupdf.FzErrorBase as error:  # the layer is as good as it was
            mupdf_log.check_memory(str(error))
            return {}
        return _places(lines, words, to_pixels)

    return find


def _places(
    lines: Iterable[dict[str, Any]], words: Iterable[_Word], to_pixels: PixelFrame
) -> WordPlaces:
    groups: dict[str, list[list[_Word]]] = {}
    for _, members in groupby(words, itemgetter(5, 6)):
        group = list(members)
        if len(group) > 1:
            groups.setdefault(_key("".join([word[4] for word in group])), []).append(group)
    found: WordPlaces = {}
    for line in lines:
        spans = line["spans"]
        text = (spans[0]["text"] if len(spans) == 1 else _text(spans)).strip()
        wanted = text.split()
        if len(wanted) < 2:
            continue
        box = line["bbox"]
        for group in groups.get(_key("".join(wanted)), ()):
            if len(group) == len(wanted) and _is_in(group[0], box) and _is_in(group[-1], box):
                boxes = _matched(wanted, group)
                found[line_text(line).strip(), to_pixels(*box)] = _spans(boxes, box, *line["dir"])
                break
    return found


def _text(spans: Iterable[dict[str, Any]]) -> str:
    return "".join([span["text"] for span in spans])


def _key(text: str) -> str:
    """The same for a text in the order of reading and in that of the page."""
    return text if text.isascii() else "".join(sorted(text))


def _is_in(word: _Word, box: Box) -> bool:
    """Whether a word is in the box of a line."""
    return (
        box[0] - _NEAR_PT <= word[0]
        and word[2] <= box[2] + _NEAR_PT
        and box[1] - _NEAR_PT <= word[1]
        and word[3] <= box[3] + _NEAR_PT
    )


def _matched(wanted: Sequence[str], group: Sequence[_Word]) -> list[Box]:
    """The boxes of the wanted words, none where a word is not found."""
    boxes: list[Box] = [word[:4] for word in group]
    if [word[4] for word in group] == list(wanted):
        return boxes
    left: defaultdict[str, list[Box]] = defaultdict(list)
    for word, box in zip(group, boxes, strict=True):
        left[_key(word[4])].append(box)
    try:
        return [left[_key(word)].pop() for word in wanted]
    except IndexError:
        return []


def _spans(boxes: Sequence[Box], line: Box, across: float, down: float) -> tuple[Span, ...]:
    """The shares of a line's length that its words take, from the left when it is upright."""
    axis = 0 if abs(across) >= abs(down) else 1
    low, size = line[axis], max(line[axis + 2] - line[axis], 1e-6)
    shares = [((box[axis] - low) / size, (box[axis + 2] - low) / size) for box in boxes]
    if (across if axis == 0 else down) < 0:
        shares = [(1 - end, 1 - begin) for begin, end in shares]
    return tuple(shares)
