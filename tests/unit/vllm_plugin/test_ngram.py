from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vllm_plugin.ngram_rule.naive import banned


def by_definition(tokens: list[int], size: int, window: int, allowed: set[int]) -> set[int]:
    """Every place of the window, compared one by one."""
    if len(tokens) < size:
        return set()
    begin = max(0, len(tokens) - window)
    places = range(begin, len(tokens) - size + 1)
    start = tokens[len(tokens) - size + 1 :]
    return {tokens[at + size - 1] for at in places if tokens[at : at + size - 1] == start} - allowed


few = st.integers(0, 3)


@given(st.lists(few, max_size=40), st.integers(2, 6), st.integers(1, 20), st.sets(few))
def test_it_is_the_rule(tokens: list[int], size: int, window: int, allowed: set[int]):
    assert banned(tokens, size, window, allowed) == by_definition(tokens, size, window, allowed)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3, 1, 2], {3}),
        ([1, 2, 3, 1, 2, 4, 1, 2], {3, 4}),
        ([1, 2, 3, 4], set()),
        ([7, 7, 7], {7}),
        ([1, 2], set()),
    ],
)
def test_examples_of_three(tokens: list[int], expected: set[int]):
    assert banned(tokens, 3, 90) == expected


def test_a_repetition_out_of_the_window_is_let_through():
    tokens = [1, 2, 3, *range(10, 30), 1, 2]
    assert banned(tokens, 3, 90) == {3}
    assert banned(tokens, 3, 20) == set()


def test_what_is_allowed_may_repeat():
    assert banned([5, 5, 5], 3, 90, {5}) == set()
