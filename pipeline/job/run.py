"""One job from its config to its receipt: list, plan, run, sum up."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from pipeline.config import OcrConfig, Recipe
from pipeline.engines.registry import choose_engine, has_gpu_engine, spec_of
from pipeline.errors import ConfigError, JobError
from pipeline.job import lock
from pipeline.job.local_limits import max_job_pages, may_settle_here, takes_layers
from pipeline.job.local_pass import LocalPass, Settled
from pipeline.job.local_plan import LocalPlan, LocalPlanner, may_plan_here
from pipeline.job.ray_data import shard_tasks
from pipeline.job.report import planned_line
from pipeline.job.signals import redeliver_signals
from pipeline.job.stages.settled import Check, unchecked
from pipeline.job.task import Log, Task
from pipeline.output import receipt, shards
from pipeline.output.receipt import StageMetrics
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.document_cache import clear_abandoned
from pipeline.storage.paths import AnyPath, absolute, output_path
from pipeline.storage.paths import shards as list_shards
from pipeline.types import Route

if TYPE_CHECKING:
    from pipeline.job.passes import Job


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `--dry-run` reports.

    Attributes:
        plan: Sums of the plan. Its only routes are ocr, copy, error and skip: whether a page needs
            the engine is decided in the run, when the page is inspected.
        copies: Rows of pages whose bytes are read under another name.
        engine: The engine that would run.
        files_left_out: Files of input folders that are no documents, by ending.
        seconds: Estimate for the pages that are left, None where nothing was measured.
        basis: What the estimate is based on.
    """

    plan: PlanSummary
    copies: int
    engine: str
    files_left_out: dict[str, int]
    seconds: float | None
    basis: str


def run(config: OcrConfig, log: Log) -> receipt.Receipt:
    """Recognise all pages that have no row yet; `log` takes messages for the user.

    Raises:
        ConfigError: Wrong usage.
        JobError: Ray does not start, the output cannot be written, or rows out are not pages in.
    """
    begin = time.monotonic()
    with _locked(config, log) as check, ExitStack() as ended:
        if config.overwrite:
            shards.clear(config.output, config.store)
        pages, plan = shards.prepare_folder(absolute(config.output), config.store)
        if planner := _local_planner(config, plan, keeps_reader=takes_layers(config)):
            ended.callback(planner.close)
        # Ray is not started before it is known that an output with rows lacks some.
        early = _early(planner, bool(list_shards(pages))) if planner else None
        run = Run(config, pages, plan, begin, log, check)
        # The task says which engine `auto` is.
        if planner and early and may_settle_here(planner.task.config, early.summary):
            finished = run.settled_first(planner, early)
        elif planner and early and not early.summary.todo.rows:
            log(planned_line(early.summary, 0))
            finished = run.finished_here(planner.task, early, Settled())
        else:
            finished = run.on_ray(planner)
    clear_abandoned()  # of the workers that ended with this job's own Ray
    output = output_path(config.output, config.store)
    if finished.rows or not (output / receipt.FILE_NAME).exists():
        _write(finished, output)  # else the receipt of the run that wrote the rows stays
    return finished


