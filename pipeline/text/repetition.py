"""Measures how much a text repeats itself, to find answers in which a model loops.

Pure, total, linear in the length of the text.

`repetition` finds the loops that the rule at decoding time does not prevent: DeepSeek-OCR is
decoded with "no 30 tokens twice within 90", which sees periods of up to 61 tokens, exempts table
cells, and misses loops in which a counter changes.

Method: the text is split into words, numbers, marks and tags. A number is replaced by its
difference to the previous number after the same two tokens, so that "1. x 2. x" repeats itself
like "x x". A token is repeated if the n-gram of `_GRAM` tokens that it ends has occurred at least
`_ALLOWED_COPIES` times before. The score is the largest share of repeated tokens in any window of
`_WINDOW` tokens; a shorter text is divided by `_WINDOW` all the same.

So three copies of a form score 0, a table with a hundred empty cells stays under the limit, and a
loop of any period reaches 1 after three rounds and 400 tokens more. Each token costs one lookup
of an n-gram of fixed length. The constants were chosen on the pages of `benchmarks/quality.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

_GRAM: Final = 5
"""Length of an n-gram in tokens: shorter ones match phrases that every text repeats, longer ones
miss loops that the n-gram rule at decoding disturbs every twentieth word."""
_ALLOWED_COPIES: Final = 3
"""An n-gram counts from its fourth occurrence on: three copies of a form on a page are common."""
_WINDOW: Final = 400
"""Tokens; about half a page."""
_MAX_TOKEN_CHARS: Final = 20
"""A longer run of letters or digits is split into characters: it is a script written without
spaces, or a loop without spaces."""

_TOKEN = re.compile(
    r"(?P<tag></?\w+>|<\|/?\w+\|>)"
    r"|(?P<number>\d+(?:[.,]\d+)*)"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<gap>\s{16})"
    # Up to 16 dots of a leader are one token, so that a table of contents is no repetition.
    r"|(?P<mark>(?P<sign>[^\w\s]|_)(?:[ \t]{0,3}(?P=sign)){0,15})"
)
_POINT = re.compile("[.,]")


def repetition(text: str) -> float:
    """The repetition of the most repetitive window of a text: 0 for none, 1 for a pure loop.

    More rounds of a loop never lower it.

    Args:
        text: Any string; for a model with markup, its own words.
    """
    tokens = list(_tokens(text))
    occurrences: defaultdict[tuple[str, ...], int] = defaultdict(int)
    is_repeated = [0] * min(len(tokens), _GRAM - 1)
    for gram in zip(*(tokens[start:] for start in range(_GRAM)), strict=False):
        is_repeated.append(occurrences[gram] >= _ALLOWED_COPIES)
        occurrences[gram] += 1
    return _max_window_sum(is_repeated) / _WINDOW


def _max_window_sum(is_repeated: Sequence[int]) -> int:
    """The largest number of repeated tokens in a window."""
    sums = [0, *accumulate(is_repeated)]
    return max(
        (end - sums[max(0, at - _WINDOW)] for at, end in enumerate(sums)),
        default=0,
    )


def _tokens(text: str) -> Iterator[str]:
    last: dict[tuple[str, str, int], list[int]] = {}
    before = previous = ""
    for match in _TOKEN.finditer(text):
        token, kind = match[0], match.lastgroup
        pieces: Sequence[str] = (token,)
        if len(token) > _MAX_TOKEN_CHARS and kind in ("number", "word"):
            pieces = token
        elif kind == "number":
            parts = [int(part) for part in _POINT.split(token)]
            context = before, previous, len(parts)
            pieces = (_difference(last.get(context), parts),)
            last[context], token = parts, "#"
        yield from pieces
        before, previous = previous, token


def _difference(previous: list[int] | None, parts: list[int]) -> str:
    """A number as its difference to the previous one: 7.3 after 7.2 is "#0,1"."""
    if previous is None:
        return "#"
    return "#" + ",".join(str(now - then) for now, then in zip(parts, previous, strict=True))
