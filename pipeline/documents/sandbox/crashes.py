"""Counts how often in a row one document has ended the child."""

from __future__ import annotations

from typing import Final

from pipeline.errors import ErrorKind, RecordedError

MOST: Final = 8
"""Pages of one document in a row that may end the child before its others are given up."""
_DEADLY: Final = (ErrorKind.CRASH, ErrorKind.TIMEOUT)


class CrashCount:
    """The document that ended the child last, and how many of its pages in a row did so."""

    def __init__(self) -> None:
        self._path, self._count = "", 0

    def check(self, path: str) -> None:
        """Give up a document that does nothing else.

        Raises:
            RecordedError: CRASH.
        """
        if path == self._path and self._count >= MOST:
            given_up = f"given up: {self._count} of its pages in a row ended the reader"
            raise RecordedError(ErrorKind.CRASH, given_up)

    def note(self, path: str, kind: ErrorKind | None) -> None:
        """Say how a request about a document ended: None for well."""
        if kind in _DEADLY:
            self._count = self._count + 1 if path == self._path else 1
            self._path = path
        elif path == self._path:
            self._count = 0
