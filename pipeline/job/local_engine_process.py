"""The handle of an engine process of a job without Ray, and what it is told.

The process (`pipeline.job.local_engine_worker`) gets pickles on its standard input: one
`EngineSetup`, lists of drawn pages, at last an `EngineShare`. It sends reports on its standard
output.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self, cast

import pyarrow as pa

from pipeline.documents.sandbox.protocol import shorten
from pipeline.job.metrics import SendReport, measured_apart
from pipeline.job.stages.records import DrawnPage
from pipeline.job.stages.settled import Check
from pipeline.job.task import Task
from pipeline.storage.paths import AnyPath

_MAX_SAID: Final = 4096
"""Bytes of the end of its standard error in which its last line is looked for."""
_WORKER: Final = "pipeline.job.local_engine_worker"


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """What a process has to know before its first page.

    Attributes:
        task: The job.
        pages: Folder of the output's shards.
        prefix: The first part of the names of its shards, unique to it.
        flush_s: Seconds after which what it read is written: it may be killed.
        driver_pid: The process with which it ends.
        check: Called before each shard; raises `JobError` where another job has the output's lock.
    """

    task: Task
    pages: AnyPath
    prefix: str
    flush_s: float
    driver_pid: int
    check: Check


@dataclass(frozen=True, slots=True)
class EngineShare:
    """The pages that one process has to draw and to read.

    Attributes:
        todo: Rows of `schema.TODO`.
        chunk: Pages that it takes at a time.
        until: It begins no chunk after this time, seconds of the monotonic clock, which the
            processes of a machine share.
    """

    todo: pa.Table
    chunk: int
    until: float


class EngineProcess:
    """A running process; it is killed at the end of `with`, if it is still there.

    Args:
        process: It.
        errors: Takes its standard error.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process, self._errors = process, errors
        self._input = cast("IO[bytes]", process.stdin)

    @classmethod
    @contextmanager
    def started(cls, setup: EngineSetup, send: SendReport) -> Iterator[Self]:
        """Start one, in a thread that lives longer than it: Linux ends it with the thread.

        Args:
            setup: What it has to know.
            send: Takes its reports, in a thread of its own.

        Raises:
            OSError: The machine has no process or no disk space left for it.
            RuntimeError: It has no thread left.
        """
        root = str(Path(__file__).resolve().parents[2])
        code = f"import sys; sys.path.insert(0, {root!r}); import {_WORKER} as it; it.main()"
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is handled by the driver, which ends it
            )
            started = cls(process, errors)
            reports = threading.Thread(target=_pass_on, args=(process.stdout, send), daemon=True)
            with measured_apart(process.pid):
                try:
                    reports.start()
                    started.send(setup)
                    yield started
                finally:
                    process.kill()
                    process.wait()
                    started.end_input()
            reports.join()

    def send(self, message: EngineSetup | EngineShare | list[DrawnPage]) -> None:
        """Tell it something; waits until it takes that in. Nothing happens where it has ended."""
        with suppress(OSError):  # its exit status says why
            pickle.dump(message, self._input, protocol=pickle.HIGHEST_PROTOCOL)
            self._input.flush()

    def end_input(self) -> None:
        """Tell it that nothing follows."""
        with suppress(OSError):
            self._input.close()

    def kill(self) -> None:
        """Kill it, from any thread."""
        self._process.kill()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self) -> str:
        """Wait for its end; why it may have left pages, "" for no reason."""
        code = self._process.wait()
        if not code:
            return ""
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"an engine process ended {how}{self._last_line()}"

    def _last_line(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _MAX_SAID))
        said = self._errors.read().decode(errors="replace").split("\n")
        return next((f": {shorten(line)}" for line in reversed(said) if line.strip()), "")


def _pass_on(reports: IO[bytes], send: SendReport) -> None:
    """Send the reports of a process on until it ends, or is killed within one."""
    with reports, suppress(EOFError, pickle.UnpicklingError):
        while True:
            send(pickle.load(reports))  # noqa: S301 - from our own process
