"""Keeps a worker process running: starts it, sends it requests, replaces it after a failure."""

from __future__ import annotations

import signal
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

from pipeline.config import ReadConfig
from pipeline.documents.sandbox.circuit_breaker import CircuitBreaker
from pipeline.documents.sandbox.process import WorkerProcess
from pipeline.documents.sandbox.protocol import Message, encode, shorten
from pipeline.documents.sandbox.shared_memory import SharedBuffer, create_memory
from pipeline.errors import ErrorKind, JobError, RecordedError

_BUFFERS: Final = 20
"""Images that can be in shared memory at a time. Unused buffers take no memory."""
_START_S: Final = 60.0
_START_TRIES: Final = 3
_START_PAUSE_S: Final = 0.5


class SentRequest:
    """A request in the worker's queue, and what became of it.

    Attributes:
        path: The document.
        body: The encoded message, to be sent again to another worker.
        buffer: Where the worker writes bulk data; reserved until the outcome was taken.
        sent_at: When it was sent last, seconds of the monotonic clock.
        is_retry: Whether a worker died of it before.
        is_abandoned: Whether nobody waits for its outcome.
        outcome: The response or the error, None while there is neither.
        ms: Milliseconds that the worker spent on it.
    """

    def __init__(self, path: str, body: bytes, buffer: SharedBuffer) -> None:
        self.path, self.body, self.buffer = path, body, buffer
        self.sent_at = 0.0
        self.is_retry = self.is_abandoned = False
        self.outcome: Message | RecordedError | None = None
        self.ms = 0.0
        buffer.is_reserved = True


