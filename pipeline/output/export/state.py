"""Which rows each file of an export was written for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
        source: The document, "" where all documents are in one file.
        beside: Files that belong to it.
        is_whole: Whether nothing of it was missing.
    """

    rows: str
    source: str = ""
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

    def begin(self, file: str, source: str = "") -> None:
        """Record that a file is going to be written: an export that is killed may replace it.

        Args:
            file: Its name under the folder.
            source: The document, "" where all documents are in one file.

        Raises:
            JobError: It is there, and no export wrote it, or it was written for another document.
        """
        path, known = self._folder / file, self._written.get(file)
        if file not in self._own and path.exists():
            raise JobError(f"{path} is there, and not from an export; name another folder")
        if known and source and known.source not in ("", source) and path.exists():
            raise JobError(
                f"{path} is that of {known.source}, not of {source}; name another folder"
            )
        if file not in self._own:
            self._own.add(file)
            self._record({"begun": file})

    def add(
        self,
        file: str,
        digest: str,
        source: str = "",
        beside: Sequence[str] = (),
        *,
        is_whole: bool = True,
    ) -> None:
        """Record that a file is written.

        Args:
            file: Its name under the folder.
            digest: Of what it was written for.
            source: The document, "" where all documents are in one file.
            beside: Files that belong to it.
            is_whole: Whether nothing of it is missing: else it is written again the next time.
        """
        self._know(file, _Written(digest, source, tuple(beside), is_whole))
        record: dict[str, object] = {"file": file, "rows": digest}
        if source:
            record["source"] = source
        if beside:
            record["beside"] = list(beside)
        if not is_whole:
            record["whole"] = False
        self._record(record)

    def leave_out(self, file: str, why: str) -> None:
        """Record that a file cannot be written now; the next export tries again."""
        self._record({"file": file, "left_out": why})

    def _record(self, record: Mapping[str, object]) -> None:
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def _know(self, file: str, written: _Written) -> None:
        self._written[file] = written
        self._own |= {file, *written.beside}

    def _take(self, line: str) -> None:
        try:
            known = json.loads(line)
            if "begun" in known:
                self._own.add(str(known["begun"]))
                return
            beside = tuple(str(name) for name in known.get("beside", ()))
            source, is_whole = str(known.get("source", "")), known.get("whole", True)
            written = _Written(str(known["rows"]), source, beside, is_whole)
            self._know(str(known["file"]), written)
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # the last line of an export that was killed: its file is written again
