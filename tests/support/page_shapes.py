"""Pages made of words with positions, and the order in which they have to be read.

A `Sheet` is filled with parts: running text, single lines, tables, labels. Each word occurs once
on a sheet, so that a text can be compared with the expected order word by word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

WIDTH_PX, HEIGHT_PX = 1240, 1754
SIZE_PX = 22.0
"""Usual height of a line."""
PITCH = 1.2
"""Distance from line to line, in line heights."""
_CHAR = 0.37
"""Width of a character, in line heights."""
_SPACE = 0.22
"""Width of a space, in line heights."""
BREAK = 0.7
"""White space that ends a line of a text layer, in line heights."""
_VOCABULARY = """
harbour office keeps a ledger of every vessel that paid for its mooring on the quay and when salt
or grain was landed there clerks wrote down what it weighed who had bought it how much was due to
them in spring although nobody came by night with lanterns
""".split()  # noqa: SIM905 - words are easier to read without quotes
_LETTERS = "bcdfghjklmnpqrstvwxz"


@dataclass(frozen=True, slots=True)
class Word:
    """A word at its place: left and right edge, top, height, px."""

    text: str
    x0: float
    x1: float
    y: float
    height: float


@dataclass(slots=True)
class Part:
    """Words that are read one after the other.

    Attributes:
        lines: The words of each line of the sheet, in reading order.
        is_free: Whether it may stand anywhere between other parts: a note, a figure.
        is_ordered: Whether the order of its own words matters.
        turned: Whether its lines run up the page.
    """

    lines: list[list[Word]]
    is_free: bool = False
    is_ordered: bool = True
    turned: bool = False

    @property
    def words(self) -> list[str]:
        """Its words in reading order."""
        return [word.text for line in self.lines for word in line]

    @property
    def bottom(self) -> float:
        """Lower end of its last line, px."""
        return max(word.y + word.height for line in self.lines for word in line)


@dataclass(slots=True)
class Sheet:
    """A page under construction; parts are added in reading order."""

    random: Random = field(default_factory=lambda: Random(7))
    parts: list[Part] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def word(self, *, capital: bool = False) -> str:
        """A word that the sheet does not have yet."""
        text = ""
        while not text or text in self._used:
            text = self.random.choice(_VOCABULARY) + "".join(self.random.choices(_LETTERS, k=2))
        self._used.add(text)
        return text.capitalize() if capital else text

    def amount(self) -> str:
        """A number that the sheet does not have yet."""
        number = next(self._numbers)
        return f"{self.random.randint(1, 99)},{number:03d}.{self.random.randint(0, 99):02d}"

    def add(self, part: Part) -> Part:
        """Add a part behind the others."""
        self.parts.append(part)
        return part

    def prose(
        self,
        x: float,
        y: float,
        width: float,
        lines: int,
        *,
        size: float = SIZE_PX,
        pitch: float = PITCH,
        ragged: bool = False,
        indent: float = 0.0,
        hanging: float = 0.0,
        sentence: int = 14,
        last: float = 0.5,
        is_free: bool = False,
    ) -> Part:
        """Running text: paragraphs of several lines, justified or ragged.

        Args:
            x: Left edge.
            y: Top.
            width: Width of the column.
            lines: Number of lines.
            size: Height of a line.
            pitch: Distance of lines, in line heights.
            ragged: Not justified.
            indent: Indent of the first line of a paragraph (every fifth line or so), px.
            hanging: Indent of the others, px, as in references.
            sentence: Mean number of words of a sentence.
            last: Width of the last line, in column widths.
            is_free: See `Part`.
        """
        made: list[list[Word]] = []
        left_in_paragraph, is_first = self.random.randint(3, 7), True
        starts_sentence = True
        for i in range(lines):
            is_last = left_in_paragraph == 1 or i == lines - 1
            start = x + (indent if is_first else hanging)
            room = x + width - start
            share = last if i == lines - 1 else self.random.uniform(0.3, 0.9) if is_last else 1.0
            texts: list[str] = []
            while True:
                text = self.word(capital=starts_sentence)
                if texts and _length([*texts, text], size) > room * share:
                    break
                starts_sentence = self.random.random() < 1 / sentence
                texts.append(text + "." * starts_sentence)
            if is_last:
                texts[-1] = texts[-1].rstrip(".") + "."
                starts_sentence = True
            justified = not (is_last or ragged)
            top = y + i * pitch * size
            made.append(_placed(texts, start, top, size, room if justified else None))
            left_in_paragraph, is_first = left_in_paragraph - 1, is_last
            if is_last:
                left_in_paragraph = self.random.randint(3, 7)
        return self.add(Part(made, is_free))

    def line(
        self, text: str | int, x: float, y: float, *, size: float = SIZE_PX, is_free: bool = False
    ) -> Part:
        """A line with this text, or of so many words."""
        texts = text.split() if isinstance(text, str) else self.words(text)
        return self.add(Part([_placed(texts, x, y, size, None)], is_free))

    def words(self, number: int) -> list[str]:
        """Some new words, the first with a capital."""
        return [self.word(capital=i == 0) for i in range(number)]

    def table(
        self,
        lefts: Sequence[float],
        y: float,
        cells: Sequence[Sequence[str]],
        *,
        pitch: float = 1.4,
        size: float = SIZE_PX,
        rights: Sequence[int] = (),
    ) -> Part:
        """A table without rules, read row by row.

        Args:
            lefts: Left edge of each column; of those in `rights` the right edge.
            y: Top.
            cells: Text of each cell of each row, "" for none.
            pitch: Distance of rows, in line heights.
            size: Height of a line.
            rights: Indices of columns that are flush right.
        """
        made: list[list[Word]] = []
        for i, row in enumerate(cells):
            words: list[Word] = []
            for j, text in enumerate(row):
                if text:
                    texts = text.split()
                    x = lefts[j] - (_length(texts, size) if j in rights else 0)
                    words += _placed(texts, x, y + i * pitch * size, size, None)
            made.append(words)
        return self.add(Part(made))

    def labels(self, places: Sequence[tuple[float, float, str]], *, size: float = 16.0) -> Part:
        """Labels of a figure: they belong together, in any order."""
        made = [_placed(text.split(), x, y, size, None) for x, y, text in places]
        return self.add(Part(made, is_free=True, is_ordered=False))

    def stamp(self, texts: Sequence[str], x: float, y: float, *, size: float = 28.0) -> Part:
        """A line that runs up the page from (x, y), in pieces as PDF readers find them."""
        made = []
        for text in texts:
            length = _length(text.split(), size)
            made.append([Word(text, x, x + size, y - length, length)])
            y -= length + size
        return self.add(Part(made, is_free=True, turned=True))


def _length(texts: Sequence[str], size: float) -> float:
    return size * (_CHAR * sum(map(len, texts)) + _SPACE * (len(texts) - 1))


def _placed(
    texts: Sequence[str], x: float, y: float, size: float, width: float | None
) -> list[Word]:
    """The words of a line, stretched to the width where there is one."""
    spare = 0.0
    if width is not None and len(texts) > 1:
        spare = max(0.0, width - _length(texts, size)) / (len(texts) - 1)
    if spare > (BREAK - _SPACE) * size:
        spare = 0.0
    words = []
    for text in texts:
        end = x + _CHAR * size * len(text)
        words.append(Word(text, x, end, y, size))
        x = end + _SPACE * size + spare
    return words
