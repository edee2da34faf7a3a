"""The parts of a line that its words take, where it is known where they begin. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median_low

Span = tuple[float, float]
"""Begin and end, shares of the line's length."""


def word_spans(
    words: Sequence[str], starts: Sequence[float], width_of: Callable[[str], float]
) -> list[Span]:
    """The parts of a line that its words take.

    Between two starts a word and a space share the length by their widths; the last word ends with
    the line.

    Args:
        words: The words.
        starts: Where they begin, one for each, in order.
        width_of: The width of a text, in any unit.

    Returns:
        A span for each word, none of them empty; no spans where the starts are not those of the
        words, or do not increase to below 1.
    """
    if len(starts) != len(words) or any(a >= b for a, b in pairwise((*starts, 1.0))):
        return []
    space = width_of(" ")
    found = []
    for word, (begin, following) in zip(words[:-1], pairwise(starts), strict=True):
        width = width_of(word)
        share = width / (width + space) if width else 1.0
        found.append((begin, begin + share * (following - begin)))
    return [*found, (starts[-1], 1.0)] if words else []


def spans_by_widths(
    words: Sequence[str], starts: Sequence[float], width_of: Callable[[str], float]
) -> list[Span]:
    """The parts of a line that its words take, where some spaces may be far wider than others.

    As `word_spans`, but a word ends by its own width, in the usual size of the line's words.
    """
    spans = word_spans(words, starts, width_of)
    if not spans:
        return []
    space = width_of(" ")
    sizes = [
        (following - begin) / (width_of(word) + space)
        for word, (begin, following) in zip(words[:-1], pairwise(starts), strict=True)
    ]
    size = median_low([*sizes, (1 - starts[-1]) / max(width_of(words[-1]), space)])
    ends = (begin + size * width_of(word) for word, begin in zip(words, starts, strict=True))
    last = [*starts[1:], 1.0]
    return [
        (begin, min(end, following)) if end > begin else span
        for span, begin, end, following in zip(spans, starts, ends, last, strict=True)
    ]
