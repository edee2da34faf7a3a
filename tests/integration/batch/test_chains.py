from __future__ import annotations

import gc
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from ray.data.block import BlockStats

from pipeline.config import OcrOptions, OutputConfig, RayConfig
from pipeline.documents.look import PageView
from pipeline.engines.base import Resources
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS
from pipeline.job import ray_cluster
from pipeline.job.ray_data import chains, engine_pool, private
from pipeline.job.ray_data.actors import SharedMetrics, SharedQuarantine
from pipeline.job.ray_data.shard_writer import ShardWriter, drain
from pipeline.job.stages.records import PlannedPage
from pipeline.job.stages.render import Render
from pipeline.output import schema
from pipeline.output import shards as sink
from pipeline.output.totals import PlanSummary, Summary
from tests.support import job_process, sample_documents


@pytest.fixture(scope="module")
def local_ray(head: job_process.Head) -> Iterator[None]:
    with ray_cluster.connected(RayConfig(address=head.address)):
        chains.configure(OcrOptions(output="o", engine={"kind": "fake"}))
        yield


def quarantine() -> SharedQuarantine:
    return SharedQuarantine(2)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> OcrOptions:
    output = tmp_path_factory.mktemp("out")
    return OcrOptions(output=str(output), engine={"kind": "fake", "workers": 2}, text_layer="never")


@pytest.fixture(scope="module")
def planned(
    local_ray: None, options: OcrOptions, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, PlanSummary]:
    folder = tmp_path_factory.mktemp("in")
    (folder / "long.pdf").write_bytes(sample_documents.text_pdf(23))
    (folder / "short.pdf").write_bytes(sample_documents.text_pdf(2))
    (folder / "bad.pdf").write_bytes(b"no document")
    rows = [{"uri": str(path), "size_bytes": 1} for path in sorted(folder.iterdir())]
    found = ray.data.from_arrow(pa.Table.from_pylist(rows))
    _, plan = sink.prepare_folder(options.output)
    metrics = SharedMetrics()
    chain = chains.plan_pages(
        found, options, make_recipe(options, "fake"), metrics.send(), quarantine()
    )
    config = OutputConfig(pages_per_file=10)
    return plan, drain(chain, plan, "plan", config, sink.write_plan, PlanSummary())


def test_the_plan_has_every_page(planned: tuple[Path, PlanSummary]):
    folder, summary = planned
    rows = pa.concat_tables([pq.read_table(shard) for shard in folder.glob("*.parquet")])
    assert rows.num_rows == 26
    assert len(set(rows["page_id"].to_pylist())) == 26
    assert (summary.documents, summary.unreadable, summary.todo.rows) == (3, 1, 26)


def test_all_planned_pages_become_rows(planned: tuple[Path, PlanSummary], options: OcrOptions):
    plan, summary = planned
    recipe = make_recipe(options, "fake")
    metrics = SharedMetrics()
    chain = chains.recognise_pages(
        plan, summary.todo.rows, options, recipe, metrics.send(), quarantine()
    )
    pages = sink.pages_folder(options.output)
    config = OutputConfig(pages_per_file=12)
    written = drain(chain, pages, "part-x", config, sink.write_pages, Summary())
    assert written.written == summary.todo
    assert written.statuses == {"ok": 25, "failed": 1}
    shards = sorted(pages.glob("*.parquet"))
    assert [shard.name for shard in shards] == [
        f"part-x-{n:06}.parquet" for n in range(len(shards))
    ]
    assert 1 < len(shards) <= 3, "a few files of about 12 rows, never one file a page"
    assert all(pq.read_schema(shard).equals(schema.PAGES) for shard in shards)
    stages = metrics.stages()
    assert {name: stage.pages for name, stage in stages.items()} == {
        "render": 26,
        "prepare": 26,
        "recognise": 26,
    }


def test_drawing_is_not_fused_into_the_engine(
    planned: tuple[Path, PlanSummary], options: OcrOptions
):
    recipe = make_recipe(options, "fake")
    metrics = SharedMetrics()
    chain = chains.recognise_pages(planned[0], 26, options, recipe, metrics.send(), quarantine())
    for bundle in private.ref_bundles(chain):
        bundle.destroy_if_owned()
    operators = re.findall(r"^Operator \d+ (.+?):", chain.stats(), re.MULTILINE)
    assert [re.sub(r"\[.*?\]", "", name) for name in operators] == [
        "FromArrow",
        "MapBatches(read_plan)->StreamingRepartition",
        "MapBatches(Render)",
        "MapBatches(Prepare)",
        "MapBatches(Recognise)",
    ]


