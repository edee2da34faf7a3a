"""The lines that a text layer or an engine has of a `Sheet`, and whether a text is in its order.

An engine's lines have jittered boxes with a rim, some are split between words, and the page may be
slightly turned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from pipeline.types import Line
from tests.support.page_shapes import BREAK, SIZE_PX, Part, Sheet, Word

MERGED = 2.0
"""White space over which detectors may merge two lines, in line heights."""


def layer_lines(sheet: Sheet) -> list[Line]:
    """The lines of a text layer: words without much white space between them."""
    return [_line(words) for part in sheet.parts for words in _pieces(part)]


def engine_lines(
    sheet: Sheet, seed: int, *, turn_deg: float = 0.0, missing: float = 0.0, merged: float = 0.0
) -> list[Line]:
    """The lines that an engine finds: split at random, jittered, on a slightly turned page.

    Args:
        sheet: The page.
        seed: Of what is random.
        turn_deg: How far the page is turned.
        missing: Share of the lines that are not found.
        merged: Share of the lines close to the next one on their right that are one with it.
    """
    random, found = Random(seed), []
    pieces = [words for part in sheet.parts for words in _pieces(part)]
    for words in _merged(pieces, random, merged) if merged else pieces:
        if merged and words not in pieces:
            found.append(_seen(_line(words), random, turn_deg))
        elif random.random() >= missing:
            where = random.randrange(1, len(words)) if len(words) > 3 else 0
            halves = [words[:where], words[where:]] if random.random() < 0.08 else [words]
            found += [_seen(_line(half), random, turn_deg) for half in halves if half]
    random.shuffle(found)
    return found


def _merged(pieces: Sequence[list[Word]], random: Random, share: float) -> list[list[Word]]:
    """The lines, some with the next one beside them, as detectors merge across a gutter."""
    found = list(pieces)
    for words in pieces:
        end, y = words[-1].x1, words[0].y
        beside = [
            other
            for other in found
            if 0 < other[0].x0 - end < MERGED * SIZE_PX and abs(other[0].y - y) < 0.3 * SIZE_PX
        ]
        if beside and words in found and random.random() < share:
            found = [other for other in found if other is not beside[0]]
            found[found.index(words)] = [*words, *beside[0]]
    return found


def _pieces(part: Part) -> Iterator[list[Word]]:
    for words in part.lines:
        piece = words[:1]
        for word in words[1:]:
            if word.x0 - piece[-1].x1 > BREAK * word.height:
                yield piece
                piece = []
            piece.append(word)
        yield piece


def _line(words: Sequence[Word]) -> Line:
    first = words[0]
    box = (first.x0, first.y, max(word.x1 for word in words), first.y + first.height)
    return Line(" ".join(word.text for word in words), box, 0.95)


def _seen(line: Line, random: Random, turn_deg: float) -> Line:
    """The line with the box of an engine: around the four corners of the turned box."""
    x0, y0, x1, y1 = line.box
    rim = 0.1 * min(x1 - x0, y1 - y0)
    sine, cosine = math.sin(math.radians(turn_deg)), math.cos(math.radians(turn_deg))
    corners = [(x * cosine - y * sine, x * sine + y * cosine) for x in (x0, x1) for y in (y0, y1)]
    xs, ys = zip(*corners, strict=True)
    left, top, right, bottom = (random.uniform(-0.06, 0.06) * SIZE_PX for _ in range(4))
    box = (min(xs) - rim + left, min(ys) - rim + top, max(xs) + rim + right, max(ys) + rim + bottom)
    return Line(line.text, box, random.uniform(0.85, 1.0))


def comparable(sheet: Sheet, lines: Sequence[Line]) -> Sheet:
    """The sheet without the words of missing lines, and of lines that follow others in one line."""
    line_of = {
        token: (i, j)
        for i, part in enumerate(sheet.parts)
        for j, words in enumerate(part.lines)
        for word in words
        for token in word.text.split()
    }
    kept: set[str] = set()
    for line in lines:
        tokens = [token for token in line.text.split() if token in line_of]
        kept |= {token for token in tokens if line_of[token] == line_of[tokens[0]]}
    parts = []
    for part in sheet.parts:
        rows = [[word for word in words if {*word.text.split()} <= kept] for words in part.lines]
        if any(rows):
            parts.append(replace(part, lines=[row for row in rows if row]))
    return replace(sheet, parts=parts)


def faults(sheet: Sheet, text: str) -> list[str]:
    """Where a text departs from the order of the sheet, as messages; none where it does not."""
    known = _known(sheet)
    found = [word for word in text.split() if word in known]
    place = {word: i for i, word in enumerate(found)}
    missing = sorted(known - set(found))
    if missing:
        return [f"missing: {missing}"]
    messages = []
    fixed = [part for part in sheet.parts if not part.is_free]
    free = {word: part for part in sheet.parts if part.is_free for word in _tokens(part)}
    expected = [word for part in fixed for word in _tokens(part)]
    got = [word for word in found if word not in free]
    if got != expected:
        i = next(i for i, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b)
        messages.append(f"after {expected[max(0, i - 1)]}: {got[i]} for {expected[i]}")
    for part in sheet.parts:
        places = [place[word] for word in _tokens(part)]
        if part.is_free and max(places) - min(places) >= len(places):
            messages.append(f"torn: {_tokens(part)[:3]}")
        if part.is_free and part.is_ordered and places != sorted(places):
            messages.append(f"out of order: {_tokens(part)[:3]}")
        if not part.is_free:
            between = {found[i] for i in range(min(places), max(places))} & set(free)
            if between:
                messages.append(f"spliced into {_tokens(part)[0]}: {sorted(between)[:3]}")
    return messages


def _tokens(part: Part) -> list[str]:
    return [token for word in part.words for token in word.split() if token.strip(".")]


def _known(sheet: Sheet) -> set[str]:
    return {token for part in sheet.parts for token in _tokens(part)}
