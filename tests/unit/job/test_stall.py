"""What a job does when its chain comes to a stand. With real shards, without Ray's chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config import OcrConfig, OutputConfig
from pipeline.errors import ErrorKind
from pipeline.job.passes import RecognisePass
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.ray_data.shard_writer import StalledError
from pipeline.output import shards
from pipeline.output.rows import pages_table
from pipeline.output.totals import Summary
from pipeline.recognition.recognise import failed
from pipeline.types import PageIds, PageRef, PageResult

TODO = 6
STALL = StalledError("no page moved")


def write(folder: Path, name: str, numbers: range) -> None:
    recognition = failed(ErrorKind.ENGINE, "no")
    results = [
        PageResult(
            PageRef("u", "d", n, 9, "t", 1.0, 1.0),
            recognition,
            ids=PageIds(f"{n:032}", f"{n:032}", "recipe"),
        )
        for n in numbers
    ]
    shards.write_pages(folder / name, OutputConfig(), pages_table(results))


def go_on(folder: Path, *passes: Callable[[str], None]) -> tuple[int, list[str]]:
    """Rows at the end and what was said, where each further pass does what is given."""
    left, said = list(passes), []

    class FakePass(RecognisePass):
        def _once(self, todo: int, prefix: str, done: Path | None) -> Summary:
            if prefix == "part-x":
                raise STALL
            assert done == folder
            left.pop(0)(f"{prefix}-000000.parquet")
            return Summary()  # what a stalled pass says is not believed

    job: Any = SimpleNamespace(config=OcrConfig(inputs=("a",), output="o"), log=said.append)
    written = FakePass(job, folder, folder, "part-x", Duplicates()).run(TODO)
    assert left == []
    return written.written.rows, said


def test_what_is_left_is_started_again(tmp_path: Path):
    write(tmp_path, "part-x-000000.parquet", range(2))
    write(tmp_path, "part-before-000000.parquet", range(20, 29))

    def stalls_again(name: str) -> None:
        write(tmp_path, name, range(2, 4))
        raise STALL

    rows, said = go_on(tmp_path, stalls_again, lambda name: write(tmp_path, name, range(4, 6)))
    assert rows == TODO
    assert ["4 pages are started again" in said[0], "2 pages are started again" in said[1]] == [
        True,
        True,
    ]


def test_nothing_done_twice_running_ends_the_job(tmp_path: Path):
    def stalls(name: str) -> None:
        raise STALL

    with pytest.raises(StalledError):
        go_on(tmp_path, stalls)


def test_all_may_be_there_although_the_chain_stalled(tmp_path: Path):
    write(tmp_path, "part-x-000000.parquet", range(TODO))
    assert go_on(tmp_path) == (TODO, [])
