from __future__ import annotations

import gc
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from pipeline.errors import JobError, PageError
from pipeline.job import ray_cluster
from pipeline.job.ray_data import chains, engine_pool, private
from pipeline.job.ray_data.actors import SharedState
from pipeline.job.ray_data.shard_writer import ShardWriter, drain
from pipeline.job.stages.records import PlannedPage, PreparedPage
from pipeline.job.stages.render import Render
from pipeline.output import schema
from pipeline.output import shards as sink
from pipeline.output.totals import PlanSummary, Summary
from pipeline.types import PageResult
from tests.support import job_process, sample_documents


@pytest.fixture(scope="module")
def local_ray(head: job_process.Head) -> Iterator[None]:
    with ray_cluster.connected(RayConfig(address=head.address)):
        chains.configure(OcrOptions(output="o", engine={"kind": "fake"}))
        yield


def drained(
    plan: Path,
    todo: int,
    options: OcrOptions,
    folder: Path,
    prefix: str = "p",
    config: OutputConfig = OutputConfig(),  # noqa: B008 - frozen
    **more: Any,
) -> tuple[Summary, SharedState]:
    """Run the chain of a plan and write its rows; their sum, and what the workers reported."""
    shared, written = SharedState(2), Summary()
    with shared.settled(folder, f"{prefix}-settled", config, written) as taker:
        recipe = make_recipe(options, "fake")
        chain = chains.recognise_pages(plan, todo, options, recipe, shared, taker, **more)
        drain(chain, folder, prefix, config, sink.write_pages, written)
    return written, shared


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
    chain = chains.plan_pages(found, options, make_recipe(options, "fake"), SharedState(2))
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
    pages = sink.pages_folder(options.output)
    config = OutputConfig(pages_per_file=12)
    written, shared = drained(plan, summary.todo.rows, options, pages, "part-x", config)
    assert written.written == summary.todo
    assert written.statuses == {"ok": 25, "failed": 1}
    names = sorted(path.name for path in pages.glob("*.parquet"))
    assert names[-1] == "part-x-settled-000000.parquet"
    assert names[:-1] == [f"part-x-{n:06}.parquet" for n in range(len(names) - 1)]
    assert 1 < len(names) <= 4, "a few files of about 12 rows, never one file a page"
    assert all(pq.read_schema(pages / name).equals(schema.PAGES) for name in names)
    stages = shared.stages()
    assert {name: (stage.pages, stage.finished) for name, stage in stages.items()} == {
        "render": (26, 1),
        "recognise": (25, 25),
    }


