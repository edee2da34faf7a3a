"""Which rows each file of an export was written for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import JobError

STATE_NAME: Final = ".rayscribe-export.jsonl"


@dataclass(frozen=True, slots=True)
class _Written:
    """What is known of a file.

    Attributes:
        rows: Digest of the rows and settings that it was written for.
        beside: Files that belong to it.
        is_whole: Whether nothing of it was missing.
    """

    rows: str
    beside: tuple[str, ...] = ()
    is_whole: bool = True


class State:
    """The state of a folder: a line for every file, the last counts.

    Args:
        folder: The folder; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, _Written] = {}
        self._own: set[str] = set()
        path = folder / STATE_NAME
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._take(line)

    def __enter__(self) -> State:
        self._file = (self._folder / STATE_NAME).open("a", encoding="utf-8")
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def has(self, file: str, digest: str) -> bool:
        """Whether a file is there and whole, with all that belongs to it, for these rows."""
        known = self._written.get(file)
        if known is None or known.rows != digest or not known.is_whole:
            return False
        return all((self._folder / name).exists() for name in (file, *known.beside))

    def own(self, prefix: str) -> set[str]:
        """The files that an export wrote whose names begin so."""
        return {name for name in self._own if name.startswith(prefix)}

    def check_own(self, file: str) -> None:
        """Check that a file may be replaced.

        Raises:
            JobError: It is there, and no export wrote it.
        """
        path = self._folder / file
        if file not in self._own and path.exists():
            raise JobError(f"{path} is there, and not from an export; name another folder")

    def add(
        self, file: str, digest: str, beside: Sequence[str] = (), *, is_whole: bool = True
    ) -> None:
        """Record that a file is written.

        Args:
            file: Its name under the folder.
            digest: Of what it was written for.
            beside: Files that belong to it.
            is_whole: Whether nothing of it is missing: else it is written again the next time.
        """
        self._know(file, _Written(digest, tuple(beside), is_whole))
        record: dict[str, object] = {"file": file, "rows": digest}
        if beside:
            record["beside"] = list(beside)
        if not is_whole:
            record["whole"] = False
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def leave_out(self, file: str, why: str) -> None:
        """Record that a file cannot be written now; the next export tries again."""
        self._file.write(json.dumps({"file": file, "left_out": why}) + "\n")
        self._file.flush()

    def _know(self, file: str, written: _Written) -> None:
        self._written[file] = written
        self._own |= {file, *written.beside}

    def _take(self, line: str) -> None:
        try:
            known = json.loads(line)
            beside = tuple(str(name) for name in known.get("beside", ()))
            self._know(
                str(known["file"]), _Written(str(known["rows"]), beside, known.get("whole", True))
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # the last line of an export that was killed: its file is written again
