"""An export that Ray spreads over the CPUs of its machines.

This process finds what is missing, and records what is written, as for an export in one process
(`pipeline.output.export.run`); tasks of Ray write the files. Their folder is on a store, or one
that all machines share.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Self

from pipeline.config import ExportConfig
from pipeline.documents.passwords import absolute_files
from pipeline.job import ray_cluster
from pipeline.job.ray_data.export_tasks import ExportTasks
from pipeline.job.signals import redeliver_signals
from pipeline.output.export.documents import OutputIndex
from pipeline.output.export.run import Exported, export_by
from pipeline.output.export.tokens import WORDS
from pipeline.output.export.work import Work, Written
from pipeline.output.export.writer import Report
from pipeline.storage.document_cache import clear_abandoned
from pipeline.storage.paths import absolute


def export_on_ray(index: OutputIndex, config: ExportConfig, report: Report) -> Exported:
    """Write the documents of an output as files, in tasks of Ray.

    Ray is started with the first file that is missing, and not at all where none is.

    Args:
        index: The documents.
        config: The export.
        report: Told of progress.

    Raises:
        ConfigError: The folder is none that can be written to, a file with passwords cannot be
            read, or there is no Ray at the address.
        JobError: Ray does not start, or the folder or a file cannot be written.
    """
    with _Ray(index, config, report) as spread:
        done = export_by(spread.write_all, index, config, report, config.spread.pages_per_task)
    clear_abandoned()  # of the workers that ended with this export's own Ray
    return done


class _Ray:
    """Starts Ray with the first batch, and has batches written there."""

    def __init__(self, index: OutputIndex, config: ExportConfig, report: Report) -> None:
        self._index, self._config, self._report = index, config, report
        self._stack = ExitStack()
        self._tasks: ExportTasks | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def write_all(self, batches: Iterable[tuple[Work, ...]]) -> Iterator[Written]:
        """Write batches of work, in any order."""
        for batch in batches:
            yield from self._reported(self._started().add(batch))
        if self._tasks is not None:
            yield from self._reported(self._tasks.finish())

    def _started(self) -> ExportTasks:
        if self._tasks is None:
            config = self._config
            self._stack.enter_context(ray_cluster.connected(config.ray))
            self._stack.enter_context(redeliver_signals())
            self._tasks = ExportTasks(self._index.shards, _absolute(config), config.spread.cpus)
        return self._tasks

    def _reported(self, parts: Iterator[Written]) -> Iterator[Written]:
        for written in parts:
            self._report(written.pages)
            yield written


def _absolute(config: ExportConfig) -> ExportConfig:
    """The export as workers see it: they have other working folders, and a CPU or so each."""
    tokenizer = config.chunks.tokenizer
    if tokenizer != WORDS:
        tokenizer = os.path.abspath(tokenizer)
    readers = config.dataset.readers or max(1, int(config.spread.cpus))
    sections = {
        "chunks": config.chunks.model_copy(update={"tokenizer": tokenizer}),
        "dataset": config.dataset.model_copy(update={"readers": readers}),
    }
    paths = {"output": absolute(config.output), "to": absolute(config.to)} | absolute_files(config)
    return config.model_copy(update=sections | paths)