def test_the_driver_keeps_nothing_for_each_block(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    one = options.model_copy(
        update={"stages": options.stages.model_copy(update={"pages_per_task": 1})}
    )
    send = SharedMetrics().send()
    recipe = make_recipe(options, "fake")
    chain = chains.recognise_pages(planned[0], 26, one, recipe, send, quarantine())
    drain(chain, tmp_path, "p", OutputConfig(), sink.write_pages, Summary())
    # Ray Data has them for 26 blocks of 4 stages else.
    assert sum(type(each) is BlockStats for each in gc.get_objects()) < 26


def test_the_rows_of_a_shard_leave_the_driver_when_it_is_written(local_ray: None, tmp_path: Path):
    def write(path: Path, config: OutputConfig, *tables: pa.Table) -> Summary:
        path.touch()
        return Summary()

    writes = ShardWriter(tmp_path, "p", OutputConfig(pages_per_file=1), write, Summary())
    core = ray._private.worker.global_worker.core_worker
    ref = ray.put(pa.table({"n": [1]}))
    name = ref.hex().encode()
    assert name in core.get_all_reference_counts()
    writes.add([ref], 1)
    del ref
    deadline = time.monotonic() + 60
    while writes._pending and time.monotonic() < deadline:
        time.sleep(0.1)
        writes.add([], 0)  # as the next block comes, long before the next shard is full
    assert not writes._pending, "a result keeps what its write was called with"
    assert name not in core.get_all_reference_counts()
    assert [path.name for path in tmp_path.iterdir()] == ["p-000000.parquet"]


def test_a_stage_may_reserve_gpus(
    planned: tuple[Path, PlanSummary], options: OcrOptions, monkeypatch: pytest.MonkeyPatch
):
    spec = replace(SPECS["fake"], resources=lambda config: Resources(gpus=1.0))
    monkeypatch.setitem(SPECS, "fake", spec)
    recipe = make_recipe(options, "fake")
    send = SharedMetrics().send()
    assert chains.recognise_pages(planned[0], 26, options, recipe, send, quarantine()) is not None


def test_a_shard_that_cannot_be_written_ends_the_job(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    from pipeline.errors import JobError

    recipe = make_recipe(options, "fake")
    chain = chains.recognise_pages(
        planned[0], 26, options, recipe, SharedMetrics().send(), quarantine()
    )
    with pytest.raises(JobError, match="cannot write"):
        drain(chain, tmp_path / "gone", "p", OutputConfig(), sink.write_pages, Summary())


def test_pages_that_have_a_row_by_now_are_left_out(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    recipe = make_recipe(options, "fake")
    send, done = SharedMetrics().send(), tmp_path / "pages"
    done.mkdir()
    config = OutputConfig(pages_per_file=10)
    half = tmp_path / "half"
    half.mkdir()
    some = pa.concat_tables([pq.read_table(shard) for shard in planned[0].glob("*.parquet")])[:10]
    pq.write_table(some, half / "plan-0.parquet")
    chain = chains.recognise_pages(half, 10, options, recipe, send, quarantine())
    first = drain(chain, done, "a", config, sink.write_pages, Summary())
    assert first.written.rows == 10
    left = 26 - 10
    chain = chains.recognise_pages(planned[0], left, options, recipe, send, quarantine(), done=done)
    second = drain(chain, done, "b", config, sink.write_pages, Summary())
    assert second.written.rows == left
    assert sink.read_summary(done, "b").written == second.written
    first.merge(second)
    assert first.written == planned[1].todo


def test_a_page_that_crashes_its_worker_while_drawn_gets_a_row(
    planned: tuple[Path, PlanSummary],
    options: OcrOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    class DyingRender(Render):
        """Its process is killed each time at the third page of the long document."""

        def _view(self, page: PlannedPage, path: str) -> PageView:
            if page.ref.page == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._view(page, path)

    monkeypatch.setattr(chains, "Render", DyingRender)
    recipe = make_recipe(options, "fake")
    send = SharedMetrics().send()
    chain = chains.recognise_pages(planned[0], 26, options, recipe, send, quarantine())
    written = drain(chain, tmp_path, "p", OutputConfig(), sink.write_pages, Summary())
    assert written.written == planned[1].todo
    [shard] = tmp_path.glob("*.parquet")
    rows = pq.read_table(shard, columns=["page", "error_kind"]).to_pylist()
    assert [row["page"] for row in rows if row["error_kind"] == "crash"] == [3]
    assert written.statuses == {"ok": 24, "failed": 2}


def test_the_buffer_grows_with_the_engines_and_can_be_set(options: OcrOptions, local_ray: None):
    hungry = options.engine.model_copy(update={"pages_in_flight": 300, "workers": 2})
    assert engine_pool.buffer_mib(options.model_copy(update={"engine": hungry})) == 2 * 600 * 8
    lazy = options.engine.model_copy(update={"pages_in_flight": 1})
    assert engine_pool.buffer_mib(options.model_copy(update={"engine": lazy})) == 1024
    stages = options.stages.model_copy(update={"buffer_mib": 99})
    assert engine_pool.buffer_mib(options.model_copy(update={"stages": stages})) == 99


def test_engines_are_added_up_to_their_most(options: OcrOptions, local_ray: None):
    engine = options.engine.model_copy(update={"max_workers": 5})
    growing = engine_pool.engine_pool(engine, 2, 8)
    assert (growing.min_size, growing.max_size) == (2, 5)
    fixed = engine_pool.engine_pool(options.engine, 2, 8)
    assert (fixed.min_size, fixed.max_size) == (2, 2)


def test_resources_of_the_stages_leave_room_on_two_cpus(local_ray: None, options: OcrOptions):
    stage = options.stages
    assert ray_cluster.cpus() == 2
    engines = engine_pool.engine_workers(options.engine.model_copy(update={"workers": 0}))
    reserved = engines * 0.7 + stage.render_cpus + stage.prepare_cpus + stage.write_cpus
    assert engines == 2
    assert reserved <= 2 + 1e-9
    assert ray.is_initialized()
