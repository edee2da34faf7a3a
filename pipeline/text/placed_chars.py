"""Characters of a line with their places: what a text layer's lines get wrong. Pure.

Programs paint accents as characters of their own (TeX: "L", an acute, "opez"), spread letters by
wide spacing ("P r o d u c t"), paint lines from their last letter to the first, and paint text
twice, a little apart. MuPDF keeps the order in which characters are painted and adds a space where
they are apart, so that words come out broken; but it adds none after letters of most scripts beyond
Arabic, so that words are glued where no space is painted. Places tell what was meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise, product
from statistics import median
from typing import Final, NamedTuple

_COMBINING: Final = {
    "`": "\u0300",
    "\u00b4": "\u0301",
    "\u02c6": "\u0302",
    "\u02dc": "\u0303",
    "\u00af": "\u0304",
    "\u02d8": "\u0306",
    "\u02d9": "\u0307",
    "\u00a8": "\u0308",
    "\u02da": "\u030a",
    "\u02dd": "\u030b",
    "\u02c7": "\u030c",
    "\u00b8": "\u0327",
    "\u02db": "\u0328",
}
"""Accents that stand alone, and those that are part of a letter."""
_ACCENTS: Final = "".join(set(_COMBINING) - {"`"})
_ACCENT: Final = re.compile(rf"[{_ACCENTS}][^\W\d_]|[^\W\d_][{_ACCENTS}]|[^\W\d_]`[^\W\d_]")
"""An accent that may belong to a letter beside it; most backquotes are none."""
_ANY_ACCENT: Final = re.compile(f"[{_ACCENTS}`]")
_DOTLESS: Final = {"\u0131": "i", "\u0237": "j"}
_SPREAD: Final = re.compile(r"(?:^|\s)[^\W\d_](?: [^\W\d_]){3}(?!\S)")
"""Letters with a space after each: whether somebody painted it, the characters tell."""
_MIN_SPREAD: Final = 4
"""Letters that are spread evenly, at least: two are two words of a letter."""
_MAX_SPREAD_EM: Final = 0.45
"""Maximum white space between spread letters, in sizes of the font: columns are further apart."""
_EVEN_EM: Final = 0.1
"""Maximum difference between such spaces, in sizes of the font."""
_SPACE_EM: Final = 0.2
"""Minimum white space between words, in sizes of the font."""
_UNSPACED: Final = re.compile(
    "[\u0900-\u0dff\u10a0-\u167f\u1c80-\u1cbf\u1d00-\u1dbf\u1e00-\u1fff\u2100-\u218b\u2c00-\u2ddf"
    "\u3131-\u318e\ua640-\ua69f\ua720-\ua7ff\uab30-\uab6f\uac00-\ud7fb\ufb00-\ufb17"
    r"\U0001d400-\U0001d7ff](?=\S)"
)
"""Letters after which MuPDF adds no space, of scripts that divide words by spaces: Indic, Georgian,
Ethiopic, Hangul, the Latin of Vietnamese, the Greek of polytonic texts, letters of formulas.
Chinese, Japanese, Thai, Khmer and the like do not divide words."""
_LOST_SPACE_EM: Final = 0.15
"""Minimum white space where MuPDF adds a space, in sizes of the font ..."""
_WIDER_EM: Final = 0.1
"""... and how much wider it is than that between the letters of the line, which may be spread."""
_CELL: Final = 2.0
"""Maximum distance of a character painted twice, whatever its size."""
_MIN_REPEATED: Final = 4
"""Characters in a row that are a copy, at least."""
_SAME_EM: Final = (0.1, 0.2)
"""Maximum distance of a character painted twice, across and down, in sizes of the font."""


class PlacedChar(NamedTuple):
    """A character of a line that is level.

    Attributes:
        text: It, or what a ligature stands for.
        x0: Its left edge, points; so are the others.
        x1: Its right edge.
        y: Its baseline.
        size: The size of its font.
        is_added: Whether it is a space that nobody painted.
    """

    text: str
    x0: float
    x1: float
    y: float
    size: float
    is_added: bool = False


def may_be_broken(text: str) -> bool:
    """Whether words of a text may be in pieces that `with_accents` or `spread_spaces` mend."""
    if _ANY_ACCENT.search(text) and _ACCENT.search(text):
        return True
    return bool(_SPREAD.search(text))


def may_lack_spaces(text: str) -> bool:
    """Whether a text has letters after which MuPDF adds no space, and no space there."""
    return _UNSPACED.search(text) is not None


def lost_spaces(chars: Sequence[PlacedChar]) -> set[int]:
    """The characters in front of which there is white space as between words, and no space.

    Args:
        chars: Of one line, in the order of reading.
    """
    gaps: list[tuple[int, float]] = []
    end = float("-inf")
    for i, (before, char) in enumerate(pairwise(chars), 1):
        # Marks are painted over their letters, and some vowels in front of them.
        end = max(end, before.x1)
        if before.text.isspace():
            end = before.x1
        elif not char.text.isspace():
            gaps.append((i, (char.x0 - end) / max(char.size, 1e-6)))
    if not gaps:
        return set()
    least = max(_LOST_SPACE_EM, median(gap for _, gap in gaps) + _WIDER_EM)
    return {
        i
        for i, gap in gaps
        if gap >= least and may_lack_spaces(chars[i - 1].text[-1:] + chars[i].text)
    }


def with_accents(chars: Sequence[PlacedChar]) -> list[tuple[int, str]]:
    """The characters of a line, accents put on the letters that they are painted over.

    Args:
        chars: In any order.

    Returns:
        Index and text of each character that is left; an accent goes with its letter.
    """
    found = [(i, char.text) for i, char in enumerate(chars)]
    i = 0
    while i < len(found):
        for letter in (i + 1, i - 1):  # TeX paints an accent first, a cedilla last
            whole = _accented(chars, found, i, letter)
            if whole:
                found[letter] = found[letter][0], whole
                del found[i]
                break
        else:
            i += 1
    return found


def _accented(
    chars: Sequence[PlacedChar], found: Sequence[tuple[int, str]], accent: int, letter: int
) -> str:
    """A letter and its accent as one character, "" where they are not."""
    mark = _COMBINING.get(found[accent][1])
    if mark is None or not 0 <= letter < len(found):
        return ""
    over, under = chars[found[accent][0]], chars[found[letter][0]]
    if not under.x0 <= (over.x0 + over.x1) / 2 <= under.x1 or not found[letter][1].isalpha():
        return ""
    base = _DOTLESS.get(found[letter][1], found[letter][1])
    whole = unicodedata.normalize("NFC", base + mark)
    return whole if len(whole) == 1 else ""


def spread_spaces(chars: Sequence[PlacedChar]) -> set[int]:
    """The added spaces between evenly spread letters of one word.

    Args:
        chars: Of one line, from left to right.
    """
    found: set[int] = set()
    for run in _spread_runs(chars):
        size = chars[run[0][0]].size
        gaps = [chars[after[0]].x0 - chars[before[-1]].x1 for before, after in pairwise(run)]
        usual = median(gaps)
        if usual > _MAX_SPREAD_EM * size:
            continue
        for (before, after), gap in zip(pairwise(run), gaps, strict=True):
            if gap <= usual + _EVEN_EM * size:
                found.update(range(before[-1] + 1, after[0]))
    return found


def _spread_runs(chars: Sequence[PlacedChar]) -> Iterator[list[list[int]]]:
    """Stretches of single letters, some of two, with added spaces between them."""
    for is_short, tokens in groupby(_tokens(chars), key=lambda token: _is_short(token, chars)):
        run = list(tokens)
        if is_short and len(run) >= _MIN_SPREAD and 2 * sum(map(len, run)) <= 3 * len(run):
            yield run


def _tokens(chars: Sequence[PlacedChar]) -> Iterator[list[int]]:
    """The words of a line, divided by added spaces; empty ones where a space is painted."""
    for is_added, places in groupby(range(len(chars)), key=lambda i: chars[i].is_added):
        if is_added:
            continue
        for is_space, word in groupby(places, key=lambda i: chars[i].text.isspace()):
            yield [] if is_space else list(word)


def _is_short(token: Sequence[int], chars: Sequence[PlacedChar]) -> bool:
    return 1 <= len(token) <= 2 and all(chars[i].text.isalpha() for i in token)


def fraction_spaces(chars: Sequence[PlacedChar]) -> set[int]:
    """The added spaces between the upper and the lower number of a fraction.

    Args:
        chars: Of one line, from left to right.
    """
    return {
        i
        for i in range(1, len(chars) - 1)
        if chars[i].is_added
        and chars[i - 1].text.isdigit()
        and chars[i + 1].text.isdigit()
        and chars[i + 1].y - chars[i - 1].y > _SAME_EM[1] * chars[i].size
    }


def in_order(chars: Sequence[PlacedChar], max_gap_em: float) -> list[list[tuple[int, str]]]:
    """Characters on one baseline from left to right, divided where they are far apart.

    Args:
        chars: In any order.
        max_gap_em: Maximum white space inside a part, in sizes of the font.

    Returns:
        Index and text of the characters of each part; a space that nobody painted is put in front
        of the next character.
    """
    order = sorted(
        (i for i, char in enumerate(chars) if not char.is_added), key=lambda i: chars[i].x0
    )
    parts: list[list[tuple[int, str]]] = []
    end = 0.0
    for i in order:
        char = chars[i]
        gap = char.x0 - end
        if not parts or gap > max_gap_em * char.size:
            parts.append([(i, char.text)])
        else:
            is_apart = gap > _SPACE_EM * char.size and not parts[-1][-1][1].isspace()
            space = " " if is_apart and not char.text.isspace() else ""
            parts[-1].append((i, space + char.text))
        end = max(end, char.x1) if parts[-1][1:] else char.x1
    return parts


def repeated(lines: Sequence[Sequence[PlacedChar]]) -> list[set[int]]:
    """For each line, its characters that another line, or it itself, has at the same place.

    Of two lines the longer one keeps them. A few letters of a word may be there by chance.
    """
    found: list[set[int]] = [set() for _ in lines]
    seen: dict[tuple[str, int, int], PlacedChar] = {}
    for line in sorted(range(len(lines)), key=lambda i: -len(lines[i])):
        for i, char in enumerate(lines[line]):
            if char.text.isspace():
                continue
            column, row = round(char.x0 / _CELL), round(char.y / _CELL)
            cells = product((column - 1, column, column + 1), (row - 1, row, row + 1))
            others = (seen.get((char.text, *cell)) for cell in cells)
            if any(other and _is_same_place(char, other) for other in others):
                found[line].add(i)
            else:
                seen[char.text, column, row] = char
    return [_in_runs(places, line) for places, line in zip(found, lines, strict=True)]


def _in_runs(places: set[int], line: Sequence[PlacedChar]) -> set[int]:
    """Those places that are in a row, or all that the line has."""
    inked = [i for i, char in enumerate(line) if not char.text.isspace()]
    runs = [list(run) for is_found, run in groupby(inked, key=lambda i: i in places) if is_found]
    least = min(_MIN_REPEATED, len(inked))
    return {i for run in runs if len(run) >= least for i in run}


def _is_same_place(char: PlacedChar, other: PlacedChar) -> bool:
    across, down = (min(_CELL, share * char.size) for share in _SAME_EM)
    return abs(char.x0 - other.x0) <= across and abs(char.y - other.y) <= down
