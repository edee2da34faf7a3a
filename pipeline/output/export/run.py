"""Writes the files of an export into a folder: finds what is missing, and records what is written.

A file appears under its name once it is whole. The state of the folder (`state`) says for which
rows each was written: run again, an export writes what is missing and what was read again since.
Who writes is chosen by the caller: this process (`export`), or others (`export_by`). The state is
kept here in both cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pipeline.config import ExportOptions
from pipeline.errors import JobError
from pipeline.output.export import dataset
from pipeline.output.export.documents import ExportedDocument, OutputIndex, PageReader
from pipeline.output.export.folder import open_folder
from pipeline.output.export.formats import DATASET, FORMATS, Format
from pipeline.output.export.names import distinct, file_name
from pipeline.output.export.state import State
from pipeline.output.export.work import DocumentWork, FileWork, Work, WriteAll, Written
from pipeline.output.export.writer import PageDrawer, Report, Writer

MAX_WARNINGS: Final = 20
"""Warnings that are kept; all are counted."""
PAGES_PER_BATCH: Final = 500
"""Pages whose files are announced together: of so many, files are written anew after a kill."""
_FIGURES: Final = ".figures"
"""Ending of the folder with a document's figures."""

W = TypeVar("W", bound=Work)


@dataclass(slots=True)
class Exported:
    """What an export did.

    Attributes:
        files: Files that were written, by format.
        kept: Files that were there already, by format.
        pages: Pages of the files that were written, each once.
        warnings: What was missing, the first `MAX_WARNINGS`.
        warned: Number of all warnings.
        left_out: Files that cannot be written for their documents; each has a warning.
    """

    files: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    warnings: list[str] = field(default_factory=list)
    warned: int = 0
    left_out: int = 0

    def warn(self, message: str) -> None:
        """Count a warning."""
        self.warned += 1
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(message)


def export(
    index: OutputIndex,
    options: ExportOptions,
    originals: PageDrawer,
    report: Report = lambda pages: None,
) -> Exported:
    """Write the documents of an output as files, in this process.

    Args:
        index: The documents.
        options: The formats, the folder, which is made, and the settings of the formats.
        originals: Draws pages for the formats with figures.
        report: Told of progress.

    Raises:
        ConfigError: The folder is none that can be written to.
        JobError: The folder or a file cannot be written.
        DocumentError: A shard of the output cannot be fetched.
    """
    with Writer(PageReader(index.shards), options, originals, report) as writer:
        return export_by(writer.write_all, index, options, report)


def export_by(
    write_all: WriteAll,
    index: OutputIndex,
    options: ExportOptions,
    report: Report = lambda pages: None,
    pages_per_batch: int = PAGES_PER_BATCH,
) -> Exported:
    """Write the documents of an output as files.

    Args:
        write_all: Writes them, and reports their pages.
        index: The documents.
        options: The formats, the folder, which is made, and the settings of the formats.
        report: Told of the pages of files that are there already.
        pages_per_batch: Pages of a batch; a document is in one batch, however long it is.

    Raises:
        ConfigError: The folder is none that can be written to.
        JobError: The folder or a file cannot be written.
        DocumentError: A shard of the output cannot be fetched.
    """
    formats = list(dict.fromkeys(options.format))
    done = Exported(dict.fromkeys(formats, 0), dict.fromkeys(formats, 0))
    folder = open_folder(options.to, options.store)
    try:
        folder.prepare()
        with State(folder) as state:
            passes = _Export(write_all, options, state, done, report, pages_per_batch)
            if documents := [name for name in formats if name != DATASET]:
                passes.documents(index, documents)
            if DATASET in formats:
                passes.dataset(index)
                dataset.write_card(folder, state)
                for name in dataset.written_before(state) - passes.dataset_files:
                    folder.delete(name)
    except OSError as error:
        raise JobError(f"cannot write to {options.to}: {error.strerror or error}") from error
    return done


def passes(formats: Iterable[str]) -> int:
    """How often each page is reported: the data set is written after all other formats."""
    names = set(formats)
    return bool(names - {DATASET}) + (DATASET in names)


