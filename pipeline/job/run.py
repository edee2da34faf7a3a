"""One job from its config to its receipt: list, plan, run, sum up."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.config import OcrConfig, Recipe
from pipeline.engines.registry import spec_of
from pipeline.errors import JobError
from pipeline.job import lock, ray_cluster
from pipeline.job.passes import Job, Log
from pipeline.job.ray_data import shard_tasks
from pipeline.job.signals import redeliver_signals
from pipeline.output import receipt, shards
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.document_cache import clear_abandoned
from pipeline.storage.paths import AnyPath, output_path
from pipeline.types import Route


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
    """Recognise all pages that have no row yet.

    Args:
        config: The job.
        log: Takes messages for the user.

    Raises:
        ConfigError: Wrong usage.
        JobError: Ray does not start, the output cannot be written, or rows out are not pages in.
    """
    begin = time.monotonic()
    with ray_cluster.connected(config.ray), _locked(config, log) as check, redeliver_signals():
        if config.overwrite:
            shards.clear(config.output, config.store)
        job = Job.start(config, log)
        pages, plan = shards.prepare_folder(job.config.output, config.store)
        planned = job.plan(plan)
        run_begin = time.monotonic()
        written = job.recognise(plan, pages, planned)
        _assert_complete(planned, written)
        check()
        finished = receipt.make(
            plan=planned,
            written=written,
            stages=job.metrics.stages(),
            files_left_out=job.metrics.left_out(),
            wall_s=time.monotonic() - begin,
            run_s=time.monotonic() - run_begin,
            driver_peak_mib=_peak_mib(),
            gpus_per_engine=spec_of(job.config.engine).resources(job.config.engine).gpus,
            gpu_hour_price=config.gpu_hour_price,
            recipe_hash=job.recipe.hash(),
            recipe=job.recipe.model_dump(mode="json"),
        )
    clear_abandoned()  # of the workers that ended with this job's own Ray
    output = output_path(config.output, config.store)
    if finished.rows or not (output / receipt.FILE_NAME).exists():
        _write(finished, output)  # else the receipt of the run that wrote the rows stays
    return finished


@contextmanager
def _locked(config: OcrConfig, log: Log) -> Iterator[Callable[[], None]]:
    """Hold the output's lock for the time inside; yields a check that it is still held."""
    place = output_path(config.output, config.store)
    if isinstance(place, Path):
        shards.make_folder(place)
    with lock.held(place, config.lock, log) as held:
        yield held.check if held else lambda: None


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
    with ray_cluster.connected(config.ray), TemporaryDirectory(prefix="rayscribe-plan-") as folder:
        job = Job.start(config, log)
        planned = job.plan(Path(folder))
        duplicates = shard_tasks.find_duplicates(Path(folder), job.config)
        copies = planned.routes[Route.COPY] + duplicates.rows
        output = output_path(config.output, config.store)
        seconds, basis = _estimate(output, job.recipe, planned)
        return Forecast(
            planned, copies, job.recipe.engine, dict(job.metrics.left_out()), seconds, basis
        )


def _assert_complete(planned: PlanSummary, written: Summary) -> None:
    """Pages in equals rows out: the same number, and the same ids."""
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
