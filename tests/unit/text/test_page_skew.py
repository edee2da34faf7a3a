"""Lines of a page that lies askew, as on the straight page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.skewed_boxes import around
from pipeline.text.page_skew import page_skew_deg, turned_lines
from pipeline.types import Line


def line(width: float, skew_deg: float, y: float = 100.0) -> Line:
    return Line("x", around((500.0, y), width, 30.0, skew_deg), 0.9, (), skew_deg)


def test_a_page_lies_as_most_of_its_text_does() -> None:
    assert page_skew_deg([line(900, 2.0), line(300, 0.0), line(400, -14.0)]) == 2.0
    assert page_skew_deg([line(900, 0.0), line(400, -14.0)]) == 0.0
    assert page_skew_deg([]) == 0.0


def test_lines_of_the_straight_page_are_straight() -> None:
    about = (500.0, 700.0)
    [straight] = turned_lines([line(900, 3.0)], -3.0, about)
    assert straight.skew_deg == 0.0
    x0, y0, x1, y1 = straight.box
    assert (x1 - x0, y1 - y0) == pytest.approx((900.0, 30.0))
    [back] = turned_lines([straight], 3.0, about)
    assert back.box == pytest.approx(line(900, 3.0).box)
    assert back.skew_deg == 3.0


@given(
    st.tuples(*[st.floats(0, 1000)] * 4),
    st.floats(-30, 30, allow_subnormal=False),
    st.floats(-30, 30),
)
def test_any_line_is_turned_about_its_middle(
    sides: tuple[float, float, float, float], skew_deg: float, deg: float
) -> None:
    x0, y0, width, height = sides
    found = Line("x", (x0, y0, x0 + width, y0 + height), 0.9, (), skew_deg)
    about = (x0 + width / 2, y0 + height / 2)
    [turned] = turned_lines([found], deg, about)
    box = turned.box
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx(about, abs=1e-6)
    assert box[0] <= box[2]
    assert box[1] <= box[3]
