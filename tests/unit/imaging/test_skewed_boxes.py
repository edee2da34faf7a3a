"""Boxes around rectangles that lie askew, and the rectangles in boxes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.skewed_boxes import around, fits, sides, slanted, straightened, turned

ANGLES = st.floats(-30, 30)
SIDES = st.floats(1, 2000)


@given(SIDES, SIDES, ANGLES)
def test_a_box_says_which_rectangle_is_in_it(across: float, down: float, deg: float) -> None:
    box = around((700.0, 900.0), across, down, deg)
    assert fits(box, deg)
    assert sides(box, deg) == pytest.approx((across, down), rel=1e-6, abs=1e-6)


@given(SIDES, SIDES, ANGLES)
def test_the_straight_page_and_back(across: float, down: float, deg: float) -> None:
    about = (850.0, 1100.0)
    straight = around((100.0, 200.0), across, down, 0)
    box = slanted(straight, deg, about)
    assert straightened(box, deg, about) == pytest.approx(straight, abs=1e-6)


def test_a_turn_is_clockwise() -> None:
    assert turned((3.0, 2.0), 90, (2.0, 2.0)) == pytest.approx((2.0, 3.0))


def test_a_box_in_which_there_is_no_rectangle_keeps_its_size() -> None:
    box = (0.0, 0.0, 1000.0, 20.0)  # a line of this length would fall by 87 pixels
    assert not fits(box, 5)
    x0, y0, x1, y1 = straightened(box, 5, (500.0, 10.0))
    assert (x1 - x0, y1 - y0) == pytest.approx((1000.0, 20.0))


def test_a_straight_box_is_the_rectangle_itself() -> None:
    box = (1.1, 2.2, 3.3, 4.4)
    assert sides(box, 0) == (box[2] - box[0], box[3] - box[1])
