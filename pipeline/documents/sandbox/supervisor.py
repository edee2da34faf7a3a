"""Keeps a worker process running: starts it, sends it requests, replaces it after a failure."""

from __future__ import annotations

import signal
import time
from typing import Any, Final

from pipeline.config import ReadConfig
from pipeline.documents.sandbox.circuit_breaker import CircuitBreaker
from pipeline.documents.sandbox.process import WorkerProcess
from pipeline.documents.sandbox.protocol import Message, shorten
from pipeline.documents.sandbox.shared_memory import SharedBuffer, create_memory
from pipeline.errors import ErrorKind, JobError, RecordedError

_BUFFERS: Final = 10
"""Images that can be in shared memory at a time. Unused buffers take no memory."""
_START_S: Final = 60.0
_START_TRIES: Final = 3
_START_PAUSE_S: Final = 0.5


class Supervisor:
    """A worker process that is started with the first request and replaced when it dies.

    Not thread-safe, but for `kill`.

    Args:
        read: Limits of time, memory and pages.
        limits: The configuration sections that the worker is started with.

    Attributes:
        buffers: Shared memory; the worker fills the first one that is free. Empty once closed.
    """

    def __init__(self, read: ReadConfig, limits: dict[str, Any]) -> None:
        self._read, self._limits = read, limits
        self.buffers = [SharedBuffer(create_memory()) for _ in range(_BUFFERS)]
        self._worker: WorkerProcess | None = None
        self._is_killed = False
        self._circuit_breaker = CircuitBreaker()

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return None if self._worker is None else self._worker.pid

    def request(self, message: Message) -> tuple[SharedBuffer, Message]:
        """Send a request to the worker.

        Returns:
            The buffer with its bulk data, and the response.

        Raises:
            RecordedError: The worker reports an error, died (CRASH) or was too slow (TIMEOUT).
            JobError: The worker does not start.
            RuntimeError: The supervisor is closed.
            ValueError: The response is not a valid message.
        """
        path = message["path"]
        self._circuit_breaker.check(path)
        self._is_killed = False
        try:
            response = self._request_with_retry(message)
        except RecordedError as error:
            self._circuit_breaker.record(path, None if self._is_killed else error.kind)
            raise
        self._circuit_breaker.record(path, None)
        return response

    def _request_with_retry(self, message: Message) -> tuple[SharedBuffer, Message]:
        """Retry once with a new worker where the first one died.

        The cause may be memory that it kept from other documents. A timeout is not retried: it
        would take as long again.
        """
        try:
            return self._request_once(message)
        except RecordedError as error:
            if error.kind is not ErrorKind.CRASH or self._is_killed:
                raise
        return self._request_once(message)

    def _request_once(self, message: Message) -> tuple[SharedBuffer, Message]:
        """Send a request. After any failure that may leave the worker unusable it is replaced."""
        if not self.buffers:
            raise RuntimeError("the sandbox client is closed")
        number = next(index for index, buffer in enumerate(self.buffers) if buffer.is_free)
        worker = self._running_worker()
        try:
            reply = worker.request(message | {"buffer": number}, self._read.wall_s)
        except TimeoutError:
            self.stop_worker()
            limit = f"took longer than read.wall_s ({self._read.wall_s:g} s)"
            raise RecordedError(ErrorKind.TIMEOUT, limit) from None
        except (EOFError, OSError):
            raise self._exit_error(worker) from None
        except BaseException:
            self.stop_worker()  # else its late response would be taken for that of the next request
            raise
        if "error" in reply:
            raise self._reported_error(reply)
        return self.buffers[number], reply

    def _reported_error(self, reply: Message) -> RecordedError:
        """The error that the worker reports about the document."""
        kind = ErrorKind(reply["error"])
        if kind is ErrorKind.CRASH:
            self.stop_worker()
        return RecordedError(kind, shorten(str(reply["message"])))

    def _exit_error(self, worker: WorkerProcess) -> RecordedError:
        """The error that a worker's exit status stands for."""
        status = worker.wait()
        last_lines = worker.stderr_lines()[-1:]
        self.stop_worker()
        if status == -signal.SIGXCPU:
            limit = f"took more CPU time than read.cpu_s ({self._read.cpu_s} s)"
            return RecordedError(ErrorKind.TIMEOUT, limit)
        cause = f"the sandbox process exited with status {status}"
        if status < 0:
            cause = f"the sandbox process was killed by {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            cause += " (is the machine out of memory?)"
        return RecordedError(ErrorKind.CRASH, shorten(": ".join((cause, *last_lines))))

    def _running_worker(self) -> WorkerProcess:
        """The worker, started if there is none.

        Raises:
            JobError: It failed to start `_START_TRIES` times.
        """
        if self._worker is not None and self._worker.is_dead:
            self.stop_worker()
        problem = ""
        for attempt in range(_START_TRIES):
            if self._worker is None:
                time.sleep(attempt * _START_PAUSE_S)
                problem = self._start_worker()
        if self._worker is None:
            raise JobError(f"the sandbox process does not start: {problem}")
        return self._worker

    def _start_worker(self) -> str:
        """Start a worker. Returns the problem, "" for none."""
        worker = WorkerProcess([buffer.descriptor for buffer in self.buffers])
        try:
            worker.request(self._limits | {"buffers": worker.descriptors}, _START_S)
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            problem = "; ".join(worker.stderr_lines()[-1:]) or repr(error)
            worker.close()
            return problem
        except BaseException:
            worker.close()
            raise
        self._worker = worker
        return ""

    def stop_worker(self) -> None:
        """Kill the worker; the next request starts another."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None

    def kill(self) -> None:
        """Kill the worker from another thread; the current request ends with CRASH."""
        self._is_killed = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """End the worker and free the shared memory; lent arrays stay valid."""
        self.stop_worker()
        while self.buffers:
            self.buffers.pop().close()