def test_rendering_is_not_fused_into_the_engine(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    recipe, shared, plan = make_recipe(options, "fake"), SharedState(2), tmp_path / "plan"
    plan.mkdir()
    rows = pa.concat_tables([pq.read_table(shard) for shard in planned[0].glob("*.parquet")])
    for number in range(2):
        pq.write_table(rows.slice(13 * number, 13), plan / f"plan-{number}.parquet")
    with shared.settled(tmp_path, "p", OutputConfig(), Summary()) as taker:
        chain = chains.recognise_pages(plan, 26, options, recipe, shared, taker)
        for bundle in private.ref_bundles(chain):
            bundle.destroy_if_owned()
    operators = re.findall(r"^Operator \d+ (.+?):", chain.stats(), re.MULTILINE)
    assert [re.sub(r"\[.*?\]", "", name) for name in operators] == [
        "FromBlocks",  # a plan of one shard would come from here
        "MapBatches(_read_shard)->StreamingRepartition",
        "MapBatches(Render)",
        "MapBatches(Recognise)",
    ]


def test_pages_that_are_all_settled_come_to_no_engine(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    only = options.model_copy(update={"text_layer": "only"})
    written, shared = drained(planned[0], 26, only, tmp_path)
    assert written.written == planned[1].todo
    assert written.sources == {"text_layer": 25, "none": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["p-settled-000000.parquet"]
    assert list(shared.stages()) == ["render"]


def test_the_driver_keeps_nothing_for_each_block(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    one = options.model_copy(
        update={"stages": options.stages.model_copy(update={"pages_per_task": 1})}
    )
    drained(planned[0], 26, one, tmp_path)
    # Ray Data has them for 26 blocks of 3 stages else.
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


def test_a_job_that_lost_its_lock_has_no_shard_written(local_ray: None, tmp_path: Path):
    def check() -> None:
        raise JobError("the lock was taken over")

    config = OutputConfig(pages_per_file=1)
    writes = ShardWriter(tmp_path, "p", config, sink.write_pages, Summary(), check)
    with pytest.raises(JobError, match="taken over"):
        writes.add([ray.put(pa.table({"n": [1]}))], 1)
    assert not list(tmp_path.iterdir())


def test_what_many_tasks_read_is_read_once(local_ray: None, tmp_path: Path):
    def read(folder: Path) -> int:
        (folder / f"read-{time.monotonic_ns()}").touch()
        return 7

    def with_shared(block: pa.Table, shared: Any) -> pa.Table:
        return block.append_column("found", pa.array([shared()] * len(block)))

    shared = chains._Shared(read, 0.1, tmp_path)
    blocks = [pa.table({"n": [number]}) for number in range(4)]
    chain = private.from_blocks(blocks).map_batches(
        with_shared, fn_args=(shared,), batch_format="pyarrow", num_cpus=0.1
    )
    assert [row["found"] for row in chain.take_all()] == [7] * 4
    assert len(list(tmp_path.iterdir())) == 1


def test_a_stage_may_reserve_gpus(
    planned: tuple[Path, PlanSummary],
    options: OcrOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    spec = replace(SPECS["fake"], resources=lambda config: Resources(gpus=1.0))
    monkeypatch.setitem(SPECS, "fake", spec)
    recipe = make_recipe(options, "fake")
    shared = SharedState(2)
    with shared.settled(tmp_path, "p", OutputConfig(), Summary()) as taker:
        chain = chains.recognise_pages(planned[0], 26, options, recipe, shared, taker)
    assert chain is not None


def test_a_shard_that_cannot_be_written_ends_the_job(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    with pytest.raises(JobError, match="cannot write"):
        drained(planned[0], 26, options, tmp_path / "gone")


def test_a_job_whose_state_is_lost_ends_with_what_to_do(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    only = options.model_copy(update={"text_layer": "only"})
    shared, written = SharedState(2), Summary()

    def run() -> None:
        with shared.settled(tmp_path, "p", OutputConfig(), written) as taker:
            recipe = make_recipe(only, "fake")
            chain = chains.recognise_pages(planned[0], 26, only, recipe, shared, taker)
            ray.kill(shared._actor)
            drain(chain, tmp_path, "p", OutputConfig(), sink.write_pages, written)

    with pytest.raises(JobError, match="run the command again"):
        run()
    assert not list(tmp_path.iterdir())


def test_pages_that_have_a_row_by_now_are_left_out(
    planned: tuple[Path, PlanSummary], options: OcrOptions, tmp_path: Path
):
    done, half = tmp_path / "pages", tmp_path / "half"
    done.mkdir()
    half.mkdir()
    config = OutputConfig(pages_per_file=10)
    some = pa.concat_tables([pq.read_table(shard) for shard in planned[0].glob("*.parquet")])[:10]
    pq.write_table(some, half / "plan-0.parquet")
    first, _ = drained(half, 10, options, done, "a", config)
    assert first.written.rows == 10
    left = 26 - 10
    second, _ = drained(planned[0], left, options, done, "b", config, done=done)
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

        def _viewed(
            self, page: PlannedPage, view: PageView | PageError
        ) -> PageResult | PreparedPage:
            if page.ref.page == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return super()._viewed(page, view)

    monkeypatch.setattr(chains, "Render", DyingRender)
    written, _ = drained(planned[0], 26, options, tmp_path)
    assert written.written == planned[1].todo
    rows = [row for shard in tmp_path.glob("*.parquet") for row in pq.read_table(shard).to_pylist()]
    assert [row["page"] for row in rows if row["error_kind"] == "crash"] == [3]
    assert written.statuses == {"ok": 24, "failed": 2}


def test_the_buffer_grows_with_the_engines_and_can_be_set(options: OcrOptions, local_ray: None):
    hungry = options.engine.model_copy(update={"pages_in_flight": 300, "workers": 2})
    assert engine_pool.buffer_mib(options.model_copy(update={"engine": hungry})) == 2 * 600 * 8
    lazy = options.engine.model_copy(update={"pages_in_flight": 1})
    assert engine_pool.buffer_mib(options.model_copy(update={"engine": lazy})) == 1024
    stages = options.stages.model_copy(update={"buffer_mib": 99})
    assert engine_pool.buffer_mib(options.model_copy(update={"stages": stages})) == 99


def test_engines_are_added_up_to_their_maximum(options: OcrOptions, local_ray: None):
    engine = options.engine.model_copy(update={"max_workers": 5})
    growing = engine_pool.engine_pool(engine, 2, 8)
    assert (growing.min_size, growing.max_size) == (1, 5)
    fixed = engine_pool.engine_pool(options.engine, 2, 8)
    assert (fixed.min_size, fixed.max_size) == (1, 2)


def test_resources_of_the_stages_leave_room_on_two_cpus(local_ray: None, options: OcrOptions):
    stage = options.stages
    assert ray_cluster.cpus() == 2
    engines = engine_pool.engine_workers(options.engine.model_copy(update={"workers": 0}))
    reserved = engines * 0.7 + 2 * stage.render_cpus + stage.write_cpus
    assert engines == 2
    assert reserved <= 2 + 1e-9
    assert ray.is_initialized()
