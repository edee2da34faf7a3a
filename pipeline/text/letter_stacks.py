"""Upright letters one below the other that are one word, as on stamps and spines. Pure and total.

Each letter is a line of its own, and would be spliced into the lines beside it.
What tells a word from a column of labels or cells: these are level with the text that they belong
to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Final

from pipeline.text.layout.rows import bounding_box
from pipeline.types import Box, Line

_MIN_LETTERS: Final = 4
_MAX_LETTERS: Final = 1000
"""A page with more single letters is set letter by letter: below each other they mean nothing."""
_SAME_PLACE: Final = 0.35
"""Maximum distance of the centres of two letters across the stack, in heights."""
_SAME_HEIGHT: Final = 1.45
"""Maximum height of a letter's box by that of the one above: a detector's boxes vary."""
_MAX_PITCH: Final = 2.5
"""Maximum distance from letter to letter, in heights."""
_EVEN: Final = 1.3
"""Maximum distance by the smallest one in the stack."""
_LEVEL: Final = 0.15
"""Maximum offset of a letter that is level with another line, in heights."""
_MAX_LEVEL_SHARE: Final = 0.34
"""Maximum share of letters that are level with other lines: some are by chance."""


def letter_stacks(lines: Sequence[Line]) -> list[list[int]]:
    """The stacks of letters on a page.

    Args:
        lines: The page's lines, upright.

    Returns:
        The indices of the letters of each, from top to bottom; no line is in two.
    """
    letters = [i for i, line in enumerate(lines) if _is_letter(line)]
    if not _MIN_LETTERS <= len(letters) <= _MAX_LETTERS:
        return []
    letters.sort(key=lambda i: (_center(lines[i].box)[1], i))
    bottoms = sorted((line.box[3], i) for i, line in enumerate(lines))
    return [stack for stack in _chains(lines, letters) if _is_word(lines, stack, bottoms)]


def with_words_of_stacks(lines: Sequence[Line]) -> list[Line]:
    """The lines with the letters of each stack as one line, in the place of the first letter."""
    stacks = letter_stacks(lines)
    words = {stack[0]: _word([lines[i] for i in stack]) for stack in stacks}
    inside = {i for stack in stacks for i in stack[1:]}
    return [words.get(i, line) for i, line in enumerate(lines) if i not in inside]


def _word(letters: Sequence[Line]) -> Line:
    text = "".join(letter.text.strip() for letter in letters)
    box = bounding_box([letter.box for letter in letters])
    return Line(text, box, fmean(letter.score for letter in letters))


def _is_letter(line: Line) -> bool:
    text = line.text.strip()
    return len(text) == 1 and text.isalpha()


def _chains(lines: Sequence[Line], letters: Sequence[int]) -> Iterator[list[int]]:
    """The letters, each with those that follow it downwards."""
    open_chains: list[list[int]] = []
    for i in letters:
        chain = next((each for each in open_chains if _follows(lines, each, i)), None)
        if chain is None:
            open_chains.append([i])
        else:
            chain.append(i)
    for chain in open_chains:
        if len(chain) >= _MIN_LETTERS:
            yield chain


def _follows(lines: Sequence[Line], chain: Sequence[int], letter: int) -> bool:
    """Whether a letter is the next one of a chain: below the last, in even steps."""
    box, last = lines[letter].box, lines[chain[-1]].box
    heights = sorted((box[3] - box[1], last[3] - last[1]))
    (x, y), (last_x, last_y) = _center(box), _center(last)
    if heights[1] > _SAME_HEIGHT * heights[0] or abs(x - last_x) > _SAME_PLACE * heights[0]:
        return False
    pitch = y - last_y
    if not 0 < pitch <= _MAX_PITCH * heights[0]:
        return False
    first = _center(lines[chain[0]].box)[1]
    usual = (last_y - first) / (len(chain) - 1) if len(chain) > 1 else pitch
    return max(pitch, usual) <= _EVEN * min(pitch, usual)


def _is_word(
    lines: Sequence[Line], stack: Sequence[int], bottoms: Sequence[tuple[float, int]]
) -> bool:
    """Whether the letters are no labels: not an alphabet, and not level with other text.

    Args:
        lines: The page's lines.
        stack: The indices of the letters.
        bottoms: Lower edge and index of every line, sorted.
    """
    codes = [ord(lines[i].text.strip()) for i in stack]
    if len({below - above for above, below in pairwise(codes)}) == 1:
        return False
    members = set(stack)
    level = sum(not members.issuperset(_level(lines[i].box, bottoms)) for i in stack)
    return level <= _MAX_LEVEL_SHARE * len(stack)


def _level(letter: Box, bottoms: Sequence[tuple[float, int]]) -> list[int]:
    """The indices of the lines that end as far down as a letter."""
    near = _LEVEL * (letter[3] - letter[1])
    first = bisect_left(bottoms, (letter[3] - near, -1))
    last = bisect_right(bottoms, (letter[3] + near, len(bottoms)))
    return [i for _, i in bottoms[first:last]]


def _center(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
