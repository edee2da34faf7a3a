"""Outputs of jobs, made of a few rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.config import OutputConfig
from pipeline.output import shards
from pipeline.output.completed import page_id
from pipeline.output.rows import pages_table
from pipeline.output.schema import PAGES
from pipeline.types import Block, PageIds, PageRef, PageResult, Recognition, Source, Status


def page(
    uri: str,
    number: int,
    text: str,
    *,
    status: Status = Status.OK,
    source: Source | None = Source.OCR,
    recipe: str = "r1",
) -> PageResult:
    """A page with a text, of the document at this place if there is one."""
    known = Path(uri).is_file()
    doc_id = hashlib.sha256(Path(uri).read_bytes()).hexdigest() if known else "ab" * 32
    ref = PageRef(uri, doc_id, number, 9, "application/pdf", 612, 792)
    ids = PageIds(page_id(uri, doc_id, number, recipe), "", recipe)
    return PageResult(ref, Recognition(status, text), source, 1275, 1650, 150.0, ids=ids)


def write_pages(folder: Path, *parts: Sequence[PageResult], per_group: int = 2) -> Path:
    """Write each part as a shard of an output; returns the folder with its rows."""
    pages = folder / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    config = OutputConfig(pages_per_row_group=per_group)
    for number, part in enumerate(parts):
        table = pages_table(part) if part else PAGES.empty_table()
        shards.write_pages(pages / f"part-{number}.parquet", config, table)
    return pages


def write_output(folder: Path, texts: Mapping[tuple[str, int], str]) -> Path:
    """Write an output of one shard; texts by URI and page."""
    return write_pages(folder, [page(uri, number, text) for (uri, number), text in texts.items()])


def with_blocks(result: PageResult, *blocks: Block) -> PageResult:
    """The same page with regions."""
    return replace(result, recognition=replace(result.recognition, blocks=blocks))
