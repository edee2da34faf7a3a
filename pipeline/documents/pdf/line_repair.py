"""Lines of a text layer that MuPDF got wrong, mended by the places of their characters.

Most pages have none. What a line's text and box tell decides whether the characters are read.
Lines that are not level stay as they are, but for those of vertical writing.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, Final

from pipeline.documents.pdf.exponents import LEVEL, Line, may_hold_fraction, with_exponents
from pipeline.text.layout.rows import bounding_box
from pipeline.text.placed_chars import (
    PlacedChar,
    fraction_spaces,
    in_order,
    lost_spaces,
    may_be_broken,
    may_lack_spaces,
    repeated,
    spread_spaces,
    with_accents,
)

_Placed = tuple[dict[str, Any], PlacedChar]
"""A character and its span."""

_SAME_BASELINE_PT: Final = 0.5
_SHORT: Final = 3
"""Characters of a line that may be part of a word painted letter by letter, at most."""
_MIN_SHORT: Final = 8
"""Such lines that touch another one, on one row, for it to be put together anew."""
_TOUCH: Final = 0.12
"""Maximum distance of two lines that touch, in line heights."""
_WORD_GAP_EM: Final = 1.0
"""White space at which a row that is put together is divided, in sizes of the font."""
_OVERLAP: Final = 0.6
"""Minimum overlap of two lines on one row that may have the same characters, in line heights."""
_SAME_HEIGHT: Final = 0.75
_NEXT: Final = 0.6
"""Maximum distance of two characters of one column in vertical writing, in widths."""


def repaired(lines: Sequence[Line], read_chars: Callable[[], Iterable[Line]]) -> Sequence[Line]:
    """The lines of a page, in the order of the file, those that MuPDF got wrong mended.

    Args:
        lines: PyMuPDF's.
        read_chars: Reads them again, with `chars` in place of `text` in their spans.
    """
    texts = ["".join([span["text"] for span in line["spans"]]) for line in lines]
    rows = _rows(lines)
    scattered = [row for row in rows if _is_scattered(row, lines, texts)]
    doubled = {i for row in rows for i in _overlapping(row, lines)}
    broken: set[int] = set()
    whole = "\n".join(texts)
    if may_be_broken(whole) or may_lack_spaces(whole):
        is_broken = [may_be_broken(text) or may_lack_spaces(text) for text in texts]
        broken = {i for row in rows for i in row if is_broken[i]}
    broken.update(i for row in rows for i in row if may_hold_fraction(lines[i]["spans"]))
    if scattered or doubled or broken:
        lines = _mended(lines, list(read_chars()), scattered, doubled, broken)
    lines = with_exponents(lines)
    return list(_in_columns(lines)) if any(line["wmode"] for line in lines) else lines


def _rows(lines: Sequence[Line]) -> list[list[int]]:
    """The level lines by their baselines, each row from left to right."""
    level = [
        (line["spans"][0]["origin"][1], line["bbox"][0], i)
        for i, line in enumerate(lines)
        if line["dir"] == LEVEL and line["spans"]
    ]
    level.sort()
    rows: list[list[tuple[float, int]]] = []
    last = -1e9
    for y, x, i in level:
        if y - last > _SAME_BASELINE_PT:
            rows.append([])
        rows[-1].append((x, i))
        last = y
    return [[i for _, i in sorted(row)] for row in rows]


def _is_scattered(row: Sequence[int], lines: Sequence[Line], texts: Sequence[str]) -> bool:
    """Whether a row consists of many pieces of words that touch each other."""
    if len(row) < _MIN_SHORT:
        return False
    touching = sum(
        _is_piece(texts[i]) and _is_piece(texts[j]) and _touch(lines[i], lines[j])
        for i, j in pairwise(row)
    )
    return touching >= _MIN_SHORT and 2 * touching >= len(row)


def _is_piece(text: str) -> bool:
    """Whether a line may be a piece of a word; dots of a leader are none."""
    return len(text) <= _SHORT and text.strip().isalnum()


def _touch(line: Line, other: Line) -> bool:
    _, top, right, bottom = line["bbox"]
    return bool(abs(other["bbox"][0] - right) <= _TOUCH * (bottom - top))


def _overlapping(row: Sequence[int], lines: Sequence[Line]) -> Iterator[int]:
    """The lines of a row that have others of their size and paint on top of them."""
    for i, j in pairwise(row):
        (_, y0, x1, y1), (next_x0, next_y0, _, next_y1) = lines[i]["bbox"], lines[j]["bbox"]
        if next_x0 >= x1:
            continue
        low, high = sorted((y1 - y0, next_y1 - next_y0))
        is_over = next_x0 < x1 - _OVERLAP * low and low > _SAME_HEIGHT * high
        if is_over and _paints(lines[i]) == _paints(lines[j]):
            yield from (i, j)


def _paints(line: Line) -> set[tuple[int, int, int]]:
    """Colours of a line, and how it is painted: text that is not seen is no copy of what is."""
    return {(span["color"], span["alpha"], span["char_flags"]) for span in line["spans"]}


def _mended(
    lines: Sequence[Line],
    raw: Sequence[Line],
    scattered: Sequence[Sequence[int]],
    doubled: Collection[int],
    broken: Collection[int],
) -> list[Line]:
    """The lines with the characters of some of them put together anew."""
    found: dict[int, list[Line]] = {i: [line] for i, line in enumerate(lines)}
    for i in broken:
        found[i] = [_with_words(raw[i])]
    twice = sorted(doubled)
    drop = repeated([[char for _, char in _placed(raw[i])] for i in twice])
    for i, dropped in zip(twice, drop, strict=True):
        if dropped:
            found[i] = list(_without(raw[i], dropped))
    for row in scattered:
        chars = [each for i in row for each in _placed(raw[i])]
        parts = in_order([char for _, char in chars], _WORD_GAP_EM)
        found.update({i: [] for i in row})
        found[min(row)] = [_line(lines[row[0]], part, chars) for part in parts]
    return [line for i in range(len(lines)) for line in found[i]]


def _placed(raw: Line) -> list[_Placed]:
    """The characters of a line with their spans."""
    return [
        (
            span,
            PlacedChar(
                char["c"],
                char["bbox"][0],
                char["bbox"][2],
                char["origin"][1],
                span["size"],
                char["synthetic"] and char["c"] == " ",
            ),
        )
        for span in raw["spans"]
        for char in span["chars"]
    ]


def _with_words(raw: Line) -> Line:
    """A line with accents on their letters, and spaces between words but not inside of them."""
    chars = _placed(raw)
    places = [char for _, char in chars]
    spaces = spread_spaces(places) | fraction_spaces(places)
    kept = [each for i, each in enumerate(chars) if i not in spaces]
    places = [char for _, char in kept]
    lost = lost_spaces(places)
    found = [(i, f" {text}" if i in lost else text) for i, text in with_accents(places)]
    return _line(raw, found, kept)


def _without(raw: Line, dropped: Collection[int]) -> Iterator[Line]:
    """What is left of a line without some of its characters: a line for each stretch."""
    chars = _placed(raw)
    kept = [i for i in range(len(chars)) if i not in dropped]
    for _, run in groupby(enumerate(kept), key=lambda each: each[1] - each[0]):
        part = [(i, chars[i][1].text) for _, i in run]
        if any(not text.isspace() for _, text in part):
            yield _line(raw, part, chars)


def _line(line: Line, part: Sequence[tuple[int, str]], chars: Sequence[_Placed]) -> Line:
    """A line as PyMuPDF gives it, of some characters."""
    spans = []
    # The numbers of a fraction may be one span of PyMuPDF's.
    for _, run in groupby(part, key=lambda each: _baseline(*chars[each[0]])):
        spans.append(_span(list(run), chars))
    boxes = [span["bbox"] for span in spans]
    return {**line, "spans": spans, "bbox": bounding_box(boxes)}


def _baseline(span: dict[str, Any], char: PlacedChar) -> tuple[int, int]:
    """The same for the characters of a span on one baseline."""
    return id(span), round(char.y / _SAME_BASELINE_PT)


def _span(run: Sequence[tuple[int, str]], chars: Sequence[_Placed]) -> dict[str, Any]:
    span = chars[run[0][0]][0]
    places = [chars[i][1] for i, _ in run]
    left, right = min(place.x0 for place in places), max(place.x1 for place in places)
    rest = {key: value for key, value in span.items() if key != "chars"}
    box = (left, span["bbox"][1], right, span["bbox"][3])
    text = "".join(text for _, text in run)
    return {**rest, "text": text, "bbox": box, "origin": (left, places[0].y)}


def _in_columns(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, the characters of each column of vertical writing as one line."""
    column: list[Line] = []
    for line in lines:
        if column and not (line["wmode"] and _follows(column[-1], line)):
            yield _column(column)
            column = []
        if line["wmode"]:
            column.append(line)
        else:
            yield line
    if column:
        yield _column(column)


def _follows(line: Line, below: Line) -> bool:
    """Whether a line of vertical writing goes on below."""
    x0, _, x1, y1 = line["bbox"]
    left, top, right, _ = below["bbox"]
    width = max(x1 - x0, right - left)
    is_under = abs(x0 + x1 - left - right) <= width / 2
    return bool(is_under and -_NEXT * width <= top - y1 <= _NEXT * width)


def _column(lines: Sequence[Line]) -> Line:
    if len(lines) == 1:
        return lines[0]
    spans = [span for line in lines for span in line["spans"]]
    return {**lines[0], "spans": spans, "bbox": bounding_box([line["bbox"] for line in lines])}
