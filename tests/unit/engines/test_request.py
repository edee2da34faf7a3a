"""A page is turned upright for the engine, and boxes are turned back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import OcrOptions
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS
from pipeline.engines.request import prepare_request, read_answer
from pipeline.types import Generation, Line, PageImage, Request
from tests.support.strategies import boxes, texts


def request_of(width_px: int, height_px: int) -> Request:
    return Request(np.empty((50, 40, 3), np.uint8), width_px, height_px)


@given(st.sampled_from(["vllm", "fake"]), st.text())
def test_text_without_markup_is_unchanged(kind: str, text: str):
    read, blocks = read_answer(Generation(text), request_of(80, 100), SPECS[kind])
    assert read == (text if text.strip() else "")
    assert len(blocks) == bool(text.strip())


@given(
    st.lists(st.builds(Line, texts.filter(str.strip), boxes(), st.floats(0, 1)), max_size=6),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_lines_of_any_kind_give_boxes_inside_the_page(lines, width_px: int, height_px: int):
    _, blocks = read_answer(
        Generation(lines=tuple(lines)), request_of(width_px, height_px), SPECS["onnx"]
    )
    assert bool(blocks) == bool(lines)
    for block in blocks:
        x0, y0, x1, y1 = block.box
        assert 0 <= x0 <= x1 <= width_px
        assert 0 <= y0 <= y1 <= height_px


@pytest.mark.parametrize("turned_deg", [0, 90, 180, 270])
def test_an_engine_sees_the_page_upright_and_its_boxes_come_back_as_displayed(turned_deg: int):
    pixels = np.full((60, 40, 3), 255, np.uint8)
    pixels[5:15, 10:30] = 0
    page = PageImage(pixels, 150, turned_deg=turned_deg)
    request = prepare_request(page, make_recipe(OcrOptions(output="o"), "onnx"))
    ys, xs = np.nonzero(request.image[:, :, 0] == 0)
    seen = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
    assert (request.page_width_px, request.page_height_px) == request.image.shape[1::-1]
    answer = Generation(lines=(Line("text", seen, 1.0),))
    _, [block] = read_answer(answer, request, SPECS["onnx"])
    assert block.box == (10.0, 5.0, 30.0, 15.0)
