"""The lines that a text layer or an engine has of a `Sheet`, and whether a text is in its order.

An engine's lines have jittered boxes with a rim, some are split between words, and the page may be
slightly turned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random

from pipeline.types import Line
from tests.support.page_shapes import BREAK, SIZE_PX, Part, Sheet, Word


def layer_lines(sheet: Sheet) -> list[Line]:
    """The lines of a text layer: words without much white space between them."""
    return [_line(words) for part in sheet.parts for words in _pieces(part)]


def engine_lines(sheet: Sheet, seed: int, *, turn_deg: float = 0.0) -> list[Line]:
    """The lines that an engine finds: split at random, jittered, on a slightly turned page."""
    random, found = Random(seed), []
    for part in sheet.parts:
        for words in _pieces(part):
            where = random.randrange(1, len(words)) if len(words) > 3 else 0
            halves = [words[:where], words[where:]] if random.random() < 0.08 else [words]
            found += [_seen(_line(half), random, turn_deg) for half in halves if half]
    random.shuffle(found)
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


def faults(sheet: Sheet, text: str) -> list[str]:
    """Where a text departs from the order of the sheet, as messages; none where it does not."""
    found = [word for word in text.split() if word in _known(sheet)]
    place = {word: i for i, word in enumerate(found)}
    missing = sorted(_known(sheet) - set(found))
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
