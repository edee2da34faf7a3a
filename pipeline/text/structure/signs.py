"""What is known of a page's lines beside their text and place. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from pipeline.text.char_widths import text_width
from pipeline.text.layout.rows import Row
from pipeline.text.layout.vertical import vertical_lines
from pipeline.text.structure.joined_rules import joined_rules, without_underlines
from pipeline.text.word_spans import Span, spans_by_widths
from pipeline.types import Box, Line, LineKind, Region

_MIN_EM_PX: Final = 1.0
_PROSE_WORDS: Final = 5
"""Words of a line of prose, at least, and ..."""
_PROSE_CHARS: Final = 20
"""... its characters, where none is ASCII and words may not be divided."""
_PROSE_LINES: Final = 6
"""Lines of prose of one size, at least, ..."""
_PROSE_SHARE: Final = 0.15
"""... and their share of a page's characters, from which their size is that of the text."""
_BOLD_SHARE: Final = 0.5
"""Share of a page's characters in bold from which bold says nothing."""


_ASCII_LETTER: Final = re.compile("[A-Za-z0-9.]")
_LETTER: Final = re.compile(r"[^\W_]")


def _rounded(exact: Counter[float]) -> Counter[float]:
    """The counts of sizes that are the same to a tenth."""
    sizes: Counter[float] = Counter()
    for size_px, count in exact.items():
        sizes[round(size_px, 1)] += count
    return sizes


def _most(sizes: Counter[float]) -> float:
    """The size that counts most; of several the smallest."""
    return max(sizes, key=lambda size: (sizes[size], -size))


def _is_prose(text: str) -> bool:
    """Whether a line is as long as those of running text; cells and labels are shorter."""
    return text.count(" ") >= _PROSE_WORDS - 1 or (
        len(text) >= _PROSE_CHARS and not _ASCII_LETTER.search(text)
    )


@dataclass(frozen=True, slots=True)
class Style:
    """How a line is set.

    Attributes:
        size_px: Size of its font.
        is_bold: Whether all of it is bold.
    """

    size_px: float
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class PageSigns:
    """What is known of a page.

    Attributes:
        kinds: What the layout model says of each line; empty where it was not asked.
        styles: How each line is set; empty where there are no fonts.
        regions: Tables and pictures.
        rules: Straight lines that the page draws, as boxes, and edges of rectangles.
        shapes: What it draws that is neither, such as curves, as boxes.
        find_words: Where the words of each line stand, as shares of its length from the left; none
            for lines of which it is not known. Called where there may be a table.
    """

    kinds: tuple[LineKind, ...] = ()
    styles: tuple[Style, ...] = ()
    regions: tuple[Region, ...] = ()
    rules: tuple[Box, ...] = ()
    shapes: tuple[Box, ...] = ()
    find_words: Callable[[], Sequence[Sequence[Span]]] = tuple


