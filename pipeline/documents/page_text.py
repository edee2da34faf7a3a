"""Text for the pages of a document, as a file that the sandbox's worker reads.

It is written by the caller of `SandboxClient.add_text`: all pages of a document can be more than a
message may have, and neither side holds more than one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.types import Box


@dataclass(frozen=True, slots=True)
class TextRun:
    """A line of text on a page.

    Attributes:
        text: The characters in visual order: right-to-left scripts are reversed.
        box: Its box in pixels of the page as displayed.
        direction_deg: Where the characters follow each other: 0 to the right, 90 down, 180 to the
            left, 270 up.
        is_monospaced: Whether all characters are as wide.
        word_starts: Where words begin, one for each, as shares of the box's length in the line's
            direction; empty where that is not known.
        skew_deg: How far clockwise it lies from its direction (`Line.skew_deg`).
    """

    text: str
    box: Box
    direction_deg: int = 0
    is_monospaced: bool = False
    word_starts: tuple[float, ...] = ()
    skew_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page.

    Attributes:
        page: 1-based number.
        width_px: Width of the page as displayed, in the pixels of the boxes.
        height_px: Its height.
        runs: Its lines.
        dpi: Dots per inch of those pixels, for images whose file states none.
        replaces_layer: Whether the invisible text that the page has is taken out.
    """

    page: int
    width_px: int
    height_px: int
    runs: tuple[TextRun, ...]
    dpi: float = 0.0
    replaces_layer: bool = False


def write(path: Path, pages: Iterable[PageText]) -> None:
    """Write pages, one JSON object a line.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("w", encoding="ascii") as file:
        for page in pages:
            file.write(json.dumps(asdict(page)) + "\n")


def read(path: str) -> Iterator[PageText]:
    """Read the pages that `write` wrote.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, encoding="ascii") as file:
        for line in file:
            fields = json.loads(line)
            runs = tuple(
                TextRun(**run | {"box": (*run["box"],), "word_starts": (*run["word_starts"],)})
                for run in fields.pop("runs")
            )
            yield PageText(**fields, runs=runs)
