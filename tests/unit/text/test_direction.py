from __future__ import annotations

from unicodedata import bidirectional

from pipeline.text.layout.direction import is_right_to_left
from pipeline.types import Line


def test_every_right_to_left_letter_is_noticed() -> None:
    letters = [char for char in map(chr, range(0x110000)) if bidirectional(char) in ("R", "AL")]
    assert len(letters) > 1000
    assert all(is_right_to_left([Line(char, (0.0, 0.0, 9.0, 9.0), 1.0)]) for char in letters)
