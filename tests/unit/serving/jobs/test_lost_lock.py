"""What a process does to a job that another one has taken over while it was paused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.config import OcrOptions, OutputConfig, StoreConfig
from pipeline.documents.sandbox import DocumentInfo
from pipeline.engines.recipe import make_recipe
from pipeline.errors import DocumentError, ErrorKind, JobError
from pipeline.output import shards
from pipeline.output.rows import pages_table
from pipeline.recognition.recognise import failed
from pipeline.recognition.result import page_result
from pipeline.types import PageIds, PageRef, PageResult
from serving.config import JobConfig, ServeConfig
from serving.jobs import job_plan, records
from serving.jobs.answer_log import AnswerLog
from serving.jobs.batch_work import BatchWork, _Live
from serving.jobs.document_jobs import DocumentJobs, Reading
from serving.jobs.files import Files
from serving.jobs.folders import write_model, write_state
from serving.jobs.records import (
    BatchState,
    BatchStatus,
    JobRecord,
    JobState,
    JobStatus,
)
from serving.jobs.slots import Slots
from serving.jobs.store import Key, Kind, Store, new_key
from serving.ocr.page_reader import page_ref

UNUSED = cast(Any, None)
ENDED = JobState(status=JobStatus.COMPLETED, ended_at=9.0, total=2, done=2)
OUTPUTS = {"output_file_id": "file-1", "completed": 2}
ENDED_BATCH = BatchState(total=2).reached(BatchStatus.COMPLETED, 9.0, **OUTPUTS)


def held() -> None:
    """The check of a lock that is ours, or of a store without locks."""


def lost() -> None:
    raise JobError("the lock was taken over")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), StoreConfig())


@pytest.fixture
def ends() -> list[str]:
    return []


def kept(store: Store, kind: Kind, state: JobState | BatchState) -> Key:
    key = new_key("anna", kind)
    write_model(store.make_folder(key) / records.STATE, state)
    store.create(key, JobRecord())
    return key


def jobs(store: Store, ends: list[str], sources: Any = UNUSED) -> DocumentJobs:
    return DocumentJobs(store, UNUSED, sources, UNUSED, JobConfig(), ends.append)


@pytest.mark.parametrize("check", [held, lost])
async def test_the_state_of_a_job_that_another_process_has_ended_stays(
    store: Store, ends: list[str], check: Callable[[], None]
) -> None:
    key, work = kept(store, Kind.JOB, ENDED), jobs(store, ends)
    running = JobState(status=JobStatus.RUNNING, total=2, done=1)
    work._live[key] = running
    await work._save_live(key, check)
    for status in (JobStatus.COMPLETED, JobStatus.FAILED):
        with pytest.raises(JobError):
            work._end(key, check, running, status)
    assert jobs(store, ends).state(key) == ENDED
    assert not ends


@pytest.mark.parametrize("check", [held, lost])
async def test_the_state_of_a_batch_that_another_process_has_ended_stays(
    store: Store, ends: list[str], check: Callable[[], None]
) -> None:
    key = kept(store, Kind.BATCH, ENDED_BATCH)
    files = Files(store, UNUSED, ServeConfig())
    work = BatchWork(store, files, UNUSED, ServeConfig(), ends.append)
    running = BatchState(total=2).reached(BatchStatus.FINALIZING, 1.0)
    live = _Live(check, running, asyncio.Event(), asyncio.get_running_loop())
    log = AnswerLog(store.folder(key))
    await work._save_live(key, live, log)
    with pytest.raises(JobError):
        work._finish(key, live, log, [], BatchStatus.COMPLETED)
    assert work.state(key) == ENDED_BATCH
    assert not ends


def test_a_state_is_written_only_under_the_lock(tmp_path: Path) -> None:
    running = JobState(status=JobStatus.RUNNING)
    with pytest.raises(JobError, match="taken over"):
        write_state(tmp_path, running, lost)
    assert not list(tmp_path.iterdir())
    write_state(tmp_path, running, held)
    write_state(tmp_path, ENDED, held)
    with pytest.raises(JobError, match="another process has ended it"):
        write_state(tmp_path, running, held)


class Present:
    """The document of a job and what reads it, as far as a job asks for it."""

    inspection = DocumentInfo("d", "application/pdf", 9, ((1.0, 1.0),) * 2)

    async def fetch(self, folder: Any) -> None:
        pass

    @asynccontextmanager
    async def open_path(self, path: str, password: str) -> AsyncIterator[Present]:
        yield self

    async def read(self, document: Present, page: int, template: Any) -> PageResult:
        return page_result(page_ref(self.inspection, page), None, failed(ErrorKind.ENGINE, "none"))


@pytest.mark.parametrize(("check", "rows"), [(held, 2), (lost, 0)])
async def test_rows_are_written_only_under_the_lock(
    store: Store, ends: list[str], check: Callable[[], None], rows: int
) -> None:
    key, it = kept(store, Kind.JOB, JobState()), Present()
    recipe = make_recipe(OcrOptions(output="o"), "fake")
    reading = Reading(recipe, cast(Any, it), cast(Any, it), Slots(1, int), UNUSED, lambda _: None)
    reading = replace(reading, template=lambda record: UNUSED)
    work = DocumentJobs(store, reading, cast(Any, it), UNUSED, JobConfig(), ends.append)
    if not rows:
        with pytest.raises(JobError, match="taken over"):
            await work.run(key, check)
    else:
        await work.run(key, check)
    assert job_plan.rows_by_status(store.folder(key)).total() == rows
    assert ends == ["completed"] * bool(rows)


class Gone:
    """Has no document any more."""

    async def fetch(self, folder: Any) -> None:
        raise DocumentError(ErrorKind.NOT_FOUND, "the job's document is gone")


@pytest.mark.parametrize(("pages", "status"), [([1, 2, 2], "completed"), ([1, 1], "failed")])
async def test_a_job_whose_document_is_gone_is_completed_if_each_page_has_a_row(
    store: Store, ends: list[str], pages: list[int], status: str
) -> None:
    key = kept(store, Kind.JOB, JobState(status=JobStatus.RUNNING, total=2, done=1))
    folder = job_plan.pages_folder(store.folder(key))
    for place, page in enumerate(pages):
        ref = PageRef("a.pdf", "d", page, 2, "application/pdf", 0.0, 0.0)
        row = page_result(ref, None, failed(ErrorKind.ENGINE, "no answer"))
        row = replace(row, ids=PageIds(f"{page:032}", f"{page:032}", "r"))
        shards.write_pages(folder / f"p-{place}.parquet", OutputConfig(), pages_table([row]))
    work = jobs(store, ends, Gone())
    await work.run(key, held)
    state = work.state(key)
    assert (state.status, ends) == (status, [status])
    if status == "completed":
        assert (state.problem, state.done, state.failed) == (None, 2, 2)
    else:
        assert state.problem is not None
        assert state.problem.code == "not_found"
