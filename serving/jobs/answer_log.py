"""The answers of a batch's lines, in files that appear whole or not at all. The ledger of a batch.

A line is answered when a file has its answer. Everything here blocks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

from pipeline.errors import JobError
from pipeline.output.shards import new_prefix
from pipeline.storage.paths import AnyPath
from serving.jobs.folders import remove_folder, write_bytes

_FOLDER: Final = "answers"


@dataclass(frozen=True, slots=True)
class Output:
    """The answers of a batch, each line once.

    Attributes:
        file: Has the lines of the output.
        places: Whether it is an error, first byte and bytes of each line, by the line's number.
    """

    file: BinaryIO
    places: dict[int, tuple[bool, int, int]]

    def lines(self, *, errors: bool) -> Iterator[bytes]:
        """The answers or the errors, in the order of the input."""
        for number in sorted(self.places):
            is_error, start, size = self.places[number]
            if is_error is errors:
                self.file.seek(start)
                yield self.file.read(size)

    def count(self, *, errors: bool) -> int:
        """How many answers or errors there are."""
        return sum(is_error is errors for is_error, _, _ in self.places.values())


class AnswerLog:
    """Collects answers and writes them.

    Args:
        folder: Of the batch.
    """

    def __init__(self, folder: AnyPath) -> None:
        self._folder = folder / _FOLDER
        self._prefix, self._number = new_prefix(), 0
        self._waiting: list[tuple[int, bool, dict[str, Any]]] = []
        self._lock = threading.Lock()
        if isinstance(self._folder, Path):
            self._folder.mkdir(exist_ok=True)

    def add(self, number: int, is_error: bool, answer: dict[str, Any]) -> None:
        """Take an answer; `flush` writes it.

        Args:
            number: Of the line.
            is_error: Whether it goes into the file of errors.
            answer: As it stands in that file.
        """
        self._waiting.append((number, is_error, answer))

    def flush(self) -> None:
        """Write what has been taken.

        Each attempt has a name of its own: one that was given up may still be written, later, and
        must not replace what the next one has written.

        Raises:
            OSError: It cannot be written; it is still there for another try.
        """
        with self._lock:
            taken = list(self._waiting)
            if taken:
                content = b"".join(map(_line, taken))
                path = self._folder / f"{self._prefix}-{self._number:06}.jsonl"
                self._number += 1
                write_bytes(path, content)
                del self._waiting[: len(taken)]

    def answered(self) -> dict[int, bool]:
        """Number of each line that has an answer, and whether that is an error."""
        return {number: is_error for number, is_error, _ in self._rows()}

    @contextmanager
    def output(self) -> Iterator[Output]:
        """The answers and the errors, on disk for the time inside.

        Raises:
            JobError: An answer cannot be read.
        """
        with TemporaryFile(prefix="rayscribe-job-") as file:
            places: dict[int, tuple[bool, int, int]] = {}
            start = 0
            for number, is_error, answer in self._rows():
                size = file.write(_line(answer))
                places[number] = is_error, start, size
                start += size
            yield Output(file, places)

    def remove(self) -> None:
        """Remove the files.

        Raises:
            OSError: They cannot be removed.
        """
        remove_folder(self._folder)

    def _rows(self) -> Iterator[tuple[int, bool, dict[str, Any]]]:
        found: Iterator[AnyPath] = self._folder.glob("*.jsonl")
        for path in sorted(found, key=str):
            try:
                content = path.read_bytes()
            except OSError as error:
                raise JobError(f"{path} cannot be read: {error}") from error
            for line in content.splitlines():
                number, is_error, answer = json.loads(line)
                yield number, is_error, answer


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
