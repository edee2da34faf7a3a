"""Rules that are drawn in pieces, and lines under words."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.structure.joined_rules import joined_rules, without_underlines
from pipeline.types import Line


def test_sides_of_cells_are_one_rule() -> None:
    sides = [(x, 50.0, x + 100, 51.0) for x in (0.0, 100.0, 200.5)]
    assert joined_rules(sides) == ((0.0, 50.0, 300.5, 51.0),)
    upright = [(y0, x0, y1, x1) for x0, y0, x1, y1 in sides]
    assert joined_rules(upright) == ((50.0, 0.0, 51.0, 300.5),)


def test_rules_apart_stay_apart() -> None:
    rules = [(0.0, 50.0, 100.0, 51.0), (104.0, 50.0, 200.0, 51.0), (0.0, 60.0, 200.0, 61.0)]
    assert sorted(joined_rules(rules)) == sorted(rules)


@given(st.lists(st.integers(0, 300), min_size=2, max_size=30, unique=True))
def test_a_rule_is_the_same_in_whatever_pieces_it_is_drawn(places: list[int]) -> None:
    pieces = [(float(a), 9.0, float(b), 9.5) for a, b in pairwise(sorted(places))]
    whole = (float(min(places)), 9.0, float(max(places)), 9.5)
    assert joined_rules([*pieces, *pieces[::2]]) == (whole,)


TEXT = Line("Read the notice", (100.0, 100.0, 250.0, 120.0), 1.0)


def test_a_line_under_a_word_is_no_rule() -> None:
    assert without_underlines([(140.0, 118.0, 170.0, 119.0)], [TEXT]) == ()


def test_a_line_wider_than_the_text_or_farther_below_is_a_rule() -> None:
    rules = ((90.0, 121.0, 260.0, 122.0), (100.0, 132.0, 250.0, 133.0))
    assert without_underlines(rules, [TEXT]) == rules


def test_a_line_under_a_word_that_touches_a_vertical_rule_is_one() -> None:
    rules = ((110.0, 121.0, 170.0, 122.0), (170.0, 60.0, 171.0, 121.0))
    assert without_underlines(rules, [TEXT]) == rules