class LineSigns:
    """The signs of a page by line.

    Attributes:
        em_px: The usual height of a line.
        body_px: The usual size of the text: of its font, or the height of its lines.
        has_kinds: Whether the layout model was asked.
        has_styles: Whether the fonts are known.

    Args:
        lines: The lines of the page.
        signs: Its signs, in the order of the lines.
        size_px: Width and height of the page.
    """

    def __init__(self, lines: Sequence[Line], signs: PageSigns, size_px: tuple[int, int]) -> None:
        keys = [(line.text, line.box) for line in lines]
        self.width_px, self.height_px = size_px
        self.rules = without_underlines(joined_rules(signs.rules), lines)
        self.shapes = signs.shapes
        self.has_kinds, self.has_styles = bool(signs.kinds), bool(signs.styles)
        self._kinds = dict(zip(keys, signs.kinds, strict=False))
        self._styles = dict(zip(keys, signs.styles, strict=False))
        self._keys, self._find_words = keys, signs.find_words
        self._words: dict[tuple[str, Box], Sequence[Span]] | None = None
        vertical = vertical_lines(lines)
        heights = [
            line.box[3] - line.box[1]
            for line, is_vertical in zip(lines, vertical, strict=True)
            if not is_vertical
        ]
        self.em_px = max(_MIN_EM_PX, median(heights)) if heights else _MIN_EM_PX
        self.body_px = self._usual_size(lines)
        bold = sum(len(line.text) for line in lines if self._is_bold_line(line))
        self._bold_counts = bold < _BOLD_SHARE * sum(len(line.text) for line in lines)
        self._tops = sorted(line.box[1] for line in lines)
        self._bottoms = sorted(line.box[3] for line in lines)

    def _usual_size(self, lines: Sequence[Line]) -> float:
        sizes: Counter[float] = Counter()
        prose: Counter[float] = Counter()
        for line in lines:
            style = self._styles.get((line.text, line.box))
            if style is not None:
                sizes[style.size_px] += len(line.text)
                prose[style.size_px] += _is_prose(line.text)
        if sizes:
            sizes, prose = _rounded(sizes), _rounded(prose)
            usual, size_px = _most(sizes), _most(prose)
            is_text = prose[size_px] >= _PROSE_LINES
            if is_text and sizes[size_px] >= _PROSE_SHARE * sizes.total():
                # Tables in small letters may have more text than stands around them.
                usual = max(usual, size_px)
            return max(_MIN_EM_PX, usual)
        texts = [line.box[3] - line.box[1] for line in lines if self.kind(line) is LineKind.TEXT]
        return max(_MIN_EM_PX, median(texts)) if texts else self.em_px

    def _is_bold_line(self, line: Line) -> bool:
        style = self._styles.get((line.text, line.box))
        return style is not None and style.is_bold

    def kind(self, line: Line) -> LineKind | None:
        """What the layout model says of a line, None where it was not asked."""
        return self._kinds.get((line.text, line.box))

    def words(self, line: Line) -> list[Span]:
        """Where each word of a line begins and ends, px; none where that is not known."""
        if self._words is None:
            self._words = dict(zip(self._keys, self._find_words(), strict=False))
        spans = self._words.get((line.text, line.box))
        if not spans and line.word_starts:
            spans = spans_by_widths(line.text.split(), line.word_starts, text_width)
        x0, _, x1, _ = line.box
        return [(x0 + begin * (x1 - x0), x0 + end * (x1 - x0)) for begin, end in spans or ()]

    def majority(self, lines: Iterable[Line]) -> LineKind | None:
        """What the layout model says of most characters of some lines."""
        if not self._kinds:
            return None
        counts: Counter[LineKind] = Counter()
        for line in lines:
            kind = self.kind(line)
            if kind is not None:
                counts[kind] += len(line.text)
        return max(counts, key=lambda kind: (counts[kind], kind)) if counts else None

    def scale(self, row: Row) -> float:
        """The size of a row by that of the text."""
        if len(row.lines) == 1:
            style = self._styles.get((row.lines[0].text, row.lines[0].box))
            if style is not None:
                return style.size_px / self.body_px
        worded = [line for line in row.lines if _LETTER.search(line.text)]  # bullets may be large
        styles = [self._styles.get((line.text, line.box)) for line in worded or row.lines]
        sizes = [style.size_px for style in styles if style is not None]
        if sizes:
            return max(sizes) / self.body_px
        return median(line.box[3] - line.box[1] for line in row.lines) / self.body_px

    def is_bold(self, row: Row) -> bool:
        """Whether a row is bold, on a page that is not."""
        if not self._bold_counts or not self._is_bold_line(row.lines[0]):
            return False
        return all(map(self._is_bold_line, row.lines[1:]))

    def is_first(self, y: float) -> bool:
        """Whether nothing ends above a height."""
        return not self._bottoms or self._bottoms[0] > y

    def is_last(self, y: float) -> bool:
        """Whether nothing begins below a height."""
        return not self._tops or self._tops[-1] < y

    def space_below(self, y: float) -> float:
        """The white space below a height, over the whole width; infinite at the page's end."""
        at = bisect_left(self._tops, y)
        return self._tops[at] - y if at < len(self._tops) else float("inf")

    def space_above(self, y: float) -> float:
        """The white space above a height."""
        at = bisect_right(self._bottoms, y)
        return y - self._bottoms[at - 1] if at else float("inf")
