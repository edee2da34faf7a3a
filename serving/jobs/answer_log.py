"""The answers of a batch's lines, in files that appear whole or not at all. The ledger of a batch.

A line is answered when a file has its answer. Everything here blocks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pipeline.errors import JobError
from pipeline.output.shards import new_prefix
from pipeline.storage.paths import AnyPath
from serving.jobs.folders import remove_folder, write_bytes

_FOLDER: Final = "answers"


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

        Raises:
            OSError: It cannot be written; it is still there for another try.
        """
        with self._lock:
            taken = list(self._waiting)
            if taken:
                content = b"".join(map(_line, taken))
                path = self._folder / f"{self._prefix}-{self._number:06}.jsonl"
                write_bytes(path, content)
                self._number += 1
                del self._waiting[: len(taken)]

    def answered(self) -> dict[int, bool]:
        """Number of each line that has an answer, and whether that is an error."""
        return {number: is_error for number, is_error, _ in self._rows()}

    def files(self) -> tuple[bytes, bytes]:
        """The answers and the errors, each line once, in the order of the input."""
        # As bytes at once: as objects they would take several times the memory.
        rows = {number: (is_error, _line(answer)) for number, is_error, answer in self._rows()}
        parts: tuple[list[bytes], list[bytes]] = [], []
        for number in sorted(rows):
            is_error, line = rows.pop(number)
            parts[is_error].append(line)
        answers, errors = (b"".join(part) for part in parts)
        return answers, errors

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
