"""Where the state of an export is kept: lines of JSON, of which later ones count.

In a local folder they are appended to one file. An object cannot be appended to: on a store each
`flush` writes one more object, and the end of an export makes one of many.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Final, Protocol, TextIO

from pipeline.output.export.folder import Folder, LocalFolder, write_file

STATE_NAME: Final = ".rayscribe-export.jsonl"
STATE_FOLDER: Final = ".rayscribe-export/"
_MAX_PARTS: Final = 16
"""Objects that are left as they are."""


class StateLog(Protocol):
    """Lines of the state of a folder."""

    def lines(self) -> Iterator[str]:
        """All lines, in the order in which they were written."""

    def append(self, line: str) -> None:
        """Add a line; on a store it is there after the next `flush`."""

    def flush(self) -> None:
        """Make sure that the lines are there: before what they announce is written."""

    def replace(self, lines: Iterator[str]) -> None:
        """Write these lines in place of all others, where that is worth it."""

    def close(self) -> None:
        """Flush and end."""


def open_log(folder: Folder) -> StateLog:
    """The log of a folder, which exists."""
    return LocalLog(folder) if isinstance(folder, LocalFolder) else StoreLog(folder)


class LocalLog:
    """One file, to which lines are appended."""

    def __init__(self, folder: LocalFolder) -> None:
        self._path = folder.root / STATE_NAME
        self._file: TextIO | None = None

    def lines(self) -> Iterator[str]:
        """All lines; none where there is no file."""
        if self._path.exists():
            yield from self._path.read_text("utf-8").splitlines()

    def append(self, line: str) -> None:
        """Add a line, at once."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(line + "\n")
        self._file.flush()

    def flush(self) -> None:
        """Lines are there at once."""

    def replace(self, lines: Iterator[str]) -> None:
        """One file is read as fast as a shorter one: it stays as it is."""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class StoreLog:
    """One object for each `flush`; their names are in the order in which they were written."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._parts = folder.names(STATE_FOLDER)
        self._run = f"{STATE_FOLDER}{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        self._run += f"-{secrets.token_hex(3)}"
        self._waiting: list[str] = []
        self._number = 0

    def lines(self) -> Iterator[str]:
        """All lines."""
        for part in self._parts:
            yield from self._folder.read(part).decode("utf-8").splitlines()

    def append(self, line: str) -> None:
        """Add a line, for the next `flush`."""
        self._waiting.append(line)

    def flush(self) -> None:
        """Write the lines that wait as one object."""
        if not self._waiting:
            return
        name = f"{self._run}-{self._number:06}.jsonl"
        write_file(self._folder, name, (f"{line}\n".encode() for line in self._waiting))
        self._parts.append(name)
        self._number += 1
        self._waiting.clear()

    def replace(self, lines: Iterator[str]) -> None:
        """Make one object of many: each is a request for the next export."""
        if len(self._parts) <= _MAX_PARTS:
            return
        old, self._waiting = self._parts, list(lines)
        self._parts = []
        self.flush()
        for part in old:
            self._folder.delete(part)

    def close(self) -> None:
        """Write what waits."""
        self.flush()
