"""One job from its config to its receipt: list, plan, run, sum up."""

from __future__ import annotations

import itertools
import json
import resource
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.config import OcrConfig, Recipe
from pipeline.documents.listing import Listing
from pipeline.documents.passwords import absolute_files
from pipeline.engines import base
from pipeline.errors import ConfigError, JobError
from pipeline.job import lock, ray_cluster
from pipeline.job.progress import Progress
from pipeline.job.ray_data import chains, shard_tasks
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.signals import redeliver_signals
from pipeline.output import receipt, shards
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.document_cache import clear_abandoned
from pipeline.storage.paths import Place, absolute, place_of
from pipeline.types import Route

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What `--dry-run` tells.

    Attributes:
        plan: Sums of the plan.
        copies: Rows of pages whose bytes are read under another name.
        engine: The engine that would run.
        seconds: Estimate for the pages that are left, None where nothing was measured.
        basis: What the estimate rests on.
    """

    plan: PlanSummary
    copies: int
    engine: str
    files_left_out: dict[str, int]
    seconds: float | None
    basis: str


def run(config: OcrConfig, say: Say) -> receipt.Receipt:
    """Recognise all pages that have no row yet.

    Args:
        config: The job.
        say: Takes lines for the person who waits.

    Raises:
        ConfigError: Wrong usage.
        JobError: Ray does not start, the output cannot be written, or rows out are not pages in.
    """
    begin = time.monotonic()
    with ray_cluster.connected(config.ray), _alone(config, say) as check, redeliver_signals():
        if config.overwrite:
            shards.clear(config.output, config.store)
        session = _Session.start(config, say)
        pages, plan = shards.prepare_folder(session.config.output, config.store)
        planned = session.plan(plan)
        run_begin = time.monotonic()
        written = session.recognise(plan, pages, planned)
        _assert_complete(planned, written)
        check()
        finished = receipt.make(
            plan=planned,
            written=written,
            stages=session.metrics.stages(),
            files_left_out=session.metrics.left_out(),
            wall_s=time.monotonic() - begin,
            run_s=time.monotonic() - run_begin,
            driver_peak_mib=_peak_mib(),
            recipe_hash=session.recipe.hash(),
            recipe=session.recipe.model_dump(mode="json"),
        )
    clear_abandoned()  # of the workers that ended with this job's own Ray
    output = place_of(config.output, config.store)
    if finished.rows or not (output / receipt.FILE_NAME).exists():
        _write(finished, output)  # else the receipt of the run that did it stays
    return finished


@contextmanager
def _alone(config: OcrConfig, say: Say) -> Iterator[Callable[[], None]]:
    """Keep other jobs off the output for the time inside; yields what checks that it worked."""
    place = place_of(config.output, config.store)
    if isinstance(place, Path):
        shards.make_folder(place)
    with lock.held(place, config.lock, say) as held:
        yield held.check if held else lambda: None


def _write(finished: receipt.Receipt, output: Place) -> None:
    try:
        finished.write(output)
    except OSError as error:
        raise JobError(f"cannot write {output}/{receipt.FILE_NAME}: {error}") from error


def forecast(config: OcrConfig, say: Say) -> Forecast:
    """Plan only, into a temporary folder: nothing is written to the output.

    Raises:
        ConfigError: Wrong usage.
        JobError: Ray does not start.
    """
    with ray_cluster.connected(config.ray), TemporaryDirectory(prefix="rayscribe-plan-") as folder:
        session = _Session.start(config, say)
        planned = session.plan(Path(folder))
        copies = (
            planned.routes[Route.COPY]
            + shard_tasks.find_duplicates(Path(folder), session.config).rows
        )
        output = place_of(config.output, config.store)
        seconds, basis = _estimate(output, session.recipe, planned)
        return Forecast(
            planned, copies, session.recipe.engine, dict(session.metrics.left_out()), seconds, basis
        )


@dataclass(frozen=True, slots=True)
class _Session:
    """What both passes of a job share."""

    config: OcrConfig
    recipe: Recipe
    listing: Listing
    metrics: chains.SharedMetrics
    quarantine: chains.SharedQuarantine
    prefix: str
    say: Say

    @classmethod
    def start(cls, config: OcrConfig, say: Say) -> _Session:
        kind = base.choose(config.engine, gpu=ray_cluster.has_gpu())
        if config.engine.kind == "auto":
            say(f"engine: {kind} (engine.kind auto)")
        engine = config.engine.model_copy(update={"kind": kind})
        place = absolute(config.output)
        update = {"engine": engine, "output": place} | absolute_files(config)
        config = config.model_copy(update=update)
        chains.configure(config)
        prefix = f"part-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(3)}"
        listing = Listing(config.inputs, config.input, config.store, config.attachments)
        recipe = base.recipe(config, kind)
        metrics = chains.SharedMetrics()
        quarantine = chains.SharedQuarantine(config.stages.max_lone_deaths)
        return cls(config, recipe, listing, metrics, quarantine, prefix, say)

    def plan(self, folder: Place) -> PlanSummary:
        try:
            return self._planned(folder)
        except chains.StalledError as stalled:
            self.say(f"{stalled.args[0]}; planning anew")
            shards.clear_plan(folder)
            return self._planned(folder)

    def _planned(self, folder: Place) -> PlanSummary:
        found = chains.list_documents(self.listing, self.metrics, self.config.stages.write_cpus)
        chain = chains.plan_pages(
            found, self.config, self.recipe, self.metrics.send(), self.quarantine
        )
        with self.progress("plan", 0):
            planned = chains.drain(
                chain, folder, "plan", self.config.parquet, shards.write_plan, PlanSummary()
            )
        if not planned.documents:
            raise ConfigError(f"no documents in {', '.join(self.config.inputs)}{self._endings()}")
        return planned

    def recognise(self, plan: Place, pages: Place, planned: PlanSummary) -> Summary:
        todo = planned.todo.rows
        same = shard_tasks.find_duplicates(plan, self.config) if todo else Duplicates()
        copies = planned.routes[Route.COPY] + same.rows
        self.say(
            f"planned: {planned.documents} documents, {sum(planned.routes.values())} pages, "
            f"{todo} to do{f' ({copies} are copies)' if copies else ''}, "
            f"{sum(planned.done.values())} done before"
        )
        if not todo:
            return Summary()
        if self.config.retry == "failed":
            shard_tasks.delete_failed_rows(plan, pages, self.config)
        written = Summary()
        if todo > copies:
            written.merge(_Run(self, plan, pages, self.prefix, same).read(todo - copies))
        if copies:
            copied = shard_tasks.copy(plan, pages, self.prefix, same, self.config)
            written.merge(copied)
            if left := copies - copied.written.rows:
                # Their other name could not be fetched: they are read under their own.
                own = _Run(
                    self, plan, pages, f"{self.prefix}-own", Duplicates(are_read=True), pages
                )
                written.merge(own.read(left))
        return written

    def progress(self, stage: str, total: int) -> Progress:
        interval_s = self.config.progress.interval_s
        return Progress(stage, stage, total, self.metrics.stages, sys.stderr, interval_s)

    def _endings(self) -> str:
        left_out = self.metrics.left_out()
        if not left_out:
            return ""
        endings = ", ".join(f"{count} {name}" for name, count in left_out.items())
        return f"; files not taken for their ending: {endings} (see input.suffixes)"


@dataclass(frozen=True, slots=True)
class _Run:
    """The second pass over one part of a plan.

    Attributes:
        session: The job.
        plan: Folder of the plan.
        pages: Folder of the output's shards.
        prefix: The first part of the names of its shards.
        same: Which of the plan's pages it reads.
        done: Where rows are that were written since the plan was made; None: nowhere.
    """

    session: _Session
    plan: Place
    pages: Place
    prefix: str
    same: Duplicates
    done: Place | None = None

    def read(self, todo: int) -> Summary:
        """Read the pages, `todo` of them."""
        try:
            return self._once(todo, self.prefix, self.done)
        except chains.StalledError as stalled:
            return self._go_on(todo, stalled)

    def _go_on(self, todo: int, stalled: chains.StalledError) -> Summary:
        """Start what is left afresh, until all is done or nothing gets done twice running."""
        before = -1
        for number in itertools.count(2):
            # What is on disk counts: the last words of a shard's writer may have been lost.
            written = shards.read_summary(self.pages, self.prefix)
            left = todo - written.written.rows
            if not left:
                return written
            if written.written.rows == before:
                raise stalled
            before = written.written.rows
            stall_s = self.session.config.stages.stall_s
            self.session.say(f"no page moved for {stall_s:g} s; {left} are started anew")
            try:
                self._once(left, f"{self.prefix}-{number}", self.pages)
            except chains.StalledError as again:
                stalled = again
        raise AssertionError("unreachable")

    def _once(self, todo: int, prefix: str, done: Place | None) -> Summary:
        one, config = self.session, self.session.config
        chain = chains.recognise_pages(
            self.plan, todo, config, one.recipe, one.metrics.send(), one.quarantine, self.same, done
        )
        with one.progress("recognise", todo):
            return chains.drain(
                chain, self.pages, prefix, config.parquet, shards.write_pages, Summary()
            )


def _assert_complete(planned: PlanSummary, written: Summary) -> None:
    """Pages in equals rows out: the same number, and the same ids."""
    if planned.todo != written.written:
        raise JobError(
            f"{planned.todo.rows} pages were planned and {written.written.rows} rows written, "
            "or not the same ones; run the command again, and please report this"
        )


def _estimate(output: Place, recipe: Recipe, planned: PlanSummary) -> tuple[float | None, str]:
    """Seconds for the pages that are left, from the speed of the last run of this recipe."""
    try:
        last = json.loads((output / receipt.FILE_NAME).read_bytes())
    except (OSError, ValueError):
        last = {}
    if last.get("recipe_hash") != recipe.hash() or not last.get("pages_per_s"):
        return None, "no run of this recipe in this output to measure by"
    speed = float(last["pages_per_s"])
    return planned.todo.rows / speed, f"the last run here made {speed:.2f} pages/s"


def _peak_mib() -> float:
    """Most memory that this process held, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
