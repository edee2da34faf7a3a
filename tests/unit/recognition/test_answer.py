from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recognition.answer import interpret
from pipeline.types import Generation, Line, Request
from tests.support.strategies import boxes, texts


def request_of(width_px: int, height_px: int) -> Request:
    return Request(np.empty((50, 40, 3), np.uint8), width_px, height_px)


@given(st.text())
def test_text_without_markup_is_unchanged(text: str):
    read, blocks = interpret(Generation(text), request_of(80, 100))
    assert read == (text if text.strip() else "")
    assert len(blocks) == bool(text.strip())


@given(
    st.lists(st.builds(Line, texts.filter(str.strip), boxes(), st.floats(0, 1)), max_size=6),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_lines_of_any_kind_give_boxes_inside_the_page(lines, width_px: int, height_px: int):
    _, blocks = interpret(Generation(lines=tuple(lines)), request_of(width_px, height_px))
    assert bool(blocks) == bool(lines)
    for block in blocks:
        x0, y0, x1, y1 = block.box
        assert 0 <= x0 <= x1 <= width_px
        assert 0 <= y0 <= y1 <= height_px
