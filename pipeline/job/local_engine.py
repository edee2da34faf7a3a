"""Reads the few engine pages of a small job without Ray, in engine processes of the driver.

Ray's start takes 10 to 15 s of CPU time, more than some pages of an engine without a GPU. So where
few pages are left (`max_pages`), each of as many processes as Ray would run engines gets a part of
them, draws and reads them by the stages that Ray's workers run, and writes shards of its own
(`local_engine_worker`).

Whatever goes wrong here goes to Ray, and is said: a process that dies, cannot be started, cannot
start its engine or has not finished in time leaves pages without rows, and Ray then reads exactly
these, with its quarantine of pages that crash an engine. What was written counts by what is in the
shards, never by what a process said. The processes end with the driver, whatever ends it.
"""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self, cast

import pyarrow as pa

from pipeline.config import OcrConfig
from pipeline.documents.sandbox.cpus import available_cpus
from pipeline.documents.sandbox.protocol import shorten
from pipeline.engines.registry import spec_of
from pipeline.job.metrics import SendReport
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.stages.todo import plan_shards, read_plan
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.output.totals import Summary
from pipeline.storage.paths import AnyPath

_MAX_ENGINES: Final = 16
"""Processes: each has its models in memory, and takes seconds to load them."""
_START_S: Final = 2.0
"""Seconds that a process takes to start, about: one for each of these that the pages take."""
_CHUNKS_PER_ENGINE: Final = 4
"""Chunks at least, so that the engines end at about the same time."""
_GRACE_S: Final = 15.0
"""Seconds that a process gets for the pages that it is at when its time is over."""
_TIME_IS_OVER: Final = "the time for engines without Ray is over (stages.local_s)"
_MAX_SAID: Final = 4096
"""Bytes of the end of its standard error in which its last line is looked for."""
_WORKER: Final = "pipeline.job.local_engine_worker"


@dataclass(frozen=True, slots=True)
class EngineShare:
    """What one process has to do.

    Attributes:
        task: The job.
        pages: Folder of the output's shards.
        prefix: The first part of the names of its shards, unique to it.
        todo: Rows of `schema.TODO`.
        chunk: Pages that it takes at a time.
        until: It begins no chunk after this time, seconds of the monotonic clock, which the
            processes of a machine share.
        flush_s: Seconds after which what it read is written: it may be killed.
        driver_pid: The process with which it ends.
    """

    task: Task
    pages: AnyPath
    prefix: str
    todo: pa.Table
    chunk: int
    until: float
    flush_s: float
    driver_pid: int


def max_pages(config: OcrConfig) -> int:
    """The most pages that are read here, 0 for an engine that has a GPU."""
    spec, stages = spec_of(config.engine), config.stages
    if spec.resources(config.engine).gpus:
        return 0
    in_time = stages.local_s * _engines(config) / spec.page_s(config.engine)
    return int(min(stages.local_engine_pages, in_time))


def max_job_pages(config: OcrConfig) -> int:
    """The most pages of a job that may do without Ray, 0 where none may."""
    if config.retry == "failed":
        return 0  # the rows that are replaced have to be deleted before
    most = config.stages.local_pages
    return most if takes_layers(config) else min(most, max_pages(config))


def takes_layers(config: OcrConfig) -> bool:
    """Whether a text layer can be the answer to what the job asks, so that pages are looked at."""
    if config.text_layer == "only":
        return True
    return config.text_layer != "never" and config.task in ("markdown", "text")


def read_rest(
    task: Task, plan: AnyPath, pages: AnyPath, duplicates: Duplicates, send: SendReport
) -> tuple[Summary, str]:
    """Read the pages of a plan that have no row yet, as far as that goes.

    Args:
        task: The job.
        plan: Folder of the plan.
        pages: Folder of the output's shards.
        duplicates: Which pages are read, and which copied.
        send: Takes the reports of the stages, from several threads.

    Returns:
        Sums of the rows that were written, and why pages may be left, "" for no reason.
    """
    store = task.config.store
    todo = pa.concat_tables(read_plan(plan_shards(plan), store, duplicates, pages))
    prefix = f"{shards.new_prefix()}-engine"
    problem = _read(list(_shares(task, pages, prefix, todo)), send)
    done = shards.read_summary(pages, prefix)
    if not problem and done.written.rows < todo.num_rows:
        problem = _TIME_IS_OVER
    return done, problem


