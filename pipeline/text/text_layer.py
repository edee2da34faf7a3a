"""The text layer of a page: its records, and its text in reading order. Pure.

Boxes are in pixels of the image that the page would be rendered as, so that rows have the same
coordinates whether their text came from the layer or from an engine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.imaging.rotation import TURNS, turn_back, turn_box, turn_size
from pipeline.text import layout
from pipeline.text.layout.rows import bounding_box
from pipeline.text.letter_stacks import letter_stacks
from pipeline.text.structure import PageSigns, Style, markdown, structured
from pipeline.text.word_spans import Span
from pipeline.types import Block, Box, Line, PageLayout, Region, RegionKind

MAX_LINES: Final = 20_000
"""Maximum lines of a page; a newspaper page has 2,000."""
MAX_CHARS: Final = 1_000_000
"""Maximum characters of a page."""
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b\ufeff]*")
"""Signs without a shape, which some fonts have in the place of white space or beside a bullet."""
_MIN_CROSSED: Final = 2
"""A line at an angle is a watermark if its box has the middles of so many others."""

WordPlaces = dict[tuple[str, Box], tuple[Span, ...]]
"""The shares of their length that the words of lines take, by text and box of the line; counted
from the left when it is upright. Lines of a single word, or of which it is not known, are missing.
"""


@dataclass(frozen=True, slots=True)
class TextLayerLine:
    """A line of a text layer.

    Attributes:
        text: Its text.
        box: Its box in pixels of the page as displayed.
        turn_deg: The clockwise turn that makes it upright: 0, 90, 180 or 270.
        is_visible: Whether it is seen: not render mode 3, not transparent, not white on white, not
            covered, not smaller than a point.
        is_white: Whether it is painted white on white.
        size_px: Size of its font, 0 where unknown.
        is_bold: Whether all of it is bold.
        is_covered: Whether it lies under what is painted later.
        is_oblique: Whether it is neither level nor upright.
    """

    text: str
    box: Box
    turn_deg: int = 0
    is_visible: bool = True
    is_white: bool = False
    size_px: float = 0.0
    is_bold: bool = False
    is_covered: bool = False
    is_oblique: bool = False


@dataclass(frozen=True, slots=True)
class DrawingStats:
    """Statistics of what a page draws. Shares are 0 to 1.

    Attributes:
        operations: Number of drawing operations: text, paths, images, shadings.
        non_text_operations: Number of those that draw no text.
        image_share: Share of the page's area that images cover.
        image_without_text_share: Share of the page's area with images and no visible text on them.
        covered_share: Share of the visible text's area that later operations cover.
        glyph_like_paths: Number of letter-sized paths and masks outside of text.
        white_share: Share of the visible characters that are almost white.
        oversized_box_share: Share of the visible characters whose boxes far exceed the font size.
        doubtful_numbers: Number of places where a digit, sign or letter in or beside a number is
            drawn as something else, pairs of letters that are drawn as digits included.
        ciphered_share: Share of the characters in fonts that draw other letters than they store.
        picture_characters: About how many characters of text are in pictures, as pixels.
        pictures: The pictures that have them, boxes in pixels of the page as displayed.
    """

    operations: int = 0
    non_text_operations: int = 0
    image_share: float = 0.0
    image_without_text_share: float = 0.0
    covered_share: float = 0.0
    glyph_like_paths: int = 0
    white_share: float = 0.0
    oversized_box_share: float = 0.0
    doubtful_numbers: int = 0
    ciphered_share: float = 0.0
    picture_characters: int = 0
    pictures: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The text layer of a page.

    Attributes:
        width_px: Width of the image that the page would be rendered as.
        height_px: Height of that image.
        dpi: Its resolution.
        lines: In the order of the file.
        drawing: Statistics of what the page draws.
        pictures: Boxes of its images.
        rules: Boxes of the straight lines that it draws, and of the edges of rectangles.
        shapes: Boxes of what it draws that is neither, such as curves.
        warnings: Messages about problems that were not fatal.
        find_words: Where the words of its lines stand; called for pages with tables.
    """

    width_px: int
    height_px: int
    dpi: float
    lines: tuple[TextLayerLine, ...] = ()
    drawing: DrawingStats = DrawingStats()
    pictures: tuple[Box, ...] = ()
    rules: tuple[Box, ...] = ()
    shapes: tuple[Box, ...] = ()
    warnings: tuple[str, ...] = ()
    find_words: Callable[[], WordPlaces] = field(default=dict, repr=False, compare=False)

    @property
    def visible(self) -> tuple[TextLayerLine, ...]:
        """The visible lines."""
        return tuple(line for line in self.lines if line.is_visible)


def turn_of(lines: tuple[TextLayerLine, ...]) -> int:
    """The clockwise turn that makes most of the text upright, 0 where there is none."""
    characters: Counter[int] = Counter()
    for line in lines:
        characters[line.turn_deg] += len(line.text)
    return max(TURNS, key=lambda deg: (characters[deg], deg == 0))


class FindLayout(Protocol):
    """Finds what the lines of a page are."""

    def __call__(self, boxes: Sequence[Box], size_px: tuple[int, int], deg: int) -> PageLayout:
        """The layout of the page after a clockwise turn, given the boxes of its lines after it."""


