"""Rows of settled pages: each is written once, whatever Ray runs again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import OutputConfig
from pipeline.errors import JobError
from pipeline.job.stages.settled import PositionSet, SettledRows, position
from pipeline.output.rows import pages_table
from pipeline.output.totals import Summary
from pipeline.types import PageIds, PageRef, PageResult, Recognition, Status


def table(*pages: int) -> pa.Table:
    """Rows of these pages."""
    return pages_table(
        [
            PageResult(
                PageRef("/a.pdf", "d", page, 99, "application/pdf", 612.0, 792.0),
                Recognition(Status.OK, f"text of {page}"),
                ids=PageIds(f"{page:032x}", f"{page:032x}", "recipe"),
            )
            for page in pages
        ]
    )


def written(folder: Path) -> list[int]:
    """Pages of all shards, in order."""
    shards = sorted(folder.glob("*.parquet"))
    return [page for shard in shards for page in pq.read_table(shard)["page"].to_pylist()]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 70))))
def test_positions_are_a_set(places: list[tuple[int, int]]) -> None:
    positions, known = PositionSet(), set()
    for place in places:
        assert positions.add(position(*place)) == (place not in known)
        known.add(place)
    every = [(shard, row) for shard in range(4) for row in range(71)]
    assert {place for place in every if position(*place) in positions} == known


def test_a_task_that_runs_again_adds_no_row_twice(tmp_path: Path) -> None:
    rows = SettledRows(tmp_path, "part", OutputConfig(pages_per_file=100))
    assert rows.take([1, 2], table(1, 2), [3]) == []
    # The worker was lost. This time page 2 is to be read by an engine, and page 3 is settled.
    assert rows.take([1, 3], table(1, 3), [2]) == [2]
    summary = rows.finish()
    assert written(tmp_path) == [1, 2, 3]
    assert summary.written.rows == 3
    assert summary.statuses == {"ok": 3}


def test_shards_are_full_and_the_last_one_is_what_is_left(tmp_path: Path) -> None:
    rows = SettledRows(tmp_path, "part", OutputConfig(pages_per_file=2))
    for page in range(5):
        rows.take([page], table(page), [])
    assert rows.finish().written.rows == 5
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == [f"part-{number:06}.parquet" for number in range(3)]
    assert written(tmp_path) == [0, 1, 2, 3, 4]


def test_rows_are_written_after_a_while_though_no_more_come(tmp_path: Path) -> None:
    rows = SettledRows(tmp_path, "part", OutputConfig(flush_s=0.05))
    rows.take([7], table(7), [])
    deadline = time.monotonic() + 30
    while not written(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert written(tmp_path) == [7]
    assert rows.finish().written.rows == 1


def test_a_shard_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    rows = SettledRows(tmp_path / "gone", "part", OutputConfig(pages_per_file=1))
    rows.take([1], table(1), [])
    with pytest.raises(JobError, match="cannot write"):
        rows.finish()


def test_a_shard_that_failed_is_an_error_though_a_timer_met_it_first(tmp_path: Path) -> None:
    written, problems = list[int](), [JobError("cannot write")]

    def write(path: Any, config: OutputConfig, rows: pa.Table) -> Summary:
        if problems:
            raise problems.pop()
        written.append(rows.num_rows)
        return Summary.of(rows)

    rows = SettledRows(tmp_path, "part", OutputConfig(flush_s=0.05), write)
    rows.take([1], table(1), [])
    deadline = time.monotonic() + 30
    while problems and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    for act in (lambda: rows.take([2], table(2), []), rows.finish):
        with pytest.raises(JobError, match="cannot write"):
            act()
    assert not written


def test_a_job_that_lost_its_lock_writes_no_more(tmp_path: Path) -> None:
    taken: list[str] = []

    def check() -> None:
        if taken:
            raise JobError("the lock was taken over")

    rows = SettledRows(tmp_path, "part", OutputConfig(pages_per_file=1), check=check)
    rows.take([1], table(1), [])
    deadline = time.monotonic() + 30
    while not written(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    taken.append("by another job")
    rows.take([2], table(2), [])
    with pytest.raises(JobError, match="taken over"):
        rows.finish()
    assert written(tmp_path) == [1]


def test_rows_wait_for_slow_writes(tmp_path: Path) -> None:
    now = []

    def slow(path: Any, config: OutputConfig, rows: pa.Table) -> Summary:
        time.sleep(0.02)
        now.append(rows.num_rows)
        return Summary.of(rows)

    rows = SettledRows(tmp_path, "part", OutputConfig(pages_per_file=1), slow)
    for page in range(20):
        rows.take([page], table(page), [])
        assert page - len(now) <= 5, "no more than five shards are held"
    assert rows.finish().written.rows == 20