class Supervisor:
    """A worker process that is started with the first request and replaced when it dies.

    Requests are answered in the order in which they are sent. A worker that dies does so at the
    first that has no response: the others are sent again to the next worker.

    Not thread-safe, but for `kill`.

    Args:
        read: Limits of time, memory and pages.
        limits: The configuration sections that the worker is started with.
        module: The module that the worker runs.

    Attributes:
        buffers: Shared memory; the worker fills the first one that is free. Empty once closed.
    """

    def __init__(self, read: ReadConfig, limits: dict[str, Any], module: str) -> None:
        self._read, self._limits, self._module = read, limits, module
        self.buffers = [SharedBuffer(create_memory()) for _ in range(_BUFFERS)]
        self._worker: WorkerProcess | None = None
        self._queue: deque[SentRequest] = deque()
        self._replied_at = 0.0
        self._is_killed = False
        self._circuit_breaker = CircuitBreaker()

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return None if self._worker is None else self._worker.pid

    @property
    def free_buffers(self) -> int:
        """Number of buffers that are neither lent nor reserved."""
        return sum(buffer.is_free for buffer in self.buffers)

    def send(self, message: Message) -> SentRequest:
        """Send a request to the worker, which begins it after those sent before.

        At least one buffer must be free.

        Raises:
            JobError: The worker does not start.
            RuntimeError: The supervisor is closed.
            ValueError: The message is too long.
        """
        if not self.buffers:
            raise RuntimeError("the sandbox client is closed")
        number = next(index for index, buffer in enumerate(self.buffers) if buffer.is_free)
        body = encode(message | {"buffer": number})
        request = SentRequest(message["path"], body, self.buffers[number])
        if not self._queue:
            self._is_killed = False
            if self._worker is not None and self._worker.is_dead:
                self.stop_worker()  # it died between two requests
        if self._is_wanted(request):
            self._queue.append(request)
            if self._worker is not None:
                _write(self._worker, request)
        return request

    def take(self, request: SentRequest) -> Message:
        """Wait for the outcome of a request; its buffer is valid until the next `send`.

        Raises:
            RecordedError: The worker reports an error, died (CRASH) or was too slow (TIMEOUT).
            JobError: The worker does not start.
        """
        try:
            while request.outcome is None:
                self._settle_first()
        except BaseException:
            self.stop_worker()  # it may be in the middle of a message
            self.abandon(request)
            raise
        request.buffer.is_reserved = False
        if isinstance(request.outcome, RecordedError):
            raise request.outcome
        return request.outcome

    def abandon(self, request: SentRequest) -> None:
        """Say that nobody waits for a request: it is not sent again, its outcome is dropped."""
        request.is_abandoned = True
        if request.outcome is not None:
            request.buffer.is_reserved = False

    def _settle_first(self) -> None:
        """Find the outcome of the first request in the queue, or have it tried once more.

        It is tried once more where the worker died: the cause may be memory that it kept from
        other documents. A timeout is not retried: it would take as long again.
        """
        self._ensure_worker()
        if not self._queue:
            return  # refused while they were sent again
        if self._is_killed and self._worker is not None:
            self._worker.kill()  # it was starting when `kill` was called
        first = self._queue[0]
        outcome, is_fatal = self._receive(first)
        if is_fatal and not first.is_retry and not self._is_killed:
            first.is_retry = True
            return
        self._queue.popleft()
        kind = outcome.kind if isinstance(outcome, RecordedError) else None
        self._circuit_breaker.record(first.path, None if self._is_killed else kind)
        self._is_killed = self._is_killed and not is_fatal
        first.outcome = outcome
        if first.is_abandoned:
            first.buffer.is_reserved = False

    def _receive(self, request: SentRequest) -> tuple[Message | RecordedError, bool]:
        """The outcome of the request that the worker is at, and whether the worker died of it.

        After any failure that may leave the worker unusable it is stopped.
        """
        worker = self._worker
        assert worker is not None  # noqa: S101 - `_ensure_worker`
        # The worker begins a request when it has answered the one before.
        begun_at = max(request.sent_at, self._replied_at)
        try:
            reply = worker.receive(begun_at + self._read.wall_s - time.monotonic())
            self._replied_at = min(float(reply["finished_at"]), time.monotonic())
            request.ms = 1000 * (self._replied_at - begun_at)
            if "error" not in reply:
                return reply, False
            error = RecordedError(ErrorKind(reply["error"]), shorten(str(reply["message"])))
        except TimeoutError:
            self.stop_worker()
            limit = f"took longer than read.wall_s ({self._read.wall_s:g} s)"
            return RecordedError(ErrorKind.TIMEOUT, limit), False
        except (EOFError, OSError):
            error = self._exit_error(worker)
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            self.stop_worker()  # the document may have taken control of it
            message = f"invalid response of the sandbox process: {problem!r}"
            return RecordedError(ErrorKind.CRASH, shorten(message)), False
        if error.kind is ErrorKind.CRASH:
            self.stop_worker()
        return error, error.kind is ErrorKind.CRASH

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

    def _ensure_worker(self) -> None:
        """Start a worker where there is none, and send it the queue.

        Raises:
            JobError: It failed to start `_START_TRIES` times.
        """
        if self._worker is not None:
            return
        self._queue = deque(filter(self._is_wanted, self._queue))
        if not self._queue:
            return
        self._worker = self._started_worker()
        for request in self._queue:
            _write(self._worker, request)

    def _is_wanted(self, request: SentRequest) -> bool:
        """Whether to send a request: neither abandoned, nor for a document that was given up."""
        if request.is_abandoned:
            request.buffer.is_reserved = False
            return False
        try:
            self._circuit_breaker.check(request.path)
        except RecordedError as refusal:
            request.outcome = refusal
            return False
        return True

    def _started_worker(self) -> WorkerProcess:
        problem = ""
        for attempt in range(_START_TRIES):
            time.sleep(attempt * _START_PAUSE_S)
            worker = WorkerProcess(self._module, [buffer.descriptor for buffer in self.buffers])
            try:
                worker.send(encode(self._limits | {"buffers": worker.descriptors}))
                worker.receive(_START_S)
            except (TimeoutError, EOFError, OSError, ValueError) as error:
                problem = "; ".join(worker.stderr_lines()[-1:]) or repr(error)
                worker.close()
            except BaseException:
                worker.close()
                raise
            else:
                return worker
        raise JobError(f"the sandbox process does not start: {problem}")

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


def _write(worker: WorkerProcess, request: SentRequest) -> None:
    request.sent_at = time.monotonic()
    with suppress(OSError):  # the worker is dead: found when its response is waited for
        worker.send(request.body)