def _engines(config: OcrConfig) -> int:
    """Engines that Ray would run on this machine, as far as they are no more than here."""
    cpus = config.ray.cpus or available_cpus()
    engines = config.engine.workers or spec_of(config.engine).workers(config.engine, cpus, 0)
    return min(max(1, engines), _MAX_ENGINES)


def _shares(task: Task, pages: AnyPath, prefix: str, todo: pa.Table) -> Iterator[EngineShare]:
    """The parts of the pages, one for each process; a chunk's pages are neighbours."""
    config, rows = task.config, todo.num_rows
    page_s = spec_of(config.engine).page_s(config.engine)
    engines = min(_engines(config), math.ceil(rows * page_s / _START_S))
    in_time = _GRACE_S / 2 / page_s
    chunk = min(config.stages.pages_per_task, rows // (_CHUNKS_PER_ENGINE * engines), int(in_time))
    chunk = max(1, chunk)
    until = time.monotonic() + config.stages.local_s
    flush_s = min(config.parquet.flush_s, _GRACE_S)
    starts = range(0, rows, chunk)
    for number in range(engines):
        chunks = [todo.slice(start, chunk) for start in starts[number::engines]]
        part = pa.concat_tables(chunks).combine_chunks()
        name = f"{prefix}-{number}"
        yield EngineShare(task, pages, name, part, chunk, until, flush_s, os.getpid())


def _read(shares: Sequence[EngineShare], send: SendReport) -> str:
    """Run a process for each share; the first problem of one, "" for none."""
    problems: list[str] = []
    with ThreadPoolExecutor(len(shares), "engine-reports") as readers, ExitStack() as stack:
        running: list[_EngineProcess] = []
        for share in shares:
            try:
                running.append(stack.enter_context(_EngineProcess.started(share)))
            except OSError as error:
                problems.append(f"an engine process cannot be started: {error}")
        for process in running:
            readers.submit(_pass_on, process.reports, send)
        problems += [process.wait(shares[0].until + _GRACE_S) for process in running]
    return next(filter(None, problems), "")


def _pass_on(reports: IO[bytes], send: SendReport) -> None:
    """Send the reports of a process on until it ends, or is killed within one."""
    with reports, suppress(EOFError, pickle.UnpicklingError):
        while True:
            send(pickle.load(reports))  # noqa: S301 - from our own process


class _EngineProcess:
    """A process that reads its share; it is killed at the end of `with`, if it is still there.

    Args:
        process: It.
        errors: Takes its standard error.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process, self._errors = process, errors
        self.reports = cast("IO[bytes]", process.stdout)

    @classmethod
    @contextmanager
    def started(cls, share: EngineShare) -> Iterator[Self]:
        """Start it.

        Raises:
            OSError: The machine has no process or no disk space left for it.
        """
        root = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path.insert(0, {root!r}); import {_WORKER} as it; it.main()"
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
            pickle.dump(share, given)  # a pipe would wait until the process has started
            given.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is handled by the driver, which ends it
            )
            try:
                yield cls(process, errors)
            finally:
                process.kill()
                process.wait()

    def wait(self, until: float) -> str:
        """Wait for its end.

        Args:
            until: Seconds of the monotonic clock.

        Returns:
            Why it may have left pages, "" for no reason.
        """
        try:
            code = self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return _TIME_IS_OVER
        if not code:
            return ""
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"an engine process ended {how}{self._last_line()}"

    def _last_line(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _MAX_SAID))
        said = self._errors.read().decode(errors="replace").split("\n")
        return next((f": {shorten(line)}" for line in reversed(said) if line.strip()), "")
