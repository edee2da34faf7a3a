"""Reads the few engine pages of a small job without Ray, in engine processes of the driver.

Ray's start takes 10 to 15 s of CPU time, more than some pages of an engine without a GPU. So where
few pages are left (`max_pages`), each of as many processes as Ray would run engines gets a part of
them, draws and reads them by the stages that Ray's workers run, and writes shards of its own
(`local_engine_worker`).

Whatever goes wrong here goes to Ray: a process that dies, cannot start its engine or has not
finished in time leaves pages without rows, and Ray then reads exactly these, with its quarantine of
pages that crash an engine. What was written counts by what is in the shards, never by what a
process said. The processes end with the driver, whatever ends it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import pyarrow as pa

from pipeline.config import OcrConfig
from pipeline.documents.sandbox.cpus import available_cpus
from pipeline.engines.registry import spec_of
from pipeline.job.metrics import SendReport
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.stages.todo import plan_shards, read_plan
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.output.totals import Summary
from pipeline.storage.paths import AnyPath

_CHUNKS_PER_ENGINE: Final = 4
"""Chunks at least, so that the engines end at about the same time."""
_GRACE_S: Final = 15.0
"""Seconds that a process gets for the pages that it is at when its time is over."""
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
        seconds: It begins no chunk after this time.
        driver_pid: The process with which it ends.
    """

    task: Task
    pages: AnyPath
    prefix: str
    todo: pa.Table
    chunk: int
    seconds: float
    driver_pid: int


def max_pages(config: OcrConfig) -> int:
    """The most pages that are read here, 0 for an engine that has a GPU."""
    spec, stages = spec_of(config.engine), config.stages
    if spec.resources(config.engine).gpus:
        return 0
    in_time = stages.local_s * _engines(config) / spec.page_s(config.engine)
    return min(stages.local_engine_pages, int(in_time))


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
) -> Summary:
    """Read the pages of a plan that have no row yet, as far as that goes.

    Args:
        task: The job.
        plan: Folder of the plan.
        pages: Folder of the output's shards.
        duplicates: Which pages are read, and which copied.
        send: Takes the reports of the stages, from several threads.

    Returns:
        Sums of the rows that were written.
    """
    store = task.config.store
    todo = pa.concat_tables(read_plan(plan_shards(plan), store, duplicates, pages))
    prefix = f"{shards.new_prefix()}-engine"
    _read(list(_shares(task, pages, prefix, todo)), send)
    return shards.read_summary(pages, prefix)


def _engines(config: OcrConfig) -> int:
    """Engines that Ray would run on this machine."""
    cpus = config.ray.cpus or available_cpus()
    return config.engine.workers or max(1, spec_of(config.engine).workers(config.engine, cpus, 0))


def _shares(task: Task, pages: AnyPath, prefix: str, todo: pa.Table) -> Iterator[EngineShare]:
    """The parts of the pages, one for each process; a chunk's pages are neighbours."""
    config, rows = task.config, todo.num_rows
    engines = min(_engines(config), rows)
    chunk = max(1, min(config.stages.pages_per_task, rows // (_CHUNKS_PER_ENGINE * engines)))
    starts = range(0, rows, chunk)
    for number in range(engines):
        chunks = [todo.slice(start, chunk) for start in starts[number::engines]]
        part = pa.concat_tables(chunks).combine_chunks()
        seconds = config.stages.local_s
        name = f"{prefix}-{number}"
        yield EngineShare(task, pages, name, part, chunk, seconds, os.getpid())


def _read(shares: Sequence[EngineShare], send: SendReport) -> None:
    with ThreadPoolExecutor(len(shares), "engine-reports") as readers, _running(shares) as running:
        until = time.monotonic() + shares[0].seconds + _GRACE_S
        for process in running:
            readers.submit(_pass_on, cast("IO[bytes]", process.stdout), send)
        for process in running:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                return  # all are killed, and Ray reads what they leave


def _pass_on(reports: IO[bytes], send: SendReport) -> None:
    """Send the reports of a process on until it ends, or is killed within one."""
    with reports, suppress(EOFError, pickle.UnpicklingError):
        while True:
            send(pickle.load(reports))  # noqa: S301 - from our own process


@contextmanager
def _running(shares: Sequence[EngineShare]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes, for the time inside; none is left after it."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(map(_started, shares))
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _started(share: EngineShare) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); import {_WORKER} as it; it.main()"
    with tempfile.TemporaryFile() as given:  # a pipe would wait until the process has started
        pickle.dump(share, given)
        given.seek(0)
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # as of Ray's workers; what fails here is reported by Ray
            start_new_session=True,  # Ctrl-C is handled by the driver, which ends it
        )
