"""Judges pages and what an engine returned. Pure, total, linear in the length of the text.

`repetition` finds the loops that no rule at decoding time breaks up: DeepSeek-OCR is decoded with
"no 30 tokens twice within 90", which sees loops of up to 61 tokens, lets table cells repeat
without end, and is deceived by a counter in each round.

How it is measured: the text becomes words, numbers, marks and tags. A number is replaced by its
difference to the number that last stood after the same two tokens, so that "1. x 2. x" repeats
itself like "x x". A token says nothing new where the `_GRAM` tokens that it ends have stood in the
text `_SAID` times before. The score is the largest share of such tokens in any stretch of
`_STRETCH` tokens, whatever stands around it; a shorter text counts as if it were so long.

So a form in three copies has none of it and a table with a hundred empty cells not enough, and a
loop of any period is 1 once it has gone round three times and then for 400 tokens more.
Each token costs one look into a table of n-grams of fixed length; nothing is compared with all
that went before. The numbers were chosen on the pages of `benchmarks/quality.py`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.types import Pixels

_CONTRAST: Final = 16
"""How far a pixel must be from the paper to be ink, of 255. The palest text in use, light grey
on white, is twice as far; what JPEG does to plain paper is half as far."""

_SPARSE: Final = 8
"""Ink is looked for in every such row first."""

_GRAM = 5
"""Tokens that must be the same in a row: fewer find the words that every text repeats, more lose
the loops that the n-gram rule makes stumble every twentieth word."""
_SAID = 3
"""From the fourth time on it is a loop: three copies of a form on one page are nothing rare."""
_STRETCH = 400
"""Tokens; about half a page."""
_LONGEST = 20
"""Characters. A longer run of letters or digits is taken apart: it is script without spaces, or a
loop without any."""

_TOKEN = re.compile(
    r"(?P<tag></?\w+>|<\|/?\w+\|>)"
    r"|(?P<number>\d+(?:[.,]\d+)*)"
    r"|(?P<word>[^\W\d_]+)"
    r"|(?P<gap>\s{16})"
    # Up to 16 dots of a leader are one token: a table of contents is none of repetition.
    r"|(?P<mark>(?P<sign>[^\w\s]|_)(?:[ \t]{0,3}(?P=sign)){0,15})"
)
_POINT = re.compile("[.,]")


def repetition(text: str) -> float:
    """How much a text repeats itself where it does so most: 0 for none, 1 for a pure loop.

    More rounds never make it less.

    Args:
        text: Any string; for a model with markup, its own words.
    """
    tokens = list(_tokens(text))
    said: defaultdict[tuple[str, ...], int] = defaultdict(int)
    stale = [0] * min(len(tokens), _GRAM - 1)
    for gram in zip(*(tokens[start:] for start in range(_GRAM)), strict=False):
        stale.append(said[gram] >= _SAID)
        said[gram] += 1
    return _most(stale) / _STRETCH


def _most(stale: Sequence[int]) -> int:
    """The most stale tokens in a stretch."""
    sums = [0, *accumulate(stale)]
    return max(
        (end - sums[max(0, at - _STRETCH)] for at, end in enumerate(sums)),
        default=0,
    )


def _tokens(text: str) -> Iterator[str]:
    last: dict[tuple[str, str, int], list[int]] = {}
    before = previous = ""
    for match in _TOKEN.finditer(text):
        token, kind = match[0], match.lastgroup
        pieces: Sequence[str] = (token,)
        if len(token) > _LONGEST and kind in ("number", "word"):
            pieces = token
        elif kind == "number":
            parts = [int(part) for part in _POINT.split(token)]
            place = before, previous, len(parts)
            pieces = (_step(last.get(place), parts),)
            last[place], token = parts, "#"
        yield from pieces
        before, previous = previous, token


def _step(was: list[int] | None, parts: list[int]) -> str:
    """A number as the way from the last one: 7.3 after 7.2 is "#0,1"."""
    if was is None:
        return "#"
    return "#" + ",".join(str(now - then) for now, then in zip(parts, was, strict=True))


def ink_ppm(pixels: Pixels) -> float:
    """How much of a picture differs from its paper, parts per million of its area.

    The paper is the most frequent level. Each of the three colours is looked at, so that
    coloured text on paper of equal brightness is ink.

    Args:
        pixels: RGB, uint8, shape (height, width, 3), of any size.
    """
    if not pixels.size:
        return 0.0
    most = max(_off_paper(counts) for counts in _levels(pixels))
    return most * 1e6 / _area(pixels)


def is_blank(pixels: Pixels, most_ppm: float) -> bool:
    """Whether a page has no more ink than so much, in parts per million of its area.

    The answer is that of `ink_ppm`. A few rows settle it where they have too much ink alone,
    whichever level the paper of the whole page has; few pages that are not blank need a second
    look.
    """
    if not pixels.size:
        return most_ppm >= 0
    least = max(_off_any_paper(counts) for counts in _levels(pixels[::_SPARSE]))
    if least * 1e6 / _area(pixels) > most_ppm:
        return False
    return ink_ppm(pixels) <= most_ppm


def _area(pixels: Pixels) -> int:
    return int(pixels.shape[0]) * int(pixels.shape[1])


def _levels(pixels: Pixels) -> npt.NDArray[np.int_]:
    """How many pixels have each level of each colour, shape (3, 256)."""
    return np.array(Image.fromarray(pixels).histogram()).reshape(3, 256)


def _off_paper(counts: npt.NDArray[np.int_]) -> int:
    paper = int(counts.argmax())
    near = counts[max(0, paper - _CONTRAST) : paper + _CONTRAST + 1].sum()
    return int(counts.sum() - near)


def _off_any_paper(counts: npt.NDArray[np.int_]) -> int:
    """The pixels that are ink at least, whichever level is the paper."""
    sums = np.concatenate([[0], np.cumsum(counts)])
    width = 2 * _CONTRAST + 1
    return int(sums[-1] - (sums[width:] - sums[:-width]).max())
