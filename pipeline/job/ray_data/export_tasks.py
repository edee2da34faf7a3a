"""Tasks of Ray that write the files of an export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import ray

from pipeline.config import ExportOptions
from pipeline.documents.originals import Originals
from pipeline.errors import JobError, RecordedError
from pipeline.job import ray_cluster
from pipeline.job.ray_data.errors import result_of
from pipeline.output.export.documents import PageReader
from pipeline.output.export.work import Work, Written
from pipeline.output.export.writer import Writer
from pipeline.storage.paths import AnyPath

_AHEAD: Final = 2
"""Tasks for each CPU that run or wait: those that wait let a cluster grow."""
_TRIES: Final = 3


Shared = tuple[Sequence[AnyPath], ExportOptions]
"""What all tasks have: the shards, and the export."""


class ExportTasks:
    """Writes batches of work, each in a task; a task whose machine is lost runs again.

    A file that a task wrote before is written again with the same bytes.

    Args:
        shards: The shards of the output.
        options: The export, with absolute paths.
        cpus: CPUs that a task reserves.
    """

    def __init__(self, shards: Sequence[AnyPath], options: ExportOptions, cpus: float) -> None:
        # Workers have other working folders.
        places = [each.absolute() if isinstance(each, Path) else each for each in shards]
        self._shared = ray.put((places, options))
        self._task = ray.remote(num_cpus=cpus, max_retries=_TRIES)(write)
        self._cpus = cpus
        self._running: list[ray.ObjectRef] = []

    def add(self, batch: tuple[Work, ...]) -> Iterator[Written]:
        """Have a batch written; yields what was written meanwhile, of any batch.

        Raises:
            ConfigError: As a task did.
            JobError: A file cannot be written, or a worker ends again and again.
        """
        self._running.append(self._task.remote(self._shared, batch))
        while len(self._running) >= max(1, _AHEAD * int(ray_cluster.cpus() / self._cpus)):
            yield from self._next()

    def finish(self) -> Iterator[Written]:
        """Yield what is still to be written."""
        while self._running:
            yield from self._next()

    def _next(self) -> list[Written]:
        (done,), self._running = ray.wait(self._running, num_returns=1)
        try:
            written: list[Written] = result_of(done)
        except ray.exceptions.RayError as error:
            raise JobError(f"a worker cannot write files: {error}") from None
        return written


def write(
    shared: tuple[Sequence[AnyPath], ExportOptions], batch: tuple[Work, ...]
) -> list[Written]:
    """Runs as the task.

    Raises:
        ConfigError: A format needs a package that the worker lacks.
        JobError: A file cannot be written, or a shard of the output not be fetched.
    """
    shards, options = shared
    reader = PageReader(shards)
    try:
        with (
            Originals(options) as originals,
            Writer(reader, options, originals, lambda pages: None) as writer,
        ):
            return [writer.write(work) for work in batch]
    except OSError as error:
        raise JobError(f"cannot write to {options.to}: {error.strerror or error}") from error
    except RecordedError as error:
        raise JobError(str(error)) from error
