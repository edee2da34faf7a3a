"""Lines of a text layer that have right-to-left text, put in the order of reading.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from pipeline.text.layout.direction import is_right_to_left_text
from pipeline.text.layout.rows import bounding_box
from pipeline.text.logical_order import Glyph, has_right_to_left_text, logical_order


def has_right_to_left(line: dict[str, Any]) -> bool:
    """Whether a line has letters of a right-to-left script, or Arabic digits."""
    return any(has_right_to_left_text(span["text"]) for span in line["spans"])


def in_logical_order(
    lines: Sequence[dict[str, Any]], with_chars: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """PyMuPDF's lines, the level ones with right-to-left text in the order of reading.

    Args:
        lines: The lines of a page.
        with_chars: The same, but with `chars` in place of `text` in their spans.
    """
    page_is_rtl = is_right_to_left_text(span["text"] for line in lines for span in line["spans"])
    for line, raw in zip(lines, with_chars, strict=True):
        is_level = line["dir"][1] == 0 and line["dir"][0] > 0
        yield _ordered(raw, page_is_rtl) if is_level and has_right_to_left(line) else line


def _ordered(line: dict[str, Any], page_is_rtl: bool) -> dict[str, Any]:
    chars = [(span, char) for span in line["spans"] for char in span["chars"]]
    glyphs = [Glyph(char["c"], char["bbox"][0], char["bbox"][2]) for _, char in chars]
    ordered = logical_order(glyphs, page_is_rtl=page_is_rtl)
    runs = groupby(ordered, key=lambda each: id(chars[each[0]][0]))
    return {**line, "spans": [_span(list(run), chars) for _, run in runs]}


def _span(
    run: Sequence[tuple[int, str]], chars: Sequence[tuple[dict[str, Any], dict[str, Any]]]
) -> dict[str, Any]:
    """A span as PyMuPDF gives it, of a part of the characters of one."""
    box = bounding_box([chars[i][1]["bbox"] for i, _ in run])
    span = {key: value for key, value in chars[run[0][0]][0].items() if key != "chars"}
    text = "".join(text for _, text in run)
    return {**span, "text": text, "bbox": box}
