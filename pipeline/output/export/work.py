"""What an export has to write, and what was written: what goes to a writer and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pipeline.output.export.documents import ExportedDocument


@dataclass(frozen=True, slots=True)
class FileWork:
    """A file of a document.

    Attributes:
        format: Its format.
        file: Its name under the folder, with forward slashes.
        digest: Of the rows and settings that it is written for.
    """

    format: str
    file: str
    digest: str


@dataclass(frozen=True, slots=True)
class DocumentWork:
    """A document of which files are missing.

    Attributes:
        document: The document.
        files: These files.
        figures: The folder for its figures, ending in a slash.
    """

    document: ExportedDocument
    files: tuple[FileWork, ...]
    figures: str

    @property
    def pages(self) -> int:
        """Pages that are written."""
        return self.document.pages


@dataclass(frozen=True, slots=True)
class DatasetWork:
    """A file of a data set.

    Attributes:
        file: Its name under the folder.
        digest: Of the rows and settings that it is written for.
        documents: The documents in it.
    """

    file: str
    digest: str
    documents: tuple[ExportedDocument, ...]

    @property
    def pages(self) -> int:
        """Pages that are written."""
        return sum(document.pages for document in self.documents)


Work = DocumentWork | DatasetWork


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What became of a file.

    Attributes:
        format: Its format.
        file: Its name under the folder.
        digest: Of the rows and settings that it was written for.
        source: The document, "" where all documents are in one file.
        beside: Files that belong to it.
        is_whole: Whether nothing of it was missing.
        left_out: Why it cannot be written, "" where it was.
    """

    format: str
    file: str
    digest: str
    source: str = ""
    beside: tuple[str, ...] = ()
    is_whole: bool = True
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a piece of work.

    Attributes:
        files: Its files.
        pages: Their pages, each once.
        warnings: What is missing of them.
    """

    files: tuple[WrittenFile, ...]
    pages: int
    warnings: tuple[str, ...] = ()


WriteAll = Callable[[Iterable[tuple[Work, ...]]], Iterator[Written]]
"""Writes batches of work, and yields what was written of each piece, in any order. Work of a batch
is written after the next batch was asked for at the latest."""
