"""The plan that the driver makes while Ray starts is the one that Ray's workers would make."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import OcrConfig
from pipeline.engines.recipe import make_recipe
from pipeline.errors import ConfigError
from pipeline.job import ray_cluster, run
from pipeline.job.local_pass import LocalPass
from pipeline.job.local_plan import LocalPlanner, may_plan_here
from pipeline.job.task import Task
from pipeline.output import schema, shards
from tests.support import job_stages, sample_documents
from tests.support.small_jobs import config_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.pdf").write_bytes(sample_documents.text_pdf(3))
    (folder / "bad.pdf").write_bytes(b"no document")
    (folder / "notes.txt").touch()
    (tmp_path / "plan").mkdir()
    return folder


def planner(config: OcrConfig, folder: Path) -> LocalPlanner:
    return LocalPlanner(Task.of(config, "fake"), folder)


def test_it_has_every_page(folder: Path) -> None:
    config = config_of(folder, parquet={"pages_per_file": 3})
    planned = planner(config, folder.parent / "plan").wait()
    assert planned is not None
    summary = planned.summary
    assert (summary.documents, summary.unreadable, summary.todo.rows) == (2, 1, 4)
    assert planned.files_left_out == Counter({".txt": 1})
    assert planned.stages["plan"].pages == 4
    files = sorted((folder.parent / "plan").iterdir())
    assert [shard.name for shard in files] == ["plan-000000.parquet", "plan-000001.parquet"]
    plan = pa.concat_tables(pq.read_table(shard) for shard in files)
    assert plan.schema.equals(schema.PLAN)
    recipe_hash = make_recipe(config, "fake").hash()
    paths = (folder / "bad.pdf", folder / "good.pdf")
    on_ray = job_stages.plan_of(config, *paths, recipe_hash=recipe_hash)
    assert plan["page_id"].to_pylist() == on_ray["page_id"].to_pylist()


def test_its_reader_goes_on_to_read_the_pages_and_ends_with_them(folder: Path) -> None:
    config = config_of(folder, stages={"render_workers": 1}, text_layer="only")
    pages, plan = shards.prepare_folder(config.output)
    task = Task.of(config, "fake")
    kept = LocalPlanner(task, plan, keeps_reader=True)
    assert kept.wait() is not None
    reader = kept.kept_reader
    assert reader is not None
    with LocalPass(task, plan, pages, reader) as local:
        assert [child.pid for child in psutil.Process().children()] == [reader.pid]
        local.wait()
        assert local.finish().written.written.rows == 4
    assert not psutil.Process().children()
    kept.close()
    assert not kept._thread.is_alive()


@pytest.mark.parametrize("more", [{"stages": {"local_pages": 3}}, {"max_pages": 0, "pages": "9"}])
def test_it_keeps_no_reader_for_a_job_that_is_large_or_has_nothing_to_do(
    folder: Path, more: dict[str, object]
) -> None:
    (folder / "bad.pdf").unlink()
    (folder / "more.pdf").write_bytes(sample_documents.marked(sample_documents.text_pdf(1), 1))
    config = config_of(folder, **more)
    kept = LocalPlanner(Task.of(config, "fake"), folder.parent / "plan", keeps_reader=True)
    assert kept.wait() is not None
    assert kept.kept_reader is None
    assert not psutil.Process().children()
    kept.close()


def test_a_kept_reader_ends_where_no_page_is_read(folder: Path) -> None:
    config = config_of(folder)
    kept = LocalPlanner(Task.of(config, "fake"), folder.parent / "plan", keeps_reader=True)
    assert kept.wait() is not None
    assert len(psutil.Process().children()) == 1
    kept.close()
    assert not psutil.Process().children()


def test_it_gives_up_when_its_time_is_over(folder: Path) -> None:
    config = config_of(folder, stages={"local_plan_s": 1e-9, "local_s": 1e-9})
    assert planner(config, folder.parent / "plan").wait() is None
    assert not list((folder.parent / "plan").iterdir())


def test_it_has_more_time_for_a_job_that_may_need_no_ray(folder: Path) -> None:
    brief: dict[str, object] = {"local_plan_s": 1e-9, "local_s": 60}
    assert planner(config_of(folder, stages=brief), folder.parent / "plan").wait() is not None
    for more in (
        {"stages": brief | {"local_pages": 2}},
        {"stages": brief | {"local_engine_pages": 0}, "text_layer": "never"},
    ):
        assert planner(config_of(folder, **more), folder.parent / "plan").wait() is None


def test_a_large_job_is_told_before_it_is_planned(folder: Path) -> None:
    small = planner(config_of(folder), folder.parent / "plan").wait_if_small()
    assert small is not None
    assert small.summary.todo.rows == 4
    for number in range(40):
        (folder / f"more-{number}.pdf").write_bytes(sample_documents.text_pdf(1))
    one = config_of(folder, stages={"local_pages": 1, "local_plan_s": 60})
    large = planner(one, folder.parent / "plan")
    assert large.wait_if_small() is None
    planned = large.wait()
    assert planned is not None
    assert planned.summary.todo.rows == 44


def test_an_error_of_the_listing_is_raised(folder: Path) -> None:
    config = config_of(folder / "gone.jsonl")
    config = config.model_copy(update={"inputs": (f"@{folder / 'gone.jsonl'}",)})
    with pytest.raises(ConfigError, match=r"gone\.jsonl"):
        planner(config, folder.parent / "plan").wait()


def test_a_job_with_nothing_to_do_starts_no_ray(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connected(*_: object) -> None:
        raise AssertionError("Ray is started")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray_cluster, "connected", connected)
    config = config_of(folder)
    recipe = make_recipe(config, "fake")
    paths = (folder / "bad.pdf", folder / "good.pdf")
    plan = job_stages.plan_of(config, *paths, recipe_hash=recipe.hash())
    rows = asyncio.run(job_stages.results(config, recipe, plan))
    pages, _ = shards.prepare_folder(config.output)
    shards.write_pages(pages / "part-a.parquet", config.parquet, rows)
    lines: list[str] = []
    receipt = run.run(config, lines.append)
    assert lines == ["planned: 2 documents (1 cannot be opened), 3 pages, 0 to do, 4 done before"]
    assert (receipt.rows, receipt.rows_before) == ({}, {"ok": 3, "failed": 1})
    assert receipt.failed == 1
    forecast = run.forecast(config, lines.append)
    assert (forecast.plan.todo.rows, forecast.engine) == (0, "fake")


@pytest.mark.parametrize("place", ["config", "environment"])
def test_a_cluster_plans_itself(folder: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert may_plan_here(config_of(folder))
    if place == "environment":
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    address = "127.0.0.1:6379" if place == "config" else ""
    assert not may_plan_here(config_of(folder, ray={"address": address}))


@pytest.mark.parametrize("text", ["s3://bucket/in/", "https://example.com/a.pdf", "@list.txt"])
def test_what_may_have_to_be_fetched_is_planned_on_ray(
    folder: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    config = config_of(folder).model_copy(update={"inputs": (str(folder), text)})
    assert not may_plan_here(config)
