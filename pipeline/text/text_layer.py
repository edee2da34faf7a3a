"""The text layer of a page: what was found, how it travels, and its text in reading order. Pure.

Boxes are pixels of the picture that the page would be drawn as, so that a row says the same
whether its text came from the layer or from the engine.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from pipeline.imaging.rotation import TURNS, turn_back, turn_box, turn_size
from pipeline.text import layout
from pipeline.types import Block, Box, Line

MAX_LINES: Final = 20_000
"""Lines of one page that are read. A page of newsprint has 2,000."""
MAX_CHARS: Final = 1_000_000
"""Characters of one page that are read."""


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A line of a text layer.

    Attributes:
        text: Its text.
        box: Its box in pixels of the page as displayed.
        turn_deg: The clockwise turn that makes it upright: 0, 90, 180 or 270.
        is_visible: Whether it leaves ink on the page (not render mode 3, not transparent).
    """

    text: str
    box: Box
    turn_deg: int = 0
    is_visible: bool = True


@dataclass(frozen=True, slots=True)
class Marks:
    """What a page draws. Shares are of the page's area, 0 to 1.

    Attributes:
        drawn: Things drawn on the page that leave ink: text, paths, pictures, shadings.
        others: Those of them that are no text.
        image_share: Covered by pictures.
        image_only_share: Covered by pictures without visible text on them.
        covered_share: Part of the visible text's area that something drawn later lies on.
        curves: Small paths and stencils beside the text, such as letters drawn as curves.
        pale_share: Part of the visible characters that are next to white.
        odd_share: Part of the visible characters whose boxes are far higher than their size.
    """

    drawn: int = 0
    others: int = 0
    image_share: float = 0.0
    image_only_share: float = 0.0
    covered_share: float = 0.0
    curves: int = 0
    pale_share: float = 0.0
    odd_share: float = 0.0


@dataclass(frozen=True, slots=True)
class TextLayer:
    """The text layer of a page.

    Attributes:
        width_px: Width of the picture that the page would be drawn as.
        height_px: Height of that picture.
        dpi: Its resolution.
        lines: In the order in which the file has them.
        marks: What the page draws.
        warnings: What the reader complained about.
    """

    width_px: int
    height_px: int
    dpi: float
    lines: tuple[LayerLine, ...] = ()
    marks: Marks = Marks()
    warnings: tuple[str, ...] = ()

    @property
    def visible(self) -> tuple[LayerLine, ...]:
        """The lines that leave ink."""
        return tuple(line for line in self.lines if line.is_visible)

    def to_bytes(self) -> bytes:
        """The layer as JSON, for the way between two processes."""
        lines = [[line.text, *line.box, line.turn_deg, line.is_visible] for line in self.lines]
        fields = {
            "size": [self.width_px, self.height_px, self.dpi],
            "lines": lines,
            "marks": asdict(self.marks),
        }
        return json.dumps(fields).encode()

    @classmethod
    def from_bytes(cls, content: bytes, warnings: tuple[str, ...] = ()) -> Self:
        """What `to_bytes` wrote.

        Raises:
            ValueError: It is no text layer.
            KeyError: Part of it is missing.
            TypeError: Part of it has a wrong type.
        """
        fields = json.loads(content)
        width_px, height_px, dpi = fields["size"]
        lines = tuple(_line(*values) for values in fields["lines"])
        marks = Marks(**fields["marks"])
        return cls(int(width_px), int(height_px), float(dpi), lines, marks, warnings)


def _line(text: Any, x0: Any, y0: Any, x1: Any, y1: Any, deg: Any, visible: Any) -> LayerLine:
    if deg not in TURNS:
        raise ValueError(f"no quarter turn: {deg!r}")
    box = (float(x0), float(y0), float(x1), float(y1))
    return LayerLine(str(text), box, int(deg), bool(visible))


def turn_of(lines: tuple[LayerLine, ...]) -> int:
    """The clockwise turn that makes most of the text upright, 0 where there is none."""
    characters: Counter[int] = Counter()
    for line in lines:
        characters[line.turn_deg] += len(line.text)
    return max(TURNS, key=lambda deg: (characters[deg], deg == 0))


def read(layer: TextLayer, *, hidden: bool) -> tuple[str, tuple[Block, ...], int]:
    """Text and blocks of a layer, in reading order.

    Args:
        layer: The layer.
        hidden: Take the lines that leave no ink too.

    Returns:
        The text, its blocks with boxes on the page as displayed, and the clockwise turn that
        makes the text upright.
    """
    lines = _once(layer.lines if hidden else layer.visible)
    deg = turn_of(lines)
    width_px, height_px = turn_size(layer.width_px, layer.height_px, deg)
    flip = _mirrored if _reads_leftwards(lines) else _as_it_is

    def there(box: Box) -> Box:
        return flip(turn_box(box, layer.width_px, layer.height_px, deg), width_px)

    def back(box: Box | None) -> Box | None:
        return box and turn_back(flip(box, width_px), width_px, height_px, deg)

    upright = [Line(line.text, there(line.box), 1.0) for line in lines]
    blocks = tuple(
        replace(block, box=back(block.box), score=None)
        for block in layout.blocks(upright, width_px, height_px)
    )
    return "\n\n".join(block.text for block in blocks), blocks, deg


def _reads_leftwards(lines: tuple[LayerLine, ...]) -> bool:
    """Whether most letters are of a script that is read from right to left.

    The text of each line is in the order in which it is spoken; it is the order of lines that
    stand side by side, and of columns, that has to be the other way round.
    """
    ways = Counter(unicodedata.bidirectional(char) for line in lines for char in line.text)
    return ways["R"] + ways["AL"] > ways["L"]


def _mirrored(box: Box, width_px: int) -> Box:
    return width_px - box[2], box[1], width_px - box[0], box[3]


def _as_it_is(box: Box, width_px: int) -> Box:
    return box


def _once(lines: tuple[LayerLine, ...]) -> tuple[LayerLine, ...]:
    """The lines without those drawn again next to themselves, which is how some print bold."""
    kept: dict[str, list[LayerLine]] = {}
    for line in lines:
        same = kept.setdefault(line.text, [])
        if not any(_is_again(line.box, other.box) for other in same):
            same.append(line)
    chosen = {id(line) for same in kept.values() for line in same}
    return tuple(line for line in lines if id(line) in chosen)


def _is_again(box: Box, other: Box) -> bool:
    """Whether two boxes lie closer together than a quarter of their shorter side."""
    near = min(box[2] - box[0], box[3] - box[1]) / 4
    return all(abs(a - b) <= near for a, b in zip(box, other, strict=True))
