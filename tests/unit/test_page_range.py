from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.page_range import PageSelection


def test_ranges_and_single_pages():
    selection = PageSelection.parse("1-3, 7,10-")
    assert [page for page in range(1, 13) if page in selection] == [1, 2, 3, 7, 10, 11, 12]


def test_nothing_means_all():
    assert 1 in PageSelection.parse("")
    assert 99_999 in PageSelection.parse("  ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3-1", "write 1-3"),
        ("0", "page numbers start at 1"),
        ("3-0", "page numbers start at 1"),
        ("a", "write pages as 1-3"),
        ("1,,2", "write pages as"),
        ("-3", "write pages as"),
    ],
)
def test_wrong_selections_say_what_to_write(text: str, says: str):
    with pytest.raises(ValueError, match=says):
        PageSelection.parse(text)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 50)), min_size=1, max_size=6))
def test_a_page_is_in_when_a_range_has_it(ranges: list[tuple[int, int]]):
    text = ",".join(f"{first}-{first + more}" for first, more in ranges)
    selection = PageSelection.parse(text)
    wanted = {page for first, more in ranges for page in range(first, first + more + 1)}
    assert {page for page in range(1, 600) if page in selection} == wanted
