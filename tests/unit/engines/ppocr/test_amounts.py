"""`pipeline.engines.ppocr.amounts`: amounts that cannot be are told from those of other formats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.ppocr.amounts import impossible, is_mended


@given(st.integers(1000, 10**10), st.integers(0, 99))
def test_amounts_of_both_formats_are_possible_and_one_sign_in_two_roles_is_not(
    whole: int, cents: int
) -> None:
    english = f"{whole:,}.{cents:02}"
    assert impossible(f"total {english} due") == 0
    assert impossible(english.translate(str.maketrans(",.", ".,"))) == 0
    assert impossible(f"total {english.replace(',', '.')} due") == 1
    assert impossible(english.replace(".", ",")) == 1
    assert is_mended(english.replace(",", "."), english)


def test_separators_that_disagree_are_impossible() -> None:
    assert impossible("7.273,808.59 and 9,331.152.90") == 2


@pytest.mark.parametrize("text", ["12.10.2026", "1.234.567", "10.0.120.14", "v1.2.345.67", "3.14"])
def test_dates_versions_and_addresses_are_left_alone(text: str) -> None:
    assert impossible(text) == 0


@pytest.mark.parametrize("again", ["37.499.96", "37,499,96", "87,499.96", "37,499.9", ""])
def test_a_second_reading_with_other_digits_or_no_better_is_not_taken(again: str) -> None:
    assert not is_mended("37.499.96", again)
