"""Writes the files of an export into a folder, one document at a time.

A file appears under its name once it is whole. `state.STATE_NAME` in the folder says for which rows
each was written: run again, an export writes what is missing and what was read again since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from pipeline.config import ExportOptions
from pipeline.documents.page_text import PageText
from pipeline.errors import JobError, RecordedError, RefusedError
from pipeline.output.export.dataset import DatasetExport
from pipeline.output.export.documents import ExportedDocument, OutputIndex
from pipeline.output.export.figures import Figure, FigureCutter
from pipeline.output.export.files import write_file
from pipeline.output.export.formats import DATASET, FORMATS, Format
from pipeline.output.export.names import distinct, file_name
from pipeline.output.export.page_images import PageImages
from pipeline.output.export.source import DocumentSource
from pipeline.output.export.state import State
from pipeline.types import PageImage, PageRef, PageResult

Report = Callable[[int], None]
"""Takes the number of pages that were done since its last call."""
MAX_WARNINGS: Final = 20
"""Warnings that are kept; all are counted."""
_FIGURES: Final = ".figures"
"""Ending of the folder with a document's figures."""


class PageDrawer(AbstractContextManager["PageDrawer"], Protocol):
    """Draws pages of originals: `pipeline.documents.originals.Originals`."""

    def page(self, ref: PageRef) -> PageImage:
        """Draw a page; raises RecordedError."""

    def another(self) -> PageDrawer:
        """One more, with a process of its own, for another thread."""

    def searchable(self, ref: PageRef, pages: Iterable[PageText]) -> AbstractContextManager[Path]:
        """A copy of a document with invisible text; raises RecordedError or RefusedError."""


@dataclass(slots=True)
class Exported:
    """What an export did.

    Attributes:
        files: Files of documents that were written, by format.
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
    """Write the documents of an output as files.

    Args:
        index: The documents.
        options: The formats, the folder, which is made, and the settings of the formats.
        originals: Draws pages for the formats with figures.
        report: Told of progress.

    Raises:
        JobError: The folder or a file cannot be written.
        DocumentError: A shard of the output cannot be fetched.
    """
    formats = list(dict.fromkeys(options.format))
    done = Exported(dict.fromkeys(formats, 0), dict.fromkeys(formats, 0))
    to = Path(options.to)
    try:
        to.mkdir(parents=True, exist_ok=True)
        with State(to) as state:
            documents = [name for name in formats if name != DATASET]
            if documents:
                _Exporter(index, options, originals, state, done).run(documents, report)
            if DATASET in formats:
                _export_dataset(index, options, originals, state, done, report)
    except OSError as error:
        raise JobError(f"cannot write to {to}: {error.strerror or error}") from error
    return done


def passes(formats: Iterable[str]) -> int:
    """How often each page is reported: the data set is written after all other formats."""
    names = set(formats)
    return bool(names - {DATASET}) + (DATASET in names)


def _export_dataset(
    index: OutputIndex,
    options: ExportOptions,
    originals: PageDrawer,
    state: State,
    done: Exported,
    report: Report,
) -> None:
    with PageImages(originals.another, options.dataset) as images:
        dataset = DatasetExport(options, images, state, done.warn, report)
        dataset.write(index)
    done.files[DATASET], done.kept[DATASET] = dataset.files, dataset.kept
    done.pages = max(done.pages, dataset.pages)


class _Exporter:
    """Writes the documents of one export."""

    def __init__(
        self,
        index: OutputIndex,
        options: ExportOptions,
        originals: PageDrawer,
        state: State,
        done: Exported,
    ) -> None:
        self._index, self._options, self._state, self._done = index, options, state, done
        self._to = Path(options.to)
        self._originals = originals

    def run(self, formats: Iterable[str], report: Report) -> None:
        """Write the documents one after the other."""
        folder = self._index.folder
        taken: set[str] = set()
        for document in self._index.documents():
            names = {name: _name(document, folder, FORMATS[name].suffix, taken) for name in formats}
            figures = _name(document, folder, _FIGURES, taken)
            self._document(document, names, figures)
            report(document.pages)

    def _document(self, document: ExportedDocument, names: dict[str, str], figures: str) -> None:
        digests = {name: self._digest(document, FORMATS[name]) for name in names}
        missing = [name for name in names if not self._state.has(names[name], digests[name])]
        for name in names:
            self._done.kept[name] += name not in missing
        if not missing:
            return
        pages = self._index.results(document)
        self._done.pages += len(pages)
        for name in missing:
            try:
                self._write(names[name], digests[name], FORMATS[name], pages, figures)
            except (RecordedError, RefusedError) as error:
                self._done.left_out += 1
                self._state.leave_out(names[name], str(error))
                self._done.warn(f"{document.uri}: no {name}: {error}")
            else:
                self._done.files[name] += 1

    def _digest(self, document: ExportedDocument, kind: Format) -> str:
        """Identity of a file: the rows, and the settings where the format has any."""
        if not kind.sections:
            return document.digest
        settings = self._options.model_dump_json(include=set(kind.sections))
        return hashlib.sha256(f"{document.digest} {settings}".encode()).hexdigest()[:32]

    def _write(
        self, file: str, digest: str, kind: Format, pages: list[PageResult], figures: str
    ) -> None:
        uri = pages[0].ref.uri
        self._state.begin(file, uri)
        warned = self._done.warned
        cutter = FigureCutter(self._originals.page, self._options.figures, self._done.warn)
        saved = _SavedFigures(self._to, figures, self._state)
        searchable = partial(self._originals.searchable, pages[0].ref)
        source = DocumentSource(pages, self._options, cutter.figures, saved, searchable)
        write_file(self._to / file, (_encoded(part) for part in kind.write(source)))
        is_whole = self._done.warned == warned
        self._state.add(file, digest, uri, saved.names, is_whole=is_whole)


class _SavedFigures:
    """Writes figures into the folder of a document's figures, and returns their URL beside it."""

    def __init__(self, to: Path, folder: str, state: State) -> None:
        self._to, self._folder, self._state = to, folder, state
        self.names: list[str] = []

    def __call__(self, figure: Figure) -> str:
        name = f"{self._folder}/{figure.anchor}.png"
        self._state.begin(name)
        write_file(self._to / name, [figure.png])
        self.names.append(name)
        _, _, folder = self._folder.rpartition("/")
        return quote(f"{folder}/{figure.anchor}.png")


def _name(document: ExportedDocument, folder: str, suffix: str, taken: set[str]) -> str:
    name = file_name(document.uri, folder, suffix)
    if name.casefold() in taken:  # two contents of one place, or a file system without case
        name = distinct(name, document.doc_id)
    if name.casefold() in taken:  # the same content in both, or none that could be read
        name = distinct(name, hashlib.sha256(document.uri.encode("utf-8", "replace")).hexdigest())
    taken.add(name.casefold())
    return name


def _encoded(part: str | bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    # Lone surrogates, which some PDFs have, are no UTF-8.
    return part.encode("utf-8", "replace")
