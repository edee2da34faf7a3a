"""Which rows each file of an export was written for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import JobError
from pipeline.output.export.folder import Folder
from pipeline.output.export.state_log import STATE_NAME, open_log

__all__ = ["STATE_NAME", "State"]


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

    Raises:
        OSError: What is known of it cannot be read.
        JobError: It is on a store that does not answer.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._written: dict[str, _Written] = {}
        self._own: set[str] = set()
        self._selection = ""
        self._log = open_log(folder)
        for line in self._log.lines():
            self._take(line)

    def __enter__(self) -> State:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._log.close()
        if kind is None:
            self._log.replace(self._lines())

    def flush(self) -> None:
        """Make sure that what was recorded is there: before the files that `begin` announced."""
        self._log.flush()

    def has(self, file: str, digest: str) -> bool:
        """Whether a file is there and whole, with all that belongs to it, for these rows."""
        known = self._written.get(file)
        if known is None or known.rows != digest or not known.is_whole:
            return False
        return all(self._folder.exists(name) for name in (file, *known.beside))

    def own(self, prefix: str) -> set[str]:
        """The files that an export wrote whose names begin so."""
        return {name for name in self._own if name.startswith(prefix)}

    def begin(self, name: str, source: str = "") -> None:
        """Record that a file is going to be written: an export that is killed may replace it.

        Args:
            name: Its name under the folder; that of a folder, ending in a slash, for all in it.
            source: The document, "" where all documents are in one file.

        Raises:
            JobError: It is there, and no export wrote it, or it was written for another document.
        """
        place, known = self._folder.place(name), self._written.get(name)
        if name not in self._own and self._folder.exists(name):
            raise JobError(f"{place} is there, and not from an export; name another folder")
        is_others = known and source and known.source not in ("", source)
        if known and is_others and self._folder.exists(name):
            raise JobError(
                f"{place} is that of {known.source}, not of {source}; name another folder"
            )
        if name not in self._own:
            self._own.add(name)
            self._record({"begun": name})

    def begin_selection(self, selection: str, files: Iterable[str]) -> None:
        """Record which pages the files of all documents are of.

        Args:
            selection: The output and the selection, in words.
            files: These files.

        Raises:
            JobError: One of them is there, and of other pages.
        """
        if self._selection == selection:
            return
        there = sorted(name for name in files if self._folder.exists(name))
        if self._selection and there:
            place = self._folder.place(there[0])
            raise JobError(
                f"{place} is of {self._selection}, not of {selection}; name another folder with "
                "--to, or delete it and the files beside it to have them replaced"
            )
        self._selection = selection
        self._record({"selection": selection})

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
        self._record(_line(file, self._written[file]))

    def leave_out(self, file: str, why: str) -> None:
        """Record that a file cannot be written now; the next export tries again."""
        self._record({"file": file, "left_out": why})

    def _record(self, record: Mapping[str, object]) -> None:
        self._log.append(json.dumps(record))

    def _lines(self) -> Iterator[str]:
        """All that is known, in as few lines as possible."""
        if self._selection:
            yield json.dumps({"selection": self._selection})
        for name in sorted(self._own - self._written.keys()):
            yield json.dumps({"begun": name})
        for file, written in self._written.items():
            yield json.dumps(_line(file, written))

    def _know(self, file: str, written: _Written) -> None:
        self._written[file] = written
        folders = {f"{name.rpartition('/')[0]}/" for name in written.beside}
        self._own |= {file, *written.beside, *folders}

    def _take(self, line: str) -> None:
        try:
            known = json.loads(line)
            if "begun" in known:
                self._own.add(str(known["begun"]))
            elif "selection" in known:
                self._selection = str(known["selection"])
            else:
                self._take_file(known)
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # the last line of an export that was killed: its file is written again

    def _take_file(self, known: Mapping[str, object]) -> None:
        given = known.get("beside", ())
        beside = tuple(map(str, given)) if isinstance(given, list) else ()
        is_whole = known.get("whole", True) is True
        written = _Written(str(known["rows"]), str(known.get("source", "")), beside, is_whole)
        self._know(str(known["file"]), written)


def _line(file: str, written: _Written) -> Mapping[str, object]:
    record: dict[str, object] = {"file": file, "rows": written.rows}
    if written.source:
        record["source"] = written.source
    if written.beside:
        record["beside"] = list(written.beside)
    if not written.is_whole:
        record["whole"] = False
    return record
