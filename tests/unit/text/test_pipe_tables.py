"""Tables of pipes: written, and read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.structure.pipe_tables import cells_of, pipes


@given(
    st.integers(1, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.text("ab|\\ \t-:é"), min_size=columns, max_size=columns), min_size=1
        )
    )
)
def test_what_is_written_is_read_again(grid: list[list[str]]) -> None:
    expected = [[" ".join(cell.split()) for cell in row] for row in grid]
    assert cells_of(pipes(grid).splitlines()) == expected


def test_rows_of_a_model_may_lack_pipes_at_their_ends_and_cells() -> None:
    lines = ["| a | b", "|:--|--:|", "| 1", " | 2 | 3 | 4 |"]
    assert cells_of(lines) == [["a", "b"], ["1"], ["2", "3", "4"]]


def test_lines_without_a_line_of_dashes_are_no_table() -> None:
    assert cells_of(["| a |", "| b |"]) == []
    assert cells_of(["| a |"]) == []
    assert cells_of(["| a |", "| - |", "text"]) == []
