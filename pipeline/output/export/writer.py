"""Writes documents, and files of a data set, into the folder of an export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import quote

from pipeline.config import ExportOptions
from pipeline.documents.page_text import PageText
from pipeline.errors import RecordedError, RefusedError
from pipeline.output.export.dataset import DatasetWriter
from pipeline.output.export.documents import PageReader
from pipeline.output.export.figures import Figure, FigureCutter
from pipeline.output.export.folder import Folder, open_folder, write_file
from pipeline.output.export.formats import FORMATS
from pipeline.output.export.page_images import PageImages
from pipeline.output.export.source import DocumentSource
from pipeline.output.export.work import DatasetWork, DocumentWork, FileWork, Work, Written
from pipeline.output.export.work import WrittenFile as File
from pipeline.types import PageImage, PageRef, PageResult

Report = Callable[[int], None]
"""Takes the number of pages that were done since its last call."""


class PageDrawer(AbstractContextManager["PageDrawer"], Protocol):
    """Draws pages of originals: `pipeline.documents.originals.Originals`."""

    def page(self, ref: PageRef) -> PageImage:
        """Draw a page; raises RecordedError."""

    def another(self) -> PageDrawer:
        """One more, with a process of its own, for another thread."""

    def searchable(self, ref: PageRef, pages: Iterable[PageText]) -> AbstractContextManager[Path]:
        """A copy of a document with invisible text; raises RecordedError or RefusedError."""


class Writer:
    """Writes pieces of work.

    Args:
        reader: Reads the pages.
        options: The folder and the settings of the formats.
        originals: Draws pages.
        report: Told of progress.

    Raises:
        ConfigError: The folder is none that can be written to.
    """

    def __init__(
        self, reader: PageReader, options: ExportOptions, originals: PageDrawer, report: Report
    ) -> None:
        self._reader, self._options, self._originals = reader, options, originals
        self._report = report
        self._folder = open_folder(options.to, options.store)
        self._opened = ExitStack()
        self._dataset: DatasetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def write_all(self, batches: Iterable[tuple[Work, ...]]) -> Iterator[Written]:
        """Write pieces of work one after the other.

        Raises:
            OSError: A file cannot be written.
            JobError: A sandbox's process does not start.
            DocumentError: A shard of the output cannot be fetched.
        """
        for batch in batches:
            for work in batch:
                yield self.write(work)

    def write(self, work: Work) -> Written:
        """Write one piece.

        Raises:
            OSError: A file cannot be written.
            JobError: A sandbox's process does not start.
            DocumentError: A shard of the output cannot be fetched.
        """
        if isinstance(work, DatasetWork):
            pages = chain.from_iterable(map(self._reader.results, work.documents))
            return self._dataset_writer().write(work, pages, self._folder)
        written = self._document(work)
        self._report(work.pages)
        return written

    def _dataset_writer(self) -> DatasetWriter:
        """Opened with the first file: it has processes that draw."""
        if self._dataset is None:
            images = PageImages(self._originals.another, self._options.dataset)
            self._opened.enter_context(images)
            self._dataset = DatasetWriter(self._options, images, self._report)
        return self._dataset

    def _document(self, work: DocumentWork) -> Written:
        pages = self._reader.results(work.document)
        files: list[File] = []
        warnings: list[str] = []
        for each in work.files:
            try:
                files.append(self._file(each, work, pages, warnings))
            except (RecordedError, RefusedError) as error:
                warnings.append(f"{work.document.uri}: no {each.format}: {error}")
                files.append(File(each.format, each.file, each.digest, left_out=str(error)))
        return Written(tuple(files), work.pages, tuple(warnings))

    def _file(
        self, each: FileWork, work: DocumentWork, pages: list[PageResult], warnings: list[str]
    ) -> File:
        missing: list[str] = []
        cutter = FigureCutter(self._originals.page, self._options.figures, missing.append)
        saved = _SavedFigures(self._folder, work.figures)
        searchable = partial(self._originals.searchable, pages[0].ref)
        source = DocumentSource(pages, self._options, cutter.figures, saved, searchable)
        parts = FORMATS[each.format].write(source)
        try:
            write_file(self._folder, each.file, map(_encoded, parts))
        finally:
            warnings += missing
        return File(
            each.format,
            each.file,
            each.digest,
            work.document.uri,
            tuple(saved.names),
            is_whole=not missing,
        )


class _SavedFigures:
    """Writes figures into the folder of a document's figures, and returns their URL beside it."""

    def __init__(self, to: Folder, folder: str) -> None:
        self._to, self._folder = to, folder
        self.names: list[str] = []

    def __call__(self, figure: Figure) -> str:
        name = f"{self._folder}{figure.anchor}.png"
        write_file(self._to, name, [figure.png])
        self.names.append(name)
        _, _, folder = self._folder.rstrip("/").rpartition("/")
        return quote(f"{folder}/{figure.anchor}.png")


def _encoded(part: str | bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    # Lone surrogates, which some PDFs have, are no UTF-8.
    return part.encode("utf-8", "replace")