@dataclass(slots=True)
class _Export:
    """The passes of one export over its documents."""

    write_all: WriteAll
    options: ExportOptions
    state: State
    done: Exported
    report: Callable[[int], None]
    pages_per_batch: int
    dataset_files: set[str] = field(default_factory=set)

    def documents(self, index: OutputIndex, formats: Iterable[str]) -> None:
        """Write a file for each document and format."""
        self._run(self._missing_documents(index, list(formats)))

    def dataset(self, index: OutputIndex) -> None:
        """Write the files of the data set."""
        self.state.begin_selection(index.selection, dataset.written_before(self.state))
        before, self.done.pages = self.done.pages, 0
        self._run(self._missing_dataset_files(index))
        self.done.pages = max(before, self.done.pages)

    def _run(self, missing: Iterator[Work]) -> None:
        for written in self.write_all(self._begun(_batches(missing, self.pages_per_batch))):
            self._record(written)

    def _begun(self, batches: Iterable[tuple[Work, ...]]) -> Iterator[tuple[Work, ...]]:
        """Announce the files of each batch in the state before they are written."""
        for batch in batches:
            for work in batch:
                self._begin(work)
            self.state.flush()
            yield batch

    def _begin(self, work: Work) -> None:
        if not isinstance(work, DocumentWork):
            self.state.begin(work.file)
            return
        for each in work.files:
            self.state.begin(each.file, work.document.uri)
            if FORMATS[each.format].has_files_beside:
                self.state.begin(work.figures)

    def _record(self, written: Written) -> None:
        for message in written.warnings:
            self.done.warn(message)
        for file in written.files:
            if file.left_out:
                self.done.left_out += 1
                self.state.leave_out(file.file, file.left_out)
                continue
            self.done.files[file.format] += 1
            self.state.add(
                *(file.file, file.digest, file.source, file.beside), is_whole=file.is_whole
            )
        self.done.pages += written.pages

    def _missing_documents(self, index: OutputIndex, formats: list[str]) -> Iterator[Work]:
        taken: set[str] = set()
        for document in index.documents():
            files = [
                FileWork(
                    name,
                    _name(document, index.folder, FORMATS[name].suffix, taken),
                    self._digest(document, FORMATS[name]),
                )
                for name in formats
            ]
            figures = _name(document, index.folder, _FIGURES, taken) + "/"
            missing = tuple(each for each in files if not self.state.has(each.file, each.digest))
            for each in files:
                self.done.kept[each.format] += each not in missing
            if missing:
                yield DocumentWork(document, missing, figures)
            else:
                self.report(document.pages)

    def _missing_dataset_files(self, index: OutputIndex) -> Iterator[Work]:
        for work in dataset.plan(index, self.options):
            self.dataset_files.add(work.file)
            if self.state.has(work.file, work.digest):
                self.done.kept[DATASET] += 1
                self.report(work.pages)
            else:
                yield work

    def _digest(self, document: ExportedDocument, kind: Format) -> str:
        """Identity of a file: the rows, and the settings where the format has any."""
        if not kind.sections:
            return document.digest
        settings = self.options.model_dump_json(include=set(kind.sections))
        return hashlib.sha256(f"{document.digest} {settings}".encode()).hexdigest()[:32]


def _batches(work: Iterable[W], pages: int) -> Iterator[tuple[W, ...]]:
    """Work with at least so many pages in all, the last with what there is."""
    batch: list[W] = []
    count = 0
    for each in work:
        batch.append(each)
        count += each.pages
        if count >= pages:
            yield tuple(batch)
            batch, count = [], 0
    if batch:
        yield tuple(batch)


def _name(document: ExportedDocument, folder: str, suffix: str, taken: set[str]) -> str:
    name = file_name(document.uri, folder, suffix)
    if name.casefold() in taken:  # two contents of one place, or a file system without case
        name = distinct(name, document.doc_id)
    if name.casefold() in taken:  # the same content in both, or none that could be read
        name = distinct(name, hashlib.sha256(document.uri.encode("utf-8", "replace")).hexdigest())
    taken.add(name.casefold())
    return name
