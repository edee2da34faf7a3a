"""Results of jobs, from a store that is slow or does not answer."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from starlette.responses import StreamingResponse

from pipeline.config import StoreConfig
from pipeline.output import row_index
from serving.config import JobConfig, ServeConfig
from serving.errors import ApiError
from serving.jobs.ocr_jobs import OcrJobs
from serving.jobs.records import JobRecord, JobState, JobStatus
from serving.jobs.results import Result, ResultFormat
from serving.jobs.store import Key, Kind, Store, new_key
from tests.support.small_outputs import page, write_pages

UNUSED = cast(Any, None)
ANSWER_S = 0.5


@pytest.fixture
def jobs(tmp_path: Path) -> OcrJobs:
    config = ServeConfig(job=JobConfig(answer_s=ANSWER_S))
    state = JobState(status=JobStatus.COMPLETED, page_count=8, media_type="application/pdf")
    work = cast(Any, SimpleNamespace(state=lambda key: state))
    ocr = cast(Any, SimpleNamespace(names=("ocr",)))
    store = Store(str(tmp_path), StoreConfig(), ANSWER_S)
    return OcrJobs(store, work, UNUSED, UNUSED, UNUSED, UNUSED, ocr, config)


@pytest.fixture
def key(jobs: OcrJobs) -> Key:
    """A job of eight pages, each in a shard of its own."""
    key = new_key("anna", Kind.JOB)
    folder = jobs.store.make_folder(key)
    assert isinstance(folder, Path)
    write_pages(folder, *([page("a", number, f"page {number}")] for number in range(1, 9)))
    jobs.store.create(key, JobRecord(model="ocr", filename="a", recipe_hash="r"))
    return key


async def content(jobs: OcrJobs, key: Key, wanted: ResultFormat) -> bytes:
    response = await jobs.result("anna", key.id, wanted)
    assert isinstance(response, StreamingResponse)
    return b"".join([cast(bytes, piece) async for piece in response.body_iterator])


async def test_a_store_that_stops_to_answer_before_a_result_begins_is_a_503(
    jobs: OcrJobs, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begin = threading.Event(), time.monotonic()
    monkeypatch.setattr(row_index, "parquet", lambda path: go_on.wait(5) and pq.ParquetFile(path))
    with pytest.raises(ApiError) as error:
        await jobs.result("anna", key.id, ResultFormat.JSON)
    assert time.monotonic() - begin < 4
    assert (error.value.status, error.value.code) == (503, "store_unavailable")
    go_on.set()


@pytest.mark.parametrize("wanted", list(ResultFormat))
async def test_a_store_that_is_slow_may_take_longer_for_many_shards(
    jobs: OcrJobs, key: Key, monkeypatch: pytest.MonkeyPatch, wanted: ResultFormat
) -> None:
    expected = await content(jobs, key, wanted)

    def slowly(path: Path) -> pq.ParquetFile:
        time.sleep(ANSWER_S / 5)
        return pq.ParquetFile(path)

    monkeypatch.setattr(row_index, "parquet", slowly)
    begin = time.monotonic()
    assert await content(jobs, key, wanted) == expected
    assert time.monotonic() - begin > 2 * ANSWER_S


async def test_a_result_as_parquet_is_a_file_with_all_its_rows(jobs: OcrJobs, key: Key) -> None:
    table = pq.read_table(io.BytesIO(await content(jobs, key, ResultFormat.PARQUET)))
    assert table["page"].to_pylist() == list(range(1, 9))
    assert table["text"].to_pylist() == [f"page {number}" for number in range(1, 9)]


async def test_a_result_takes_only_threads_that_are_for_the_store(
    jobs: OcrJobs, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[str]()

    def write(*_: object) -> Iterator[bytes]:
        for _ in range(3):
            threads.append(threading.current_thread().name)
            yield b"x"

    monkeypatch.setattr(Result, "write", write)
    assert await content(jobs, key, ResultFormat.JSON) == b"xxx"
    assert len(threads) == 3
    assert all(name.startswith("rayscribe-store") for name in threads)
