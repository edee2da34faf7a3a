"""Writes the files of an export into a folder, one document at a time.

A file appears under its name once it is whole. `STATE_NAME` in the folder says for which rows each
was written: run again, an export writes what is missing and what was read again since.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.errors import JobError
from pipeline.output.export.documents import ExportedDocument, OutputIndex
from pipeline.output.export.formats import FORMATS
from pipeline.output.export.names import common_folder, distinct, file_name

STATE_NAME: Final = ".rayscribe-export.jsonl"

Report = Callable[[int], None]
"""Takes the number of pages that were done since its last call."""


@dataclass(slots=True)
class Exported:
    """What an export did.

    Attributes:
        files: Files that were written, by format.
        kept: Files that were there already, by format.
        pages: Pages of the files that were written, each once.
    """

    files: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    pages: int = 0


def export(
    index: OutputIndex, formats: Collection[str], to: Path, report: Report = lambda pages: None
) -> Exported:
    """Write the documents of an output as files.

    Args:
        index: The documents.
        formats: Names from `FORMATS`.
        to: The folder, which is made.
        report: Told of progress.

    Raises:
        JobError: The folder or a file cannot be written.
        DocumentError: A shard of the output cannot be fetched.
    """
    done = Exported(dict.fromkeys(formats, 0), dict.fromkeys(formats, 0))
    try:
        to.mkdir(parents=True, exist_ok=True)
        state = _State(to / STATE_NAME)
        with state:
            _export(index, formats, to, state, done, report)
    except OSError as error:
        raise JobError(f"cannot write to {to}: {error.strerror or error}") from error
    return done


def _export(
    index: OutputIndex,
    formats: Collection[str],
    to: Path,
    state: _State,
    done: Exported,
    report: Report,
) -> None:
    folder = common_folder(index.uris())
    taken: set[str] = set()
    for document in index.documents():
        names = {name: _name(document, folder, FORMATS[name].suffix, taken) for name in formats}
        missing = [
            name
            for name, file in names.items()
            if not (state.has(file, document.digest) and (to / file).exists())
        ]
        for name in formats:
            done.kept[name] += name not in missing
        if missing:
            results = index.results(document)
            done.pages += len(results)
            for name in missing:
                state.check_own(names[name])
                _write(to / names[name], FORMATS[name].write(results))
                state.add(names[name], document.digest)
                done.files[name] += 1
        report(document.pages)


def _name(document: ExportedDocument, folder: str, suffix: str, taken: set[str]) -> str:
    name = file_name(document.uri, folder, suffix)
    if name.casefold() in taken:  # two contents of one place, or a file system without case
        name = distinct(name, document.doc_id)
    taken.add(name.casefold())
    return name


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name[:100]}.partial")
    # Lone surrogates, which some PDFs have, are no UTF-8.
    partial.write_bytes(content.encode("utf-8", "replace"))
    os.replace(partial, path)


class _State:
    """Which rows each file of a folder was written for; a line for every file, the last counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digests: dict[str, str] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._take(line)

    def __enter__(self) -> _State:
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def has(self, file: str, digest: str) -> bool:
        """Whether a file was written for these rows."""
        return self._digests.get(file) == digest

    def check_own(self, file: str) -> None:
        """Check that a file may be replaced.

        Raises:
            JobError: It is there, and no export wrote it.
        """
        path = self._path.parent / file
        if file not in self._digests and path.exists():
            raise JobError(f"{path} is there, and not from an export; name another folder")

    def add(self, file: str, digest: str) -> None:
        """Record that a file is written."""
        self._digests[file] = digest
        self._file.write(json.dumps({"file": file, "rows": digest}) + "\n")
        self._file.flush()

    def _take(self, line: str) -> None:
        try:
            known = json.loads(line)
            self._digests[str(known["file"])] = str(known["rows"])
        except (ValueError, KeyError, TypeError):
            return  # the last line of an export that was killed: its file is written again
