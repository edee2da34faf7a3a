"""The result of a job in four formats, a few pages in memory at a time. Everything here blocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from io import BytesIO
from typing import Final

import pyarrow as pa

from pipeline.output import schema
from pipeline.output.row_index import RowIndex
from pipeline.output.rows import Row, page_results
from pipeline.storage.paths import AnyPath
from serving.errors import ApiError
from serving.ocr import chat_response, document_response
from serving.ocr.document_response import OcrPage

_PAGES_AT_A_TIME: Final = 64
_PIECE_BYTES: Final = 1 << 20


class ResultFormat(StrEnum):
    """How a result is written; the value of `format`."""

    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


MEDIA_TYPES: Final = {
    ResultFormat.JSON: "application/json",
    ResultFormat.NDJSON: "application/x-ndjson",
    ResultFormat.MARKDOWN: "text/markdown",
    ResultFormat.PARQUET: "application/vnd.apache.parquet",
}


def choose(accept: str) -> ResultFormat:
    """The format that a header Accept asks for: the one it names first, JSON where it names none.

    Raises:
        ApiError: 406: it names others only.
    """
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    by_type = {media_type: name for name, media_type in MEDIA_TYPES.items()}
    for name in names:
        if name in by_type:
            return by_type[name]
    if any(name in ("", "*/*", "application/*") for name in names):
        return ResultFormat.JSON
    known = ", ".join(MEDIA_TYPES.values())
    raise ApiError(406, "not_acceptable", f"a result is one of: {known}; or set format")


class Result:
    """The rows of a job, in the order of its pages.

    Args:
        pages: The folder of its shards.
        separator: Text between two pages of Markdown; {page} is the number of the second.
        on_read: Called whenever the store has answered.

    Raises:
        JobError: The store does not answer.
        DocumentError: A shard cannot be fetched.
    """

    def __init__(
        self, pages: AnyPath, separator: str, on_read: Callable[[], object] = lambda: None
    ) -> None:
        self._index = RowIndex(pages, on_read=on_read)
        self._separator = separator
        numbers = self._index.table["page"].to_pylist()
        # A page has two rows only where a process lost its lock while it was writing.
        self._rows = list({page: row for row, page in enumerate(numbers)}.values())

    def __len__(self) -> int:
        return len(self._rows)

    def write(
        self, wanted: ResultFormat, model: str, media_type: str, page_count: int
    ) -> Iterator[bytes]:
        """The result, piece by piece.

        Args:
            wanted: The format.
            model: The model's name, for JSON.
            media_type: What the document is, for JSON.
            page_count: Pages of the document, for JSON.
        """
        if wanted is ResultFormat.PARQUET:
            return _joined(self._parquet())
        if wanted is ResultFormat.NDJSON:
            return _joined(page.model_dump_json().encode() + b"\n" for page in self._pages())
        if wanted is ResultFormat.MARKDOWN:
            return _joined(self._markdown())
        head = {"model": model, "media_type": media_type, "page_count": page_count}
        return _joined(self._json(json.dumps(head, ensure_ascii=False)[:-1]))

    def _json(self, head: str) -> Iterator[bytes]:
        """An `OcrDocument`, whose text and usage are known when its pages have been written."""
        texts, usages = list[str](), list[document_response.OcrTokens]()
        yield f'{head}, "pages": ['.encode()
        for number, page in enumerate(self._pages()):
            texts.append(page.markdown)
            usages.append(page.usage)
            yield (b"," if number else b"") + page.model_dump_json().encode()
        markdown = json.dumps(document_response.joined(texts), ensure_ascii=False)
        usage = document_response.total(usages).model_dump_json()
        yield f'], "markdown": {markdown}, "usage": {usage}}}'.encode()

    def _markdown(self) -> Iterator[bytes]:
        first = True
        for rows in self._batches():
            for result in page_results(_table(rows)):
                page = result.ref.page, result.recognition
                yield chat_response.page_text(page, self._separator, first=first).encode()
                first = False

    def _parquet(self) -> Iterator[bytes]:
        """One file, as its row groups are written."""
        import pyarrow.parquet as pq

        written = BytesIO()
        with pq.ParquetWriter(written, schema.PAGES, compression="zstd") as writer:
            for rows in self._batches():
                writer.write_table(_table(rows))
                yield _taken(written)
        yield _taken(written)

    def _pages(self) -> Iterator[OcrPage]:
        for rows in self._batches():
            for result in page_results(_table(rows)):
                yield document_response.page(result)

    def _batches(self) -> Iterator[Sequence[Row]]:
        names = schema.PAGES.names
        for numbers in _chunks(self._rows):
            yield self._index.read(numbers, names)


def _table(rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema.PAGES)


def _taken(written: BytesIO) -> bytes:
    """What is in a buffer, which is empty then."""
    content = written.getvalue()
    written.seek(0)
    written.truncate()
    return content


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same in fewer pieces: each passes two processes on its way to the caller."""
    waiting, size = list[bytes](), 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _PAGES_AT_A_TIME):
        yield numbers[start : start + _PAGES_AT_A_TIME]