@dataclass(frozen=True, slots=True)
class Run:
    """What is done with a plan, in the driver and on Ray.

    Attributes:
        config: The job.
        pages: Folder of the output's shards.
        plan: Folder of the plan.
        begin: When the job began, seconds of the monotonic clock.
        log: Takes messages for the user.
        check: Raises where the job's lock is held no more. It can be pickled.
    """

    config: OcrConfig
    pages: AnyPath
    plan: AnyPath
    begin: float
    log: Log
    check: Check

    def settled_first(self, planner: LocalPlanner, planned: LocalPlan) -> receipt.Receipt:
        """Have the driver settle pages; start Ray where that leaves any."""
        task = planner.task
        _check_found(task.config, planned)
        with LocalPass(task, self.plan, self.pages, planner.kept_reader, self.check) as local:
            self.log(planned_line(planned.summary, local.copies(planned.summary)))
            may_end_here = local.wait()
            if may_end_here and local.has_engine_pages and self.config.engine.kind == "auto":
                self.log(f"engine: {task.config.engine.kind} (engine.kind auto)")
            settled = local.finish() if may_end_here else None
            if settled and settled.written.written.rows == planned.summary.todo.rows:
                return self.finished_here(task, planned, settled)
            if settled:
                self._say_left(planned, settled)
                self.check()  # it may be why pages are left
            with _on_ray(self.config, self.log, self.check) as job:
                if not settled:
                    settled = local.finish()
                    self._say_left(planned, settled)
                return self._recognised(job, planned, settled)

    def _say_left(self, planned: LocalPlan, settled: Settled) -> None:
        """Say what went wrong with engines in the driver, if anything did."""
        if settled.problem:
            left = planned.summary.todo.rows - settled.written.written.rows
            self.log(f"{left} pages are left, and are read on Ray: {settled.problem}")

    def finished_here(self, task: Task, planned: LocalPlan, settled: Settled) -> receipt.Receipt:
        """The receipt of a job that was done in the driver: Ray is not started."""
        _check_found(task.config, planned)
        _assert_complete(planned.summary, settled.written)
        self.check()
        stages = _merged(planned.stages, settled.stages)
        written, run_s = settled.written, settled.seconds
        return _receipt(task.config, task.recipe, planned, written, stages, self.begin, run_s)

    def on_ray(self, planner: LocalPlanner | None) -> receipt.Receipt:
        """Do all on Ray; the plan may be made here while it starts."""
        with _on_ray(self.config, self.log, self.check) as job:
            return self._recognised(job, _planned(job, planner, self.plan), Settled())

    def _recognised(self, job: Job, planned: LocalPlan, settled: Settled) -> receipt.Receipt:
        begin = time.monotonic()
        written = job.recognise(self.plan, self.pages, planned.summary, settled)
        _assert_complete(planned.summary, written)
        self.check()
        stages = _merged(planned.stages, settled.stages, job.shared.stages())
        run_s = settled.seconds + time.monotonic() - begin
        return _receipt(job.config, job.recipe, planned, written, stages, self.begin, run_s)


@contextmanager
def _on_ray(config: OcrConfig, log: Log, check: Check = unchecked) -> Iterator[Job]:
    """A job on Ray, for the time inside."""
    # Ray takes more than a second to import: a job that needs none does not.
    from pipeline.job import ray_cluster
    from pipeline.job.passes import Job

    with ray_cluster.connected(config.ray), redeliver_signals():
        yield Job.start(config, log, check)


def _local_planner(
    config: OcrConfig, folder: AnyPath, *, keeps_reader: bool = False
) -> LocalPlanner | None:
    """The planner in this process; None where Ray has to plan, or to say which engine runs."""
    kind = config.engine.kind
    if not may_plan_here(config):
        return None
    if kind == "auto" and has_gpu_engine():
        return None
    task = Task.of(config, choose_engine(config.engine, has_gpu=False))
    return LocalPlanner(task, folder, keeps_reader=keeps_reader)


def _early(planner: LocalPlanner, has_rows: bool) -> LocalPlan | None:
    """The plan of a job that may need no Ray; None of others, for which Ray is started at once."""
    if has_rows:
        return planner.wait()
    return planner.wait_if_small() if max_job_pages(planner.task.config) else None


def _planned(job: Job, planner: LocalPlanner | None, folder: AnyPath) -> LocalPlan:
    """The plan that was made while Ray started, else one made on Ray."""
    planned = planner.wait() if planner else None
    if planned is None:
        summary = job.plan(folder)
        planned = LocalPlan(summary, job.shared.left_out(), {})
    _check_found(job.config, planned)
    return planned


def _check_found(config: OcrConfig, planned: LocalPlan) -> None:
    if not planned.summary.documents:
        inputs, endings = ", ".join(config.inputs), planned.files_left_out
        others = ", ".join(f"{count} {name}" for name, count in endings.items())
        suffixes = f"; not read in folders: {others} (see input.suffixes)" if others else ""
        raise ConfigError(f"no documents in {inputs}{suffixes}")


def _merged(*parts: Mapping[str, StageMetrics]) -> dict[str, StageMetrics]:
    merged: dict[str, StageMetrics] = {}
    for part in parts:
        for name, metrics in part.items():
            merged.setdefault(name, StageMetrics()).merge(metrics)
    return merged


def _receipt(
    config: OcrConfig,
    recipe: Recipe,
    planned: LocalPlan,
    written: Summary,
    stages: Mapping[str, StageMetrics],
    begin: float,
    run_s: float,
) -> receipt.Receipt:
    return receipt.make(
        plan=planned.summary,
        written=written,
        stages=stages,
        files_left_out=planned.files_left_out,
        wall_s=time.monotonic() - begin,
        run_s=run_s,
        started_at=psutil.Process().create_time(),
        driver_peak_mib=_peak_mib(),
        gpus_per_engine=spec_of(config.engine).resources(config.engine).gpus,
        gpu_hour_price=config.gpu_hour_price,
        recipe_hash=recipe.hash(),
        recipe=recipe.model_dump(mode="json"),
    )


@contextmanager
def _locked(config: OcrConfig, log: Log) -> Iterator[Check]:
    """Hold the output's lock for the time inside; yields a check that it is still held."""
    place = output_path(config.output, config.store)
    if isinstance(place, Path):
        shards.make_folder(place)
    with lock.held(place, config.lock, log) as held:
        yield held.check if held else unchecked


def _write(finished: receipt.Receipt, output: AnyPath) -> None:
    try:
        finished.write(output)
    except OSError as error:
        raise JobError(f"cannot write {output}/{receipt.FILE_NAME}: {error}") from error


def forecast(config: OcrConfig, log: Log) -> Forecast:
    """Plan only, into a temporary folder: nothing is written to the output.

    Raises:
        ConfigError: Wrong usage.
        JobError: Ray does not start.
    """
    with TemporaryDirectory(prefix="rayscribe-plan-") as name:
        folder = Path(name)
        planner = _local_planner(config, folder)
        early = planner.wait() if planner else None
        if planner and early:
            _check_found(config, early)
            return _forecast(planner.task.config, planner.task.recipe, early, folder)
        with _on_ray(config, log) as job:
            planned = _planned(job, None, folder)
            return _forecast(job.config, job.recipe, planned, folder)


def _forecast(config: OcrConfig, recipe: Recipe, planned: LocalPlan, folder: Path) -> Forecast:
    duplicates = shard_tasks.find_duplicates(folder, config)
    copies = planned.summary.routes[Route.COPY] + duplicates.rows
    seconds, basis = _estimate(output_path(config.output, config.store), recipe, planned.summary)
    return Forecast(
        planned.summary, copies, recipe.engine, dict(planned.files_left_out), seconds, basis
    )


def _assert_complete(planned: PlanSummary, written: Summary) -> None:
    """Pages in equals rows out, by number and ids."""
    if planned.todo != written.written:
        raise JobError(
            f"{planned.todo.rows} pages were planned and {written.written.rows} rows written, "
            "or not the same ones; run the command again, and please report this"
        )


def _estimate(output: AnyPath, recipe: Recipe, planned: PlanSummary) -> tuple[float | None, str]:
    """Seconds for the pages that are left, from the speed of the last run of this recipe."""
    try:
        last = json.loads((output / receipt.FILE_NAME).read_bytes())
    except (OSError, ValueError):
        last = {}
    if last.get("recipe_hash") != recipe.hash() or not last.get("pages_per_s"):
        return None, "no earlier run of this recipe in this output"
    speed = float(last["pages_per_s"])
    return planned.todo.rows / speed, f"the last run in this output did {speed:.2f} pages/s"


def _peak_mib() -> float:
    """Peak memory of this process, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
