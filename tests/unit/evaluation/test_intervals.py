from __future__ import annotations

import pytest

from pipeline.evaluation import intervals
from pipeline.evaluation.intervals import Estimate


def test_the_mean_is_over_pages_and_lies_in_its_interval() -> None:
    found = intervals.mean([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"])
    assert found.value == 0.75
    assert (found.low, found.high) == (0.0, 1.0)  # both draws of one document happen often


def test_the_interval_is_the_same_every_time() -> None:
    values, documents = [0.1, 0.5, 0.2, 0.9, 0.4], list("abcde")
    assert intervals.mean(values, documents) == intervals.mean(values, documents)


def test_pages_of_one_document_count_as_one_draw() -> None:
    values = [0.1, 0.9] * 10
    by_page = intervals.mean(values, [str(number) for number in range(20)])
    by_document = intervals.mean(values, ["a", "b"] * 10)
    assert by_page.low is not None
    assert by_document.low is not None
    assert by_document.low == pytest.approx(0.1)
    assert by_page.low > by_document.low


def test_one_document_has_no_interval() -> None:
    assert intervals.mean([0.5, 1.0], ["a", "a"]) == Estimate(0.75, None, None)


@pytest.mark.parametrize(
    ("others", "expected"),
    [([10, 20, 30, 40, 99], 1), ([5, 4, 3, 2, 1], -1), ([1, 2, 3, 5, 4], 0.9), ([7] * 5, 0)],
)
def test_rank_correlation_of_known_cases(others: list[float], expected: float) -> None:
    found = intervals.rank_correlation([1, 2, 3, 4, 5], others, list("abcde"))
    assert found.value == pytest.approx(expected)


def test_wrong_numbers_of_pages_are_refused() -> None:
    with pytest.raises(ValueError, match="1 documents for 2 pages"):
        intervals.mean([1, 2], ["a"])
    with pytest.raises(ValueError, match="0 documents for 0 pages"):
        intervals.mean([], [])
