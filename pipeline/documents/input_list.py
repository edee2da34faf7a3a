"""Reads lists of places: plain text, JSONL with a named field, Parquet with a named column."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError, RecordedError
from pipeline.storage import remote_file, uri

_ROWS = 4096


def places(name: str, field: str, store: StoreConfig) -> Iterator[str]:
    """The places that a list names, line by line; the list is never in memory as a whole.

    Args:
        name: The list, anywhere. ``.jsonl`` and ``.ndjson`` are JSON lines, ``.parquet`` is
            Parquet, anything else is text with one place a line.
        field: The field or column with the place.
        store: How stores are reached.

    Raises:
        ConfigError: The list cannot be read, or a line of it has no place.
    """
    uri.check(name)
    try:
        with remote_file.reader(name, store) as file:
            yield from _read(name, field, file)
    except UnicodeDecodeError as error:
        raise ConfigError(f"the list {name} cannot be read: {error}") from None
    except (OSError, RecordedError) as error:
        raise ConfigError(f"the list {name} cannot be read: {error}") from None


def _read(name: str, field: str, file: BinaryIO) -> Iterator[str]:
    suffix = PurePosixPath(name.split("?")[0] if uri.is_web(name) else name).suffix.lower()
    if suffix == ".parquet":
        yield from _parquet(name, field, file)
        return
    is_json = suffix in (".jsonl", ".ndjson")
    with io.TextIOWrapper(file, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _json_place(name, number, field, line) if is_json else line.strip()


def _json_place(name: str, number: int, field: str, line: str) -> str:
    try:
        place = json.loads(line)[field]
    except (ValueError, KeyError, TypeError, IndexError):
        place = None
    if not isinstance(place, str) or not place:
        raise ConfigError(
            f"line {number} of {name} is no JSON object with a place in {field!r} "
            "(--input.list-field names the field)"
        )
    return place


def _parquet(name: str, field: str, file: BinaryIO) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        if field not in table.schema_arrow.names:
            columns = ", ".join(table.schema_arrow.names)
            raise ConfigError(f"{name} has no column {field!r}; it has {columns}")
        for batch in table.iter_batches(_ROWS, columns=[field]):
            yield from (str(place) for place in batch.column(0).to_pylist() if place)
    except pa.ArrowException as error:
        raise ConfigError(f"the list {name} cannot be read: {error}") from None
