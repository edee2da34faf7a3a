from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation import metrics

short = st.text("abc", max_size=12)
FIRST, SECOND, THIRD = "the clerk counts ships", "dues are paid in May", "the harbour is closed"


def slow_distance(a: str, b: str) -> int:
    """Levenshtein's table, one row at a time."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


@given(short, short)
def test_the_character_error_rate_is_levenshtein_s_distance_over_the_truth(a: str, b: str) -> None:
    rate = metrics.character_error_rate(a, b)
    assert rate == pytest.approx(slow_distance(a, b) / max(1, len(b)))


def test_the_character_error_rate_is_not_capped() -> None:
    assert metrics.character_error_rate("abcd", "abcx") == 0.25
    assert metrics.character_error_rate("abcdefgh", "ab") == 3
    assert metrics.character_error_rate("", "") == 0


def test_lines_are_found_in_paragraphs() -> None:
    paragraph = f"{FIRST} {SECOND}\n\n{THIRD}"
    places = metrics.line_places(paragraph, "\n".join([FIRST, SECOND, THIRD]))
    assert places == [0, len(FIRST) + 1, len(FIRST) + len(SECOND) + 2]


def test_lines_are_found_in_spite_of_a_wrong_letter() -> None:
    assert metrics.line_places(f"{SECOND} {FIRST.replace('k', 'h')}", FIRST) == [len(SECOND) + 1]


def test_short_repeated_and_missing_lines_are_left_out() -> None:
    assert metrics.line_places(f"p. 3 {FIRST} {SECOND}", f"p. 3\n{FIRST}\n{FIRST}\n{THIRD}") == []


def test_a_line_that_is_similar_to_two_stretches_of_the_text_is_left_out() -> None:
    paragraph = f"{FIRST}, {SECOND}, {FIRST.replace('k', 'h')}, {THIRD}"
    assert metrics.line_places(paragraph, f"{FIRST}\n{SECOND}") == [len(FIRST) + 2]


def test_a_text_shorter_than_a_line_is_not_found_inside_it() -> None:
    assert metrics.line_places("clerk counts", FIRST) == []
    assert metrics.line_places(FIRST[:-1], FIRST) == [0]


def test_the_order_score_is_kendall_s_tau() -> None:
    assert metrics.order_score([0, 20, 40]) == 1
    assert metrics.order_score([40, 20, 0]) == -1
    assert metrics.order_score([0, 40, 20]) == pytest.approx(1 / 3)


def test_there_is_no_order_of_fewer_than_two_places() -> None:
    assert metrics.order_score([]) is None
    assert metrics.order_score([7]) is None
    assert metrics.order_score([7, 7]) is None


def test_all_measures_of_a_page_with_two_lines_swapped() -> None:
    found = metrics.page_metrics(f"{SECOND}\n\n{FIRST}", f"{FIRST}\n{SECOND}")
    assert (found.words_f1, found.order, found.lines) == (1, -1, 2)
    assert found.cer > 0.5


def test_an_empty_text() -> None:
    found = metrics.page_metrics("", FIRST)
    assert found == metrics.PageMetrics(words_f1=0, cer=1, order=None, lines=0)
