"""How far the text of a page is its truth: words, characters, order.

Both texts are put into NFKC and every stretch of white space becomes one space
(`pipeline.text.words.folded`); nothing else is changed.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein
from scipy import stats

from pipeline.text.words import folded, words_f1

_MIN_LINE_CHARS: Final = 12
"""Shorter lines, such as cells and page numbers, are found anywhere."""
_MIN_MATCH: Final = 90.0
"""Least similarity of a line and the stretch of text that it is found in, of 100."""


@dataclass(frozen=True, slots=True)
class PageMetrics:
    """How far a page's text is its truth.

    Attributes:
        words_f1: Harmonic mean of precision and recall of the words, 0 to 1.
        cer: Character error rate.
        order: Order score, -1 to 1; None where too few lines are found.
        lines: Lines of the truth that the order score is over.
    """

    words_f1: float
    cer: float
    order: float | None
    lines: int


def page_metrics(text: str, truth: str) -> PageMetrics:
    """Compare a page's text with its truth.

    Args:
        text: What was read.
        truth: What the page says, one line a line, in reading order.
    """
    places = line_places(text, truth)
    return PageMetrics(
        words_f1(text, truth), character_error_rate(text, truth), order_score(places), len(places)
    )


def character_error_rate(text: str, truth: str) -> float:
    """Edits that turn the text into the truth, for each character of the truth.

    Levenshtein distance: it sees order, and is over 1 where there is more wrong text than truth.
    """
    read, true = folded(text), folded(truth)
    return float(Levenshtein.distance(read, true)) / max(1, len(true))


def line_places(text: str, truth: str) -> list[int]:
    """Where the lines of the truth are found in a text.

    A line may be a part of a longer one in the text: paragraphs are found as well as lines. Left
    out are short lines, and those of which nothing similar is found or more than one stretch: it
    cannot be told which of them is the line.

    Returns:
        For each line of the truth that is found, in the truth's order, the position of its first
        character in the text.
    """
    lines = [folded(line) for line in truth.splitlines()]
    counts, read = Counter(lines), folded(text)
    wanted = (line for line in lines if len(line) >= _MIN_LINE_CHARS and counts[line] == 1)
    found = (_place(line, read) for line in wanted)
    return [place for place in found if place is not None]


def _place(line: str, text: str) -> int | None:
    """Where the only stretch of a text is that is similar to a line, None for none or several."""
    if len(text) < len(line):
        return 0 if fuzz.ratio(line, text) >= _MIN_MATCH else None
    match = fuzz.partial_ratio_alignment(line, text, score_cutoff=_MIN_MATCH)
    if match is None:
        return None
    others = (text[: match.dest_start], text[match.dest_end :])
    # Not in what is shorter than the line: a part of the line would count there.
    if any(
        len(other) >= len(line) and fuzz.partial_ratio(line, other) >= _MIN_MATCH
        for other in others
    ):
        return None
    return match.dest_start


def order_score(places: list[int]) -> float | None:
    """Kendall's tau-b of the order of lines in the truth and in a text (M. G. Kendall, 1945).

    Args:
        places: Of the lines, in the truth's order (`line_places`).

    Returns:
        1 where every two lines have the truth's order, -1 where none have; None for fewer than
        two places.
    """
    if len(set(places)) < 2:
        return None
    tau = float(stats.kendalltau(range(len(places)), places).statistic)
    return None if math.isnan(tau) else tau
