"""`pipeline.engines.ppocr.inked`: the part of a page with ink, and the height of its letters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from pipeline.engines.ppocr.inked import Levels, ink_box, letter_height


def paper(height_px: int, width_px: int, level: int = 255) -> Levels:
    return np.full((height_px, width_px), level, np.uint8)


@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), min_size=1, max_size=4),
    st.sampled_from([(255, 0), (0, 255), (255, 230), (128, 160)]),
)
def test_all_ink_is_in_the_box(
    height_px: int, width_px: int, spots: list[tuple[float, float]], levels: tuple[int, int]
) -> None:
    grey = paper(height_px, width_px, levels[0])
    places = [(int(y * height_px), int(x * width_px)) for y, x in spots]
    for y, x in places:
        grey[y, x] = levels[1]
    found = ink_box(grey)
    if (grey == levels[1]).all():
        assert found is None
        return
    assert found is not None
    left, top, right, bottom = found
    assert 0 <= left < right <= width_px
    assert 0 <= top < bottom <= height_px
    assert all(left <= x < right and top <= y < bottom for y, x in places)


def test_the_box_is_not_much_larger_than_the_ink() -> None:
    grey = paper(1000, 800)
    grey[300:500, 200:600] = 0
    found = ink_box(grey)
    assert found is not None
    assert found == pytest.approx((200, 300, 600, 500), abs=16)


def test_paper_and_faint_noise_have_no_ink() -> None:
    noise = np.random.default_rng(1).integers(240, 252, (300, 200)).astype(np.uint8)
    assert ink_box(paper(300, 200)) is None
    assert ink_box(noise) is None


@pytest.mark.parametrize("size_px", [14, 20, 30])
def test_letters_without_ascenders_tell_the_height(size_px: int) -> None:
    image = Image.new("L", (900, 600), 255)
    font = ImageFont.load_default(size_px)
    for row in range(8):
        text = "every ship that came into the bay over summer"
        ImageDraw.Draw(image).text((20, 20 + 60 * row), text, fill=0, font=font)
    _, top, _, bottom = font.getbbox("x")
    assert letter_height(np.asarray(image)) == pytest.approx(bottom - top, abs=2)


def test_a_few_letters_say_nothing() -> None:
    image = Image.new("L", (400, 100), 255)
    ImageDraw.Draw(image).text((20, 20), "a few", fill=0, font=ImageFont.load_default(20))
    assert letter_height(np.asarray(image)) is None
    assert letter_height(paper(1, 1)) is None
