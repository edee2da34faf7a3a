"""What becomes of work that the runner ends, or cancels in its middle."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from pipeline.output.shards import write_text
from serving.config import JobConfig, ServeConfig
from serving.jobs import records
from serving.jobs.answer_log import AnswerLog
from serving.jobs.batch_lines import Line
from serving.jobs.batch_work import BatchWork, _Live
from serving.jobs.document_jobs import DocumentJobs
from serving.jobs.files import Files
from serving.jobs.records import (
    BatchRecord,
    BatchState,
    BatchStatus,
    JobState,
    JobStatus,
    Problem,
    Telling,
)
from serving.jobs.repeat import in_thread
from serving.jobs.store import Key, Kind, Store, new_key

FULL = Problem(code="storage_full", message="full")
UNUSED = cast(Any, None)
RECORD = BatchRecord(input_file_id="f", endpoint="e", completion_window="24h", expires_at=1e10)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), StoreConfig())


def kept(store: Store, kind: Kind, state: JobState | BatchState) -> Key:
    key = new_key("anna", kind)
    write_text(store.make_folder(key) / records.STATE, state.model_dump_json())
    return key


def held() -> None:
    """The check of a lock that is ours."""


def lost() -> None:
    raise JobError("the lock was taken over")


def jobs(store: Store) -> DocumentJobs:
    return DocumentJobs(store, UNUSED, UNUSED, UNUSED, JobConfig(), lambda status: None)


def batches(store: Store) -> BatchWork:
    files = Files(store, UNUSED, ServeConfig())
    return BatchWork(store, files, UNUSED, ServeConfig(), lambda status: None)


@pytest.mark.parametrize("telling", [None, Telling.PENDING, Telling.TOLD])
def test_a_job_that_has_ended_does_not_fail_later(store: Store, telling: Telling | None) -> None:
    state = JobState(status=JobStatus.COMPLETED, ended_at=9.0, webhook=telling)
    key = kept(store, Kind.JOB, state)
    work = jobs(store)
    work.fail(key, FULL, held)
    expected = Telling.GIVEN_UP if telling is Telling.PENDING else telling
    assert work.state(key) == state.model_copy(update={"webhook": expected})
    assert work.ended_at(key) == 9.0


def test_a_job_that_runs_fails(store: Store) -> None:
    key = kept(store, Kind.JOB, JobState(status=JobStatus.RUNNING))
    work = jobs(store)
    work.fail(key, FULL, held)
    assert (work.state(key).status, work.state(key).problem) == (JobStatus.FAILED, FULL)


def with_answers(store: Store, moment: float = 0.0) -> Key:
    """A batch of which two lines have been answered, one of them by an error."""
    state = BatchState(total=9).reached(BatchStatus.IN_PROGRESS, 1.0)
    key = kept(
        store, Kind.BATCH, state.reached(BatchStatus.FINALIZING, moment) if moment else state
    )
    store.create(key, RECORD)
    log = AnswerLog(store.folder(key))
    log.add(2, False, {"text": "x" * 10_000})
    log.add(1, True, {"text": "wrong"})
    log.flush()
    return key


def rows(store: Store, key: Key, file_id: str) -> list[Any]:
    content = store.folder(Key(key.owner, file_id)) / records.CONTENT
    return [json.loads(line) for line in content.read_bytes().splitlines()]


def test_a_batch_that_fails_keeps_its_answers_in_files_that_can_be_deleted(store: Store) -> None:
    key, work = with_answers(store), batches(store)
    work.fail(key, FULL, held)
    state = work.state(key)
    assert (state.status, state.total, state.completed, state.failed) == ("failed", 9, 1, 1)
    assert [problem.code for problem in state.problems] == ["storage_full"]
    assert rows(store, key, state.output_file_id) == [{"text": "x" * 10_000}]
    assert rows(store, key, state.error_file_id) == [{"text": "wrong"}]
    for file in store.keys("anna", Kind.FILE):
        store.remove(file)
    assert store.size_bytes("anna") < 1000  # nothing that nobody can delete


def test_a_batch_that_fails_before_an_answer_has_no_files(store: Store) -> None:
    key = kept(store, Kind.BATCH, BatchState().reached(BatchStatus.IN_PROGRESS, 1.0))
    work = batches(store)
    work.fail(key, FULL, held)
    state = work.state(key)
    assert (state.status, state.output_file_id, state.error_file_id) == ("failed", "", "")


def test_the_files_of_a_batch_that_ends_days_late_are_kept_as_long_as_others(store: Store) -> None:
    key, work = with_answers(store, moment=time.time() - 3 * 24 * 3600), batches(store)
    work.fail(key, FULL, held)
    file = Key(key.owner, work.state(key).output_file_id)
    assert time.time() - file.created_at < 60


def test_a_batch_that_is_ended_again_has_the_files_of_the_first_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, work = with_answers(store, moment=time.time() - 7200), batches(store)
    end = work._ending.end

    def killed(*args: Any, **more: Any) -> None:
        raise OSError("killed before the state is written")

    monkeypatch.setattr(work._ending, "end", killed)
    with pytest.raises(OSError, match="killed"):
        work.fail(key, FULL, held)
    first = store.keys("anna", Kind.FILE)
    assert len(first) == 2
    assert all(map(work.awaits, first))
    monkeypatch.setattr(work._ending, "end", end)
    work.fail(key, FULL, held)
    assert store.keys("anna", Kind.FILE) == first
    assert not any(map(work.awaits, first))
    assert not work.awaits(new_key("anna", Kind.FILE))


def test_a_batch_that_has_ended_does_not_fail_later(store: Store) -> None:
    state = BatchState().reached(BatchStatus.COMPLETED, 1.0)
    key = kept(store, Kind.BATCH, state)
    work = batches(store)
    work.fail(key, FULL, held)
    assert work.state(key) == state


async def test_a_batch_is_not_completed_while_a_line_has_no_answer(store: Store) -> None:
    key, work = with_answers(store), batches(store)
    lines = [Line(number, str(number), 0, 1) for number in (1, 2, 3)]
    state = work.state(key).reached(BatchStatus.FINALIZING, 2.0)
    live = _Live(held, state, asyncio.Event(), asyncio.get_running_loop())
    log = AnswerLog(store.folder(key))
    with pytest.raises(JobError, match="1 answers are not"):
        work._finish(key, live, log, lines, BatchStatus.COMPLETED)
    assert work.ended_at(key) is None
    log.add(3, False, {"text": "late"})
    log.flush()
    work._finish(key, live, log, lines, BatchStatus.COMPLETED)
    assert (work.state(key).status, work.state(key).completed) == (BatchStatus.COMPLETED, 2)


async def test_a_cancellation_waits_for_the_thread() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), list[int]()

    def call() -> None:
        begun.set()
        go_on.wait(20)
        done.append(1)

    task = asyncio.ensure_future(in_thread(call))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    go_on.set()
    await asyncio.wait({task})
    assert task.cancelled()
    assert done == [1]


async def test_a_store_that_does_not_answer_once_does_not_end_the_saving_of_a_batch(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = kept(store, Kind.BATCH, BatchState())
    work = batches(store)

    def fails(key: Key) -> bool:
        raise JobError("no answer")

    monkeypatch.setattr(work, "is_cancelled", fails)
    live = _Live(held, BatchState(), asyncio.Event(), asyncio.get_running_loop())
    await work._save_live(key, live, AnswerLog(store.folder(key)))
