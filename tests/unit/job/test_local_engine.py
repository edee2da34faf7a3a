"""The few engine pages of a small job are read in processes of the driver, without Ray."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import LockConfig, OcrConfig
from pipeline.engines.base import Resources
from pipeline.engines.registry import spec_of
from pipeline.errors import JobError
from pipeline.job import local_engine_process, local_limits
from pipeline.job.local_engine import LocalEngines
from pipeline.job.local_pass import LocalPass
from pipeline.job.local_plan import LocalPlanner
from pipeline.job.lock import FILE_NAME, held
from pipeline.job.metrics import SendReport, StageReport
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.stages.todo import plan_shards, read_plan
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.output.totals import Summary
from tests.support import sample_documents
from tests.support.small_jobs import config_of


def picture(folder: Path, name: str, width_px: int = 60, height_px: int = 80) -> None:
    image = sample_documents.noise_picture(width_px, height_px)
    content = sample_documents.saved(image, "PNG") + name.encode()
    (folder / f"{name}.png").write_bytes(content)


def planned(config: OcrConfig) -> tuple[Task, Path, Path]:
    pages, plan = shards.prepare_folder(config.output)
    task = Task.of(config, "fake")
    assert LocalPlanner(task, plan).wait() is not None
    return task, plan, pages


def rows_of(pages: Path) -> list[dict[str, object]]:
    rows = [row for path in pages.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: (row["uri"], row["page"]))


def unread(task: Task, plan: Path, pages: Path) -> list[str]:
    """The names of the documents of the plan that Ray would have to read."""
    return [Path(uri).stem for uri in todo(task, plan, pages)["uri"].to_pylist()]


def todo(task: Task, plan: Path, pages: Path) -> pa.Table:
    """The pages of the plan that have no row."""
    return pa.concat_tables(read_plan(plan_shards(plan), task.config.store, Duplicates(), pages))


def read(
    task: Task, plan: Path, pages: Path, send: SendReport = lambda _: None
) -> tuple[Summary, str]:
    """Have engine processes draw and read all pages that have no row."""
    engines = LocalEngines(task, pages, send)
    try:
        until = time.monotonic() + task.config.stages.local_s
        return engines.finish(todo(task, plan, pages), until)
    finally:
        engines.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def test_an_engine_reads_what_text_layers_leave(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(sample_documents.text_pdf(2))
    for name in "bcde":
        picture(folder, name)
    (folder / "f.png").write_bytes((folder / "e.png").read_bytes())
    task, plan, pages = planned(config_of(folder, ray={"cpus": 2}))
    with LocalPass(task, plan, pages) as local:
        assert local.wait()
        done = local.finish()
    rows = rows_of(pages)
    assert [row["status"] for row in rows] == ["ok"] * 7
    assert [row["source"] for row in rows] == ["text_layer"] * 2 + ["ocr"] * 5
    assert len({row["page_id"] for row in rows}) == 7
    assert [row["copied_from"] is not None for row in rows] == [False] * 6 + [True]
    assert (done.written.written.rows, done.written.copied) == (7, 1)
    assert (done.stages["render"].finished, done.stages["recognise"].pages) == (2, 4)
    assert not psutil.Process().children()


def test_no_process_of_a_job_that_lost_its_lock_writes_rows(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(sample_documents.text_pdf(2))
    picture(folder, "b")
    task, plan, pages = planned(config_of(folder, ray={"cpus": 1}))
    with held(pages.parent, LockConfig(), print) as mine:
        assert mine is not None
        file = pages.parent / FILE_NAME
        lock = file.read_text()
        file.write_text(lock.replace(json.loads(lock)["token"], "other"))  # it was paused for long
        engines = LocalEngines(task, pages, lambda _: None, mine.check)
        try:
            done, problem = engines.finish(todo(task, plan, pages), time.monotonic() + 60)
        finally:
            engines.close()
        assert (done.written.rows, rows_of(pages)) == (0, [])
        assert "was taken over by process" in problem
        local = LocalPass(task, plan, pages, None, mine.check)
        with pytest.raises(JobError, match="was taken over by process"), local:
            local.wait(), local.finish()
        assert rows_of(pages) == []


def test_a_page_that_kills_the_engine_is_left_with_those_beside_it(folder: Path) -> None:
    picture(folder, "a")
    picture(folder, "b-wide", 80, 60)
    for name in "cd":
        picture(folder, name)
    config = config_of(folder, ray={"cpus": 1}, stages={"pages_per_task": 1})
    fake = {"kind": "fake", "fake": {"handler": "dies"}}
    config = OcrConfig.model_validate(config.model_dump() | {"engine": fake})
    task, plan, pages = planned(config)
    with LocalPass(task, plan, pages) as local:
        assert local.wait()
        done = local.finish()
    written = [Path(str(row["uri"])).stem for row in rows_of(pages)]
    assert done.written.written.rows == len(written) < 4
    assert "b-wide" in unread(task, plan, pages)
    assert sorted(written + unread(task, plan, pages)) == ["a", "b-wide", "c", "d"]


def test_an_engine_that_takes_too_long_is_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_limits, "GRACE_S", 1)
    for name in "ab":
        picture(folder, name)
    fake = {"kind": "fake", "fake": {"handler": "slow", "delay_ms": 300_000}}
    config = config_of(folder, stages={"local_s": 4, "local_plan_s": 60})
    task, plan, pages = planned(OcrConfig.model_validate(config.model_dump() | {"engine": fake}))
    reports: list[StageReport] = []
    written, problem = read(task, plan, pages, reports.append)
    assert written.written.rows == 0
    assert problem == "the time for engines without Ray is over (stages.local_s)"
    assert {report.stage for report in reports} <= {"render"}
    assert unread(task, plan, pages) == ["a", "b"]
    assert not psutil.Process().children()


def test_what_was_read_when_the_time_is_over_is_kept(folder: Path) -> None:
    for number in range(40):
        picture(folder, f"{number:02}")
    fake = {"kind": "fake", "fake": {"handler": "slow", "delay_ms": 1500}}
    stages = {"local_s": 8, "local_plan_s": 60, "pages_per_task": 2}
    config = config_of(folder, ray={"cpus": 1}, stages=stages)
    task, plan, pages = planned(OcrConfig.model_validate(config.model_dump() | {"engine": fake}))
    written, problem = read(task, plan, pages)
    assert 0 < written.written.rows < 40
    assert problem == "the time for engines without Ray is over (stages.local_s)"
    assert len(rows_of(pages)) == written.written.rows
    assert len(unread(task, plan, pages)) == 40 - written.written.rows


def test_what_was_read_before_an_engine_died_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_limits, "GRACE_S", 1)  # and so what is read is written after it
    for name in "abc":
        picture(folder, name)
    picture(folder, "d-wide", 80, 60)
    fake = {"kind": "fake", "fake": {"handler": "dies", "delay_ms": 2000}}
    config = config_of(folder, ray={"cpus": 1}, stages={"pages_per_task": 1})
    task, plan, pages = planned(OcrConfig.model_validate(config.model_dump() | {"engine": fake}))
    written, problem = read(task, plan, pages)
    assert 0 < written.written.rows < 4
    assert problem.startswith("an engine process ended ")
    assert "d-wide" in unread(task, plan, pages)


def test_an_engine_process_that_fails_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine_process, "_WORKER", "nowhere")
    picture(folder, "a")
    task, plan, pages = planned(config_of(folder))
    with LocalPass(task, plan, pages) as local:
        assert local.wait()
        problem = local.finish().problem
    assert problem.startswith("an engine process ended with exit code 1: ModuleNotFoundError")
    assert unread(task, plan, pages) == ["a"]


def test_pages_are_left_where_no_process_can_be_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    picture(folder, "a")
    task, plan, pages = planned(config_of(folder))
    monkeypatch.setattr(local_engine_process.subprocess, "Popen", no_process)
    written, problem = read(task, plan, pages)
    assert written.written.rows == 0
    assert problem.startswith("an engine process cannot be started: ")
    assert unread(task, plan, pages) == ["a"]


def test_more_pages_than_may_be_are_left_to_ray(folder: Path) -> None:
    for name in "abc":
        picture(folder, name)
    task, plan, pages = planned(config_of(folder, stages={"local_engine_pages": 2}))
    with LocalPass(task, plan, pages) as local:
        assert not local.wait()
        assert local.finish().written.written.rows == 0
    assert unread(task, plan, pages) == ["a", "b", "c"]


def test_an_engine_with_a_gpu_is_left_to_ray(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(folder, ray={"cpus": 2})
    assert local_limits.max_pages(config) == 5000
    monkeypatch.setattr(type(spec_of(config.engine)), "resources", lambda *_: Resources(gpus=0.5))
    assert local_limits.max_pages(config) == 0


@pytest.mark.parametrize(
    ("kind", "pages"), [("onnx", 30), ("tesseract", 48), ("vllm", 0), ("fake", 5000)]
)
def test_no_more_pages_are_read_than_an_engine_reads_in_time(
    kind: str, pages: int, folder: Path
) -> None:
    config = config_of(folder, ray={"cpus": 2})
    config = OcrConfig.model_validate(config.model_dump() | {"engine": {"kind": kind}})
    assert local_limits.max_pages(config) == pages


def test_a_job_that_takes_no_text_layers_needs_no_ray_either(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(sample_documents.text_pdf(3))
    picture(folder, "b")
    task, plan, pages = planned(config_of(folder, text_layer="never"))
    with LocalPass(task, plan, pages) as local:
        assert local.wait()
        done = local.finish()
    assert [row["source"] for row in rows_of(pages)] == ["ocr"] * 4
    assert (done.stages["render"].pages, done.stages["recognise"].finished) == (4, 4)
