"""Gives up a document whose pages kill the worker process one after the other."""

from __future__ import annotations

from typing import Final

from pipeline.errors import ErrorKind, RecordedError

MAX_FAILURES: Final = 8
"""Consecutive requests for one document that may kill the worker before the rest is refused."""
_FATAL: Final = (ErrorKind.CRASH, ErrorKind.TIMEOUT)


class CircuitBreaker:
    """Counts consecutive requests that killed the worker, for the document that did so last."""

    def __init__(self) -> None:
        self._path, self._failures = "", 0

    def check(self, path: str) -> None:
        """Refuse a request for a document that has reached `MAX_FAILURES`.

        Raises:
            RecordedError: CRASH.
        """
        if path == self._path and self._failures >= MAX_FAILURES:
            message = f"given up: {self._failures} of its pages in a row ended the sandbox process"
            raise RecordedError(ErrorKind.CRASH, message)

    def record(self, path: str, kind: ErrorKind | None) -> None:
        """Record the outcome of a request: its error kind, None for success."""
        if kind in _FATAL:
            self._failures = self._failures + 1 if path == self._path else 1
            self._path = path
        elif path == self._path:
            self._failures = 0
