"""Characters of lines that are right-to-left or mixed, put in the order of reading. Pure.

MuPDF puts the letters of each right-to-left word in that order, but leaves the words beside
numbers and Latin words from left to right, turns Arabic digits round as if they were letters,
and takes ligatures apart before it turns words round.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import fmean
from typing import Final, Literal

Kind = Literal["R", "L", "EN", "AN", "N"]
_KINDS: Final[dict[str, Kind]] = {"R": "R", "AL": "R", "L": "L", "EN": "EN", "AN": "AN"}
_MIRRORED: Final = str.maketrans(
    "()[]{}<>\u00ab\u00bb\u2039\u203a", ")(][}{><\u00bb\u00ab\u203a\u2039"
)
_CLOSING: Final = frozenset(")]}>\u00bb\u203a")
_SAME: Final = 0.01
_SPACE: Final = 0.5
"""Runs further apart than this share of the usual character's width have a space between them."""
_BETWEEN_DIGITS: Final = frozenset(".,:/-\u060c")
_BEFORE_NUMBER: Final = frozenset("+-\u2212\u2013$\u20ac\u00a3\u00a5\u20aa")
_AFTER_NUMBER: Final = frozenset("%\u2030\u066a")


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character of a line.

    Attributes:
        text: The character.
        x0: Its left side.
        x1: Its right side.
    """

    text: str
    x0: float
    x1: float


@dataclass(slots=True)
class _Run:
    """Characters that stay together: a word, a number, or one other sign."""

    kind: Kind
    members: list[int]
    x0: float
    x1: float

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2


def has_right_to_left_text(text: str) -> bool:
    """Whether a text has letters of a right-to-left script or Arabic digits."""
    return not text.isascii() and any(_class(char) in ("R", "AN") for char in text)


def logical_order(glyphs: Sequence[Glyph], *, page_is_rtl: bool) -> list[tuple[int, str]]:
    """The order in which the characters of a line are read.

    Args:
        glyphs: The characters, as MuPDF gives them.
        page_is_rtl: Whether the page is read from right to left.

    Returns:
        Index and text of each character, with a space before it where one is seen; brackets in
        right-to-left text may be mirrored.
    """
    order = _with_whole_ligatures(glyphs)
    runs = _runs(glyphs, order)
    if _is_descending(runs):
        return [(i, text) for _, i, text in _texts([(run, True) for run in runs], glyphs)]
    runs = _with_whole_numbers(sorted(runs, key=lambda run: run.middle), glyphs)
    is_rtl = _base_is_rtl(runs, page_is_rtl)
    ordered = list(_in_rtl(runs)) if is_rtl else list(_in_ltr(runs))
    return list(_with_spaces(_texts(ordered, glyphs), glyphs))


@cache
def _class(char: str) -> Kind:
    return _KINDS.get(unicodedata.bidirectional(char), "N")


def _with_whole_ligatures(glyphs: Sequence[Glyph]) -> list[int]:
    """The indices, the letters of each ligature in their order.

    MuPDF gives the width to the first one, puts the others at its right side, and turns them round.
    """
    order = list(range(len(glyphs)))
    start = 0
    for i in range(1, len(glyphs) + 1):
        if i < len(glyphs) and _is_one_glyph(glyphs[start], glyphs[i]):
            continue
        order[start:i] = reversed(order[start:i])
        start = i
    return order


def _is_one_glyph(last: Glyph, other: Glyph) -> bool:
    is_letter = _class(last.text) == "R" and _class(other.text) == "R"
    return is_letter and abs(last.x1 - other.x1) < _SAME and other.x0 <= last.x0


def _runs(glyphs: Sequence[Glyph], order: Sequence[int]) -> list[_Run]:
    runs: list[_Run] = []
    for i in order:
        glyph = glyphs[i]
        kind = _class(glyph.text)
        joins = bool(runs) and runs[-1].kind == kind != "N"
        is_mark = bool(runs) and unicodedata.combining(glyph.text) != 0
        if joins or is_mark:
            run = runs[-1]
            run.members.append(i)
            run.x0, run.x1 = min(run.x0, glyph.x0), max(run.x1, glyph.x1)
        else:
            runs.append(_Run(kind, [i], glyph.x0, glyph.x1))
    for run in runs:
        if run.kind in ("EN", "AN"):  # numbers are written from left to right in every script
            run.members.sort(key=lambda i: glyphs[i].x0)
        elif run.kind == "R":
            run.members = _from_the_right(run.members, glyphs)
    return runs


def _from_the_right(word: list[int], glyphs: Sequence[Glyph]) -> list[int]:
    """A right-to-left word that MuPDF did not turn round, turned round; any other as it is."""
    letters: list[list[int]] = []
    for i in word:
        glyph, last = glyphs[i], glyphs[letters[-1][-1]] if letters else None
        if last and (unicodedata.combining(glyph.text) or _is_one_glyph(glyph, last)):
            letters[-1].append(i)
        else:
            letters.append([i])
    places = [glyphs[letter[0]].x0 for letter in letters]
    if len(places) > 1 and all(left < right for left, right in pairwise(places)):
        return [i for letter in reversed(letters) for i in letter]
    return word


def _with_whole_numbers(runs: Sequence[_Run], glyphs: Sequence[Glyph]) -> list[_Run]:
    """Runs from the left, numbers with their signs and separators as one: they are not turned."""
    whole: list[_Run] = []
    for i, run in enumerate(runs):
        sign = glyphs[run.members[0]].text if run.kind == "N" else ""
        before = whole[-1] if whole and _touches(whole[-1], run) else None
        after = runs[i + 1] if i + 1 < len(runs) and _touches(run, runs[i + 1]) else None
        is_after_digits = before is not None and before.kind in ("EN", "AN")
        is_before_digits = after is not None and after.kind in ("EN", "AN")
        is_separator = (
            bool(sign) and sign in _BETWEEN_DIGITS and is_after_digits and is_before_digits
        )
        is_first = before is None or before.kind == "N"
        is_thousands = (
            after is not None and is_after_digits and _parts_thousands(run, after, glyphs)
        )
        if after and is_before_digits and is_first and sign and sign in _BEFORE_NUMBER:
            whole.append(_Run(after.kind, list(run.members), run.x0, run.x1))
        elif before is not None and (
            is_separator
            or is_thousands
            or (is_after_digits and sign in _AFTER_NUMBER)
            or (before.kind == run.kind and run.kind in ("EN", "AN"))
        ):
            before.members += run.members
            before.x1 = run.x1
        else:
            whole.append(run)
    return whole


def _parts_thousands(space: _Run, after: _Run, glyphs: Sequence[Glyph]) -> bool:
    """Whether a space between digits stands before the last three of a number."""
    is_space = len(space.members) == 1 and glyphs[space.members[0]].text.isspace()
    return is_space and after.kind == "EN" and len(after.members) == 3


def _touches(left: _Run, right: _Run) -> bool:
    """Whether two runs stand beside each other without a space."""
    narrow = min(left.x1 - left.x0, right.x1 - right.x0)
    return right.x0 - left.x1 <= narrow / 2


def _is_descending(runs: Sequence[_Run]) -> bool:
    """Whether the runs are in order already: none has digits or Latin letters, from the right."""
    if any(run.kind in ("L", "EN", "AN") for run in runs):
        return False
    wide = [run for run in runs if run.x1 > run.x0]
    return all(after.middle < before.middle for before, after in pairwise(wide))


def _base_is_rtl(runs: Sequence[_Run], page_is_rtl: bool) -> bool:
    letters = {kind: sum(len(run.members) for run in runs if run.kind == kind) for kind in "RL"}
    strong = [run.kind for run in runs if run.kind in "RL"]
    if not strong:
        return page_is_rtl
    if page_is_rtl:
        return letters["R"] > letters["L"] or strong[-1] == "R"
    return letters["R"] > letters["L"] and strong[0] == "R"


def _in_rtl(runs: Sequence[_Run]) -> Iterator[tuple[_Run, bool]]:
    """Runs from the left in the order of a right-to-left line, and whether each is part of one."""
    stretches = list(_stretches(runs, ("L",), ("L", "EN"), ("L", "EN", "N")))
    for is_other, stretch in reversed(stretches):
        yield from ((run, not is_other) for run in stretch)


def _in_ltr(runs: Sequence[_Run]) -> Iterator[tuple[_Run, bool]]:
    """Runs from the left in the order of a left-to-right line."""
    ends: tuple[Kind, ...] = ("R", "AN")
    for is_other, stretch in _stretches(runs, ends, ends, ("R", "AN", "EN", "N")):
        yield from ((run, is_other) for run in (reversed(stretch) if is_other else stretch))


def _stretches(
    runs: Sequence[_Run], first: Sequence[Kind], last: Sequence[Kind], inside: Sequence[Kind]
) -> Iterator[tuple[bool, Sequence[_Run]]]:
    """The runs, with longest stretches of one direction together; others alone."""
    i = 0
    while i < len(runs):
        end = i
        if runs[i].kind in first:
            at = i
            while at < len(runs) and runs[at].kind in inside:
                at += 1
                end = at if runs[at - 1].kind in last else end
        if end > i:
            yield True, runs[i:end]
            i = end
        else:
            yield False, runs[i : i + 1]
            i += 1


def _are_brackets_flipped(ordered: Sequence[tuple[_Run, bool]], glyphs: Sequence[Glyph]) -> bool:
    """Whether the brackets of the right-to-left parts of a line are those that are seen.

    Some programs store what a bracket looks like, others what it means: more of these are pairs.
    """
    signs = [glyphs[run.members[0]].text for run, is_rtl_part in ordered if is_rtl_part]
    brackets = [sign for sign in signs if sign.translate(_MIRRORED) != sign]
    return _pairs(sign in _CLOSING for sign in brackets) < _pairs(
        sign not in _CLOSING for sign in brackets
    )


def _pairs(are_closing: Iterable[bool]) -> int:
    """How many brackets are closed again."""
    is_open = pairs = 0
    for is_closing in are_closing:
        if not is_closing:
            is_open += 1
        elif is_open:
            is_open, pairs = is_open - 1, pairs + 1
    return pairs


def _texts(
    ordered: Sequence[tuple[_Run, bool]], glyphs: Sequence[Glyph]
) -> list[tuple[_Run, int, str]]:
    """Run, index and text of each character, brackets as they are meant."""
    are_flipped = _are_brackets_flipped(ordered, glyphs)
    return [
        (run, i, glyphs[i].text.translate(_MIRRORED) if are_flipped and is_rtl else glyphs[i].text)
        for run, is_rtl in ordered
        for i in run.members
    ]


def _with_spaces(
    texts: Sequence[tuple[_Run, int, str]], glyphs: Sequence[Glyph]
) -> Iterator[tuple[int, str]]:
    """Index and text of each character, with a space before it where one is seen."""
    least = _SPACE * fmean(glyph.x1 - glyph.x0 for glyph in glyphs)
    before: _Run | None = None
    last = ""
    for run, i, text in texts:
        is_apart = before is not None and before is not run and _gap(before, run) > least
        has_space = is_apart and not (text.isspace() or last.isspace())
        yield i, f" {text}" if has_space else text
        before, last = run, text


def _gap(a: _Run, b: _Run) -> float:
    return max(a.x0 - b.x1, b.x0 - a.x1)
