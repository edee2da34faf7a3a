"""Plans small inputs in the driver, while Ray starts.

A plan on Ray costs seconds before its first document: processes to start, a chain to set up. Here a
thread lists and opens documents right away, with the code that Ray's workers run. If it is done
within `stages.local_plan_s`, that is the plan; if nothing is to do, Ray is not started at all. If
not, what it found is dropped, and the plan is made on Ray. A job that may do without Ray
(`pipeline.job.local_pass`) has `stages.local_s`, until it is known to have too many pages.

Only for a local Ray, whose workers see the same files as the driver, and for files of this machine:
what is fetched for a plan that is dropped would be fetched twice.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipeline.config import OcrConfig
from pipeline.documents.sandbox import SandboxClient
from pipeline.job.local_limits import max_job_pages
from pipeline.job.metrics import JobMetrics
from pipeline.job.stages.inspect import Inspect
from pipeline.job.stages.list_documents import list_documents
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.output.receipt import StageMetrics
from pipeline.output.totals import PlanSummary
from pipeline.storage import uris
from pipeline.storage.paths import AnyPath


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """A plan that was made in the driver.

    Attributes:
        summary: Sums of the plan, which is written.
        files_left_out: Files of input folders that are no documents, by ending.
        stages: What it cost.
    """

    summary: PlanSummary
    files_left_out: Counter[str]
    stages: dict[str, StageMetrics]


class LocalPlanner:
    """Makes a plan in a thread of its own, which starts with the object.

    Attributes:
        task: The job.
        kept_reader: What opened the documents, after the plan of a job that is small and has pages
            to do, if it `keeps_reader`: its process takes most of a second to start. Else None.

    Args:
        task: The job.
        folder: Where the plan goes.
        keeps_reader: Whether `close` will be called.
    """

    def __init__(self, task: Task, folder: AnyPath, *, keeps_reader: bool = False) -> None:
        self.task = task
        self.kept_reader: SandboxClient | None = None
        self._keeps_reader, self._is_closed = keeps_reader, threading.Event()
        self._folder = folder
        self._max_pages = max_job_pages(task.config)
        self._begin = time.monotonic()
        self._left_out: Counter[str] = Counter()
        self._metrics = JobMetrics()
        self._plan: LocalPlan | None = None
        self._is_large = False
        self._known, self._done = threading.Event(), threading.Event()
        self._error: Exception | None = None
        # The thread starts the reader's process, which Linux ends with it.
        self._thread = threading.Thread(target=self._run, name="local-plan", daemon=True)
        self._thread.start()

    def wait(self) -> LocalPlan | None:
        """The plan; None where it would take too long.

        Raises:
            ConfigError: The inputs name something that cannot be listed.
            JobError: The plan cannot be written.
        """
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._plan

    def wait_if_small(self) -> LocalPlan | None:
        """The plan of a job that has at most `max_job_pages` pages, None of any other.

        It returns as soon as that is known.

        Raises:
            As `wait`.
        """
        self._known.wait()
        return None if self._is_large else self.wait()

    def close(self) -> None:
        """End the reader that was kept. A plan that is being made is left to end by itself."""
        self._is_closed.set()
        if self._done.is_set():
            self._thread.join()
        if self.kept_reader is not None:
            self.kept_reader.close()

    def _run(self) -> None:
        config = self.task.config
        reader = SandboxClient(config.read, config.render, config.input)
        try:
            self._plan = self._planned(reader)
        except Exception as error:
            self._error = error
        has_pages = self._plan is not None and self._plan.summary.todo.rows > 0
        if self._keeps_reader and has_pages and not self._is_large:
            self.kept_reader = reader
        else:
            reader.close()
        self._known.set()
        self._done.set()
        if self.kept_reader is not None:
            self._is_closed.wait()  # Linux ends the reader's process with this thread

    def _planned(self, reader: SandboxClient) -> LocalPlan | None:
        tables: list[pa.Table] = []
        rows = 0
        config = self.task.config
        quarantine = Quarantine(config.stages.max_lone_deaths)
        recipe_hash = self.task.recipe.hash()
        inspect = Inspect(config, recipe_hash, self._metrics.add, quarantine, reader)
        try:
            for documents in self._documents():
                found = list(inspect(documents))
                tables += found
                rows += sum(map(len, found))
                if rows > self._max_pages:
                    self._is_large = True
                    self._known.set()
                if time.monotonic() - self._begin > self._limit_s():
                    return None
        finally:
            inspect.close()
        summary = PlanSummary()
        if tables:
            plan, size = pa.concat_tables(tables), config.parquet.pages_per_file
            for number, start in enumerate(range(0, plan.num_rows, size)):
                path = self._folder / f"plan-{number:06}.parquet"
                part = plan.slice(start, size)
                summary.merge(shards.write_plan(path, config.parquet, part))
        return LocalPlan(summary, self._left_out, self._metrics.stages())

    def _limit_s(self) -> float:
        stages = self.task.config.stages
        needs_ray = self._is_large or not self._max_pages
        return stages.local_plan_s if needs_ray else max(stages.local_plan_s, stages.local_s)

    def _documents(self) -> Iterator[pa.Table]:
        for part in self.task.listing.parts():
            yield from list_documents(part, self._left_out.update)


def may_plan_here(config: OcrConfig) -> bool:
    """Whether the job starts a Ray of its own, and its inputs are files of this machine.

    A list of inputs (``@list``) may name anything.
    """
    are_local = all(uris.is_local(text) and not text.startswith("@") for text in config.inputs)
    return are_local and not config.ray.cluster() and config.stages.local_plan_s > 0
