"""`pipeline.imaging.rotation`: pixels and boxes turn alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.rotation import TURNS, turn_back, turn_box, turn_pixels, turn_size
from pipeline.types import Pixels
from tests.support.strategies import pictures

turns = st.sampled_from(TURNS)


@given(pictures(), turns)
def test_four_quarters_are_a_whole(picture: Pixels, deg: int) -> None:
    turned = turn_pixels(picture, deg)
    assert turned.flags.c_contiguous
    assert turned.shape[:2][::-1] == turn_size(picture.shape[1], picture.shape[0], deg)
    assert np.array_equal(turn_pixels(turned, -deg % 360), picture)


@given(st.data(), turns)
def test_a_box_goes_where_its_pixels_go(data: st.DataObject, deg: int) -> None:
    width, height = data.draw(st.integers(2, 20)), data.draw(st.integers(2, 20))
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[y0:y1, x0:x1] = 255
    left, top, right, bottom = turn_box((x0, y0, x1, y1), width, height, deg)
    expected = np.zeros_like(turned := turn_pixels(picture, deg))
    expected[int(top) : int(bottom), int(left) : int(right)] = 255
    assert np.array_equal(turned, expected)
    back = turn_back((left, top, right, bottom), *turn_size(width, height, deg), deg)
    assert back == (x0, y0, x1, y1)