def read(
    layer: TextLayer, *, hidden: bool, find_layout: FindLayout | None = None
) -> tuple[str, tuple[Block, ...], int]:
    """Text and blocks of a layer, in reading order.

    Lines at an angle that run across others, as watermarks do, come last.

    Args:
        layer: The layer.
        hidden: Include lines that are not seen, those that are white on white too.
        find_layout: Finds what the lines are, for Markdown with structure; None for plain text.

    Returns:
        The text, its blocks with boxes on the page as displayed, and the clockwise turn that
        makes the text upright.
    """
    lines = _without_duplicates(layer.lines if hidden else layer.visible)
    lines = tuple(line for line in lines if not _CONTROLS.fullmatch(line.text))
    deg = turn_of(lines)
    width_px, height_px = turn_size(layer.width_px, layer.height_px, deg)

    def to_upright(box: Box) -> Box:
        return turn_box(box, layer.width_px, layer.height_px, deg)

    def to_page(box: Box | None) -> Box | None:
        return box and turn_back(box, width_px, height_px, deg)

    lines, marks = _without_watermarks(lines)
    lines = _with_words_of_stacks(lines, to_upright)
    upright = [Line(line.text, to_upright(line.box), 1.0) for line in lines]
    if find_layout is None:
        found = layout.blocks(upright, width_px, height_px)
    else:
        seen = find_layout([line.box for line in upright], (width_px, height_px), deg)
        pictures = tuple(Region(RegionKind.PICTURE, to_upright(box)) for box in layer.pictures)
        rules = tuple(map(to_upright, layer.rules))
        regions = (*pictures, *seen.regions)
        shapes = tuple(map(to_upright, layer.shapes))
        words = partial(_words, layer, lines, deg)
        signs = PageSigns(seen.line_kinds, _styles(lines), regions, rules, shapes, words)
        found = structured(upright, width_px, height_px, signs)
    for line in marks:
        across = [Line(line.text, to_upright(line.box), 1.0)]
        found = (*found, *layout.blocks(across, width_px, height_px))
    blocks = tuple(replace(block, box=to_page(block.box), score=None) for block in found)
    return markdown(blocks), blocks, deg


def _without_watermarks(
    lines: tuple[TextLayerLine, ...],
) -> tuple[tuple[TextLayerLine, ...], tuple[TextLayerLine, ...]]:
    """The lines without those at an angle that run across others, and these."""
    if not any(line.is_oblique for line in lines):
        return lines, ()
    boxes = np.array([line.box for line in lines if not line.is_oblique]).reshape(-1, 4)
    x, y = np.ascontiguousarray(((boxes[:, :2] + boxes[:, 2:]) / 2).T)
    are_marks = [line.is_oblique and _runs_across(line.box, x, y) for line in lines]
    marks = tuple(compress(lines, are_marks))
    return tuple(line for line, is_mark in zip(lines, are_marks, strict=True) if not is_mark), marks


def _runs_across(box: Box, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> bool:
    """Whether a box has so many middles of others (`x` and `y`) as that of a watermark."""
    x0, y0, x1, y1 = box
    inside = np.count_nonzero((x > x0) & (x < x1) & (y > y0) & (y < y1))
    return bool(inside >= _MIN_CROSSED)


def _with_words_of_stacks(
    lines: tuple[TextLayerLine, ...], to_upright: Callable[[Box], Box]
) -> tuple[TextLayerLine, ...]:
    """The lines with the letters of each stack as one line."""
    if sum(len(line.text) == 1 for line in lines) < 2:
        return lines
    stacks = letter_stacks([Line(line.text, to_upright(line.box), 1.0) for line in lines])
    words = {stack[0]: _word([lines[i] for i in stack]) for stack in stacks}
    inside = {i for stack in stacks for i in stack[1:]}
    return tuple(words.get(i, line) for i, line in enumerate(lines) if i not in inside)


def _word(letters: Sequence[TextLayerLine]) -> TextLayerLine:
    text = "".join(letter.text.strip() for letter in letters)
    return replace(letters[0], text=text, box=bounding_box([letter.box for letter in letters]))


def _words(
    layer: TextLayer, lines: Sequence[TextLayerLine], deg: int
) -> tuple[tuple[Span, ...], ...]:
    """Where the words of lines stand, none for lines that are not upright with the page."""
    known = layer.find_words()
    return tuple(
        known.get((line.text, line.box), ()) if line.turn_deg == deg else () for line in lines
    )


def _styles(lines: tuple[TextLayerLine, ...]) -> tuple[Style, ...]:
    return tuple(Style(line.size_px, line.is_bold) for line in lines)


def _without_duplicates(lines: tuple[TextLayerLine, ...]) -> tuple[TextLayerLine, ...]:
    """The lines without duplicates drawn almost at the same place, as some programs do for bold."""
    kept: dict[str, list[TextLayerLine]] = {}
    for line in lines:
        same = kept.setdefault(line.text, [])
        if not any(_is_duplicate(line.box, other.box) for other in same):
            same.append(line)
    chosen = {id(line) for same in kept.values() for line in same}
    return tuple(line for line in lines if id(line) in chosen)


def _is_duplicate(box: Box, other: Box) -> bool:
    """Whether all edges of two boxes differ by at most a quarter of the shorter side."""
    x0, y0, x1, y1 = box
    near = min(x1 - x0, y1 - y0) / 4
    return (
        abs(y0 - other[1]) <= near
        and abs(x0 - other[0]) <= near
        and abs(x1 - other[2]) <= near
        and abs(y1 - other[3]) <= near
    )
