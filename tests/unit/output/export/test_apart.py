"""Boxes of lines, cut where they overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.output.export.apart import apart
from pipeline.output.export.page_lines import LinedBlock, PlacedLine, without_overlap
from pipeline.types import Box

_SIDE = st.integers(1, 60)
_BOX = st.tuples(st.integers(0, 200), st.integers(0, 200), _SIDE, _SIDE).map(
    lambda given: (
        float(given[0]),
        float(given[1]),
        float(given[0] + given[2]),
        float(given[1] + given[3]),
    )
)


def test_lines_that_overlap_by_their_margins_meet_in_the_middle() -> None:
    boxes = [(10.0, 36.0, 200.0, 60.0), (10.0, 20.0, 200.0, 40.0), (10.0, 100.0, 20.0, 120.0)]
    assert apart(boxes) == [(10, 38, 200, 60), (10, 20, 200, 38), (10, 100, 20, 120)]


def test_columns_that_overlap_are_cut_between_them() -> None:
    boxes = [(10.0, 20.0, 104.0, 200.0), (100.0, 25.0, 200.0, 210.0)]
    assert apart(boxes) == [(10, 20, 102, 200), (102, 25, 200, 210)]


def test_what_lies_on_top_of_another_stays() -> None:
    boxes = [(10.0, 20.0, 200.0, 40.0), (15.0, 22.0, 100.0, 38.0)]
    assert apart(boxes) == boxes


@given(st.lists(_BOX, max_size=12))
def test_a_box_keeps_half_of_each_side_and_never_grows(boxes: list[Box]) -> None:
    for before, after in zip(boxes, apart(boxes), strict=True):
        for axis in (0, 1):
            assert before[axis] <= after[axis] < after[axis + 2] <= before[axis + 2]
            side = after[axis + 2] - after[axis]
            assert side >= (before[axis + 2] - before[axis]) / 2


def test_blocks_without_a_box_stay_as_they_are() -> None:
    line = PlacedLine("a", (0, 0, 10, 10))
    other = PlacedLine("b", (0, 8, 10, 18))
    blocks = [LinedBlock("text", None, ()), LinedBlock("text", (0, 0, 10, 18), (line, other))]
    first, second = without_overlap(blocks)
    assert first == blocks[0]
    assert [each.box for each in second.lines] == [(0, 0, 10, 9), (0, 9, 10, 18)]
