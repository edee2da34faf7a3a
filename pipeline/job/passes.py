"""The two passes of a job: plan, then recognise and copy. `pipeline.job.run` calls them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.config import OcrConfig
from pipeline.engines.registry import choose_engine, spec_of
from pipeline.job import ray_cluster
from pipeline.job.local_pass import Settled
from pipeline.job.progress import Progress
from pipeline.job.ray_data import chains, fit, shard_tasks
from pipeline.job.ray_data.actors import SharedState
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.ray_data.shard_writer import StalledError, drain
from pipeline.job.report import planned_line
from pipeline.job.stages.settled import Check, unchecked
from pipeline.job.task import Log, Task
from pipeline.output import shards
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import AnyPath
from pipeline.types import Route


@dataclass(frozen=True, slots=True)
class Job(Task):
    """What both passes of a job share: the task, and what runs it.

    Attributes:
        shared: What its workers report to.
        prefix: The first part of the names of its shards, unique to this run.
        log: Takes messages for the user.
        check: Raises `JobError` where another job has the output's lock. It can be pickled.
    """

    shared: SharedState
    prefix: str
    log: Log
    check: Check = unchecked

    @classmethod
    def start(cls, config: OcrConfig, log: Log, check: Check = unchecked) -> Job:
        """Begin a job on the Ray that this process is connected to.

        Args:
            config: The job.
            log: Takes messages for the user.
            check: See `Job`.

        Raises:
            ConfigError: The engine does not know the task, or finds no room on this machine.
        """
        kind = choose_engine(config.engine, has_gpu=ray_cluster.has_gpu())
        if config.engine.kind == "auto":
            log(f"engine: {kind} (engine.kind auto)")
        task = Task.of(config, kind)
        if sharing := shared_gpu(spec_of(task.config.engine).resources(task.config.engine).gpus):
            log(sharing)
        if task.recipe.text_layer != "only":
            machines, is_own = ray_cluster.machines(), not config.ray.cluster()
            if waiting := fit.check(task.config, machines, is_own=is_own):
                log(waiting)
        chains.configure(task.config)
        return cls(
            config=task.config,
            recipe=task.recipe,
            listing=task.listing,
            shared=SharedState(config.stages.max_lone_deaths),
            prefix=shards.new_prefix(),
            log=log,
            check=check,
        )

    def plan(self, folder: AnyPath) -> PlanSummary:
        """Write the plan into a folder; after a stall a second time.

        Raises:
            JobError: The plan cannot be written, or it stalled twice.
        """
        try:
            return self._planned(folder)
        except StalledError as stalled:
            self.log(f"{stalled.args[0]}; planning again")
            shards.clear_plan(folder)
            return self._planned(folder)

    def _planned(self, folder: AnyPath) -> PlanSummary:
        found = chains.list_documents(self.listing, self.shared, self.config.stages.write_cpus)
        chain = chains.plan_pages(found, self.config, self.recipe, self.shared)
        with self.progress("plan", ("plan",), 0):
            write, total = shards.write_plan, PlanSummary()
            return drain(chain, folder, "plan", self.config.parquet, write, total, self.check)

    def recognise(
        self, plan: AnyPath, pages: AnyPath, planned: PlanSummary, settled: Settled
    ) -> Summary:
        """Write a row for everything in the plan that has none yet.

        Args:
            plan: Folder of the plan.
            pages: Folder of the output's shards.
            planned: Sums of the plan.
            settled: What was done of it in the driver.

        Returns:
            Sums of all rows of the plan, those of `settled` included.

        Raises:
            ConfigError: A worker cannot be started with this config.
            JobError: Rows cannot be written, or two attempts in a row stalled without progress.
        """
        todo, duplicates = planned.todo.rows, settled.duplicates
        if duplicates is None:
            duplicates = shard_tasks.find_duplicates(plan, self.config) if todo else Duplicates()
            self.log(planned_line(planned, planned.routes[Route.COPY] + duplicates.rows))
        copies = 0 if duplicates.are_read else planned.routes[Route.COPY] + duplicates.rows
        if not todo:
            return Summary()
        if self.config.retry == "failed":
            self.check()
            shard_tasks.delete_failed_rows(plan, pages, self.config)
        written = Summary()
        written.merge(settled.written)
        done = settled.written.written.rows
        if left := todo - copies - done:
            since = pages if done else None
            one_pass = RecognisePass(self, plan, pages, self.prefix, duplicates, since)
            written.merge(one_pass.run(left))
        if copies:
            written.merge(self._copy(plan, pages, copies, duplicates))
        return written

    def _copy(self, plan: AnyPath, pages: AnyPath, copies: int, duplicates: Duplicates) -> Summary:
        self.check()
        written = shard_tasks.copy(plan, pages, self.prefix, duplicates, self.config)
        if left := copies - written.written.rows:
            # Their document could not be fetched under its other URI: each is read under its own.
            every = Duplicates(are_read=True)
            one_pass = RecognisePass(self, plan, pages, f"{self.prefix}-own", every, pages)
            written.merge(one_pass.run(left))
        return written

    def progress(self, verb: str, stages: Collection[str], total: int) -> Progress:
        """Shows how far the stages of a pass are; `total` pages, 0 where that is not known."""
        interval_s = self.config.progress.interval_s
        return Progress(verb, stages, total, self.shared.stages, sys.stderr, interval_s)


def shared_gpu(gpus: float) -> str:
    """What the job says of engines that share a GPU, "" where none do.

    Args:
        gpus: GPUs that one engine reserves.
    """
    if not 0 < gpus < 1:
        return ""
    return f"{int(1 / gpus + 1e-9)} engines share a GPU; they start one after the other"


@dataclass(frozen=True, slots=True)
class RecognisePass:
    """The second pass over one part of a plan.

    Attributes:
        job: The job.
        plan: Folder of the plan.
        pages: Folder of the output's shards.
        prefix: The first part of the names of its shards.
        duplicates: Decides which of the plan's pages it reads.
        done: Where rows are that were written since the plan was made; None: nowhere.
    """

    job: Job
    plan: AnyPath
    pages: AnyPath
    prefix: str
    duplicates: Duplicates
    done: AnyPath | None = None

    def run(self, todo: int) -> Summary:
        """Read the pages, `todo` of them.

        Raises:
            JobError: Rows cannot be written, or two attempts in a row stalled without progress.
        """
        try:
            return self._once(todo, self.prefix, self.done)
        except StalledError as stalled:
            return self._resume(todo, stalled)

    def _resume(self, todo: int, stalled: StalledError) -> Summary:
        """Start what is left again, until all is done or two runs in a row did nothing."""
        before = -1
        for number in itertools.count(2):
            # Counted on disk: the result of a shard's write may have been lost.
            written = shards.read_summary(self.pages, self.prefix)
            left = todo - written.written.rows
            if not left:
                return written
            if written.written.rows == before:
                raise stalled
            before = written.written.rows
            stall_s = self.job.config.stages.stall_s
            self.job.log(f"no page was finished for {stall_s:g} s; {left} pages are started again")
            try:
                self._once(left, f"{self.prefix}-{number}", self.pages)
            except StalledError as again:
                stalled = again
        raise AssertionError("unreachable")

    def _once(self, todo: int, prefix: str, done: AnyPath | None) -> Summary:
        job, config, written = self.job, self.job.config, Summary()
        with (
            job.progress("recognise", ("render", "recognise"), todo),
            job.shared.settled(
                self.pages, f"{prefix}-settled", config.parquet, written, job.check
            ) as sink,
        ):
            chain = chains.recognise_pages(
                self.plan,
                todo,
                config,
                job.recipe,
                job.shared,
                sink,
                self.duplicates,
                done,
            )
            write = shards.write_pages
            drain(chain, self.pages, prefix, config.parquet, write, written, job.check)
        return written
