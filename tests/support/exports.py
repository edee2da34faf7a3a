"""Outputs for tests of exports, made without a job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from pipeline.config import ExportOptions, OutputConfig
from pipeline.documents.page_text import PageText
from pipeline.errors import DocumentError, ErrorKind
from pipeline.output import shards
from pipeline.output.completed import page_id
from pipeline.output.export.source import DocumentSource
from pipeline.output.rows import pages_table
from pipeline.types import (
    Block,
    Failure,
    PageIds,
    PageImage,
    PageRef,
    PageResult,
    Recognition,
    Source,
    Status,
)


def page(
    uri: str,
    number: int,
    text: str = "",
    *,
    doc_id: str = "ab" * 32,
    blocks: Sequence[Block] | None = None,
) -> PageResult:
    """A page with some text, or one that failed where it has none."""
    if blocks is None:
        blocks = [Block("text", text, (1, 2, 3, 4), 0.5)]
    recognition = Recognition(Status.OK, text, tuple(blocks))
    if not text:
        failure = Failure(ErrorKind.RENDER, "cannot be\ndrawn")
        recognition = Recognition(Status.FAILED, failure=failure)
    return PageResult(
        PageRef(uri, doc_id, number, 3, "application/pdf", 612, 792),
        recognition,
        Source.OCR if text else None,
        width_px=1224,
        height_px=1584,
        ids=PageIds(page_id(uri, doc_id, number, "r"), "c", "r"),
        engine="fake",
        model="m",
    )


def output(folder: Path, *parts: Sequence[PageResult]) -> Path:
    """A folder of shards, one for each part."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, results in enumerate(parts):
        shards.write_pages(folder / f"part-{number}.parquet", OutputConfig(), pages_table(results))
    return folder


def options(to: Path | str, formats: Sequence[str] = ("markdown",), **more: Any) -> ExportOptions:
    """The settings of an export."""
    return ExportOptions(to=str(to), format=tuple(formats), **more)


def source_of(pages: Sequence[PageResult], **more: Any) -> DocumentSource:
    """What a format writes, without an original."""
    return DocumentSource(pages, options("unused", **more))


class NoOriginals:
    """Originals that are gone."""

    def page(self, ref: PageRef) -> PageImage:
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file")

    def another(self) -> Self:
        return self

    def searchable(self, ref: PageRef, pages: Iterable[PageText]) -> AbstractContextManager[Path]:
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass
