"""What becomes of work that the runner ends, or cancels in its middle."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from pipeline.output.shards import write_text
from serving.config import JobConfig, ServeConfig
from serving.jobs import records
from serving.jobs.answer_log import AnswerLog
from serving.jobs.batch_work import BatchWork
from serving.jobs.document_jobs import DocumentJobs
from serving.jobs.records import BatchState, BatchStatus, JobState, JobStatus, Problem, Telling
from serving.jobs.repeat import in_thread
from serving.jobs.store import Key, Kind, Store, new_key

FULL = Problem(code="storage_full", message="full")
UNUSED = cast(Any, None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), StoreConfig())


def kept(store: Store, kind: Kind, state: JobState | BatchState) -> Key:
    key = new_key("anna", kind)
    write_text(store.make_folder(key) / records.STATE, state.model_dump_json())
    return key


def jobs(store: Store) -> DocumentJobs:
    return DocumentJobs(store, UNUSED, UNUSED, UNUSED, JobConfig(), lambda status: None)


def batches(store: Store) -> BatchWork:
    return BatchWork(store, UNUSED, UNUSED, ServeConfig(), lambda status: None)


@pytest.mark.parametrize("telling", [None, Telling.PENDING, Telling.TOLD])
def test_a_job_that_has_ended_does_not_fail_later(store: Store, telling: Telling | None) -> None:
    state = JobState(status=JobStatus.COMPLETED, ended_at=9.0, webhook=telling)
    key = kept(store, Kind.JOB, state)
    work = jobs(store)
    work.fail(key, FULL)
    expected = Telling.GIVEN_UP if telling is Telling.PENDING else telling
    assert work.state(key) == state.model_copy(update={"webhook": expected})
    assert work.ended_at(key) == 9.0


def test_a_job_that_runs_fails(store: Store) -> None:
    key = kept(store, Kind.JOB, JobState(status=JobStatus.RUNNING))
    work = jobs(store)
    work.fail(key, FULL)
    assert (work.state(key).status, work.state(key).problem) == (JobStatus.FAILED, FULL)


def test_a_batch_that_fails_keeps_no_answers_that_nobody_can_delete(store: Store) -> None:
    key = kept(store, Kind.BATCH, BatchState().reached(BatchStatus.IN_PROGRESS, 1.0))
    log = AnswerLog(store.folder(key))
    log.add(1, False, {"text": "x" * 10_000})
    log.flush()
    work = batches(store)
    work.fail(key, FULL)
    assert work.state(key).status is BatchStatus.FAILED
    assert store.size_bytes("anna") < 1000


def test_a_batch_that_has_ended_does_not_fail_later(store: Store) -> None:
    state = BatchState().reached(BatchStatus.COMPLETED, 1.0)
    key = kept(store, Kind.BATCH, state)
    work = batches(store)
    work.fail(key, FULL)
    assert work.state(key) == state


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
    from serving.jobs.batch_work import _Live

    key = kept(store, Kind.BATCH, BatchState())
    work = batches(store)

    def fails(key: Key) -> bool:
        raise JobError("no answer")

    monkeypatch.setattr(work, "is_cancelled", fails)
    live = _Live(BatchState(), asyncio.Event(), asyncio.get_running_loop())
    await work._save_live(key, live, AnswerLog(store.folder(key)))
