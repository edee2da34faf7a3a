"""Reads lists of URIs: plain text, JSONL with a named field, Parquet with a named column."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError, RecordedError
from pipeline.storage import remote_file, uris

_BATCH_ROWS = 4096


def read_uris(name: str, field: str, store: StoreConfig) -> Iterator[str]:
    """The URIs of a list, one by one; the list is never in memory as a whole.

    Args:
        name: The list's own URI. ``.jsonl`` and ``.ndjson`` are JSON lines, ``.parquet`` is
            Parquet, anything else is text with one URI a line.
        field: The field or column with the URI.
        store: Connection settings of the stores.

    Raises:
        ConfigError: The list cannot be read, or a line of it has no URI.
    """
    uris.check(name)
    try:
        with remote_file.open_binary(name, store) as file:
            yield from _read(name, field, file)
    except UnicodeDecodeError as error:
        raise ConfigError(f"the list {name} cannot be read: {error}") from None
    except (OSError, RecordedError) as error:
        raise ConfigError(f"the list {name} cannot be read: {error}") from None


def _read(name: str, field: str, file: BinaryIO) -> Iterator[str]:
    suffix = PurePosixPath(name.split("?")[0] if uris.is_web(name) else name).suffix.lower()
    if suffix == ".parquet":
        yield from _parquet(name, field, file)
        return
    is_json = suffix in (".jsonl", ".ndjson")
    with io.TextIOWrapper(file, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _json_uri(name, number, field, line) if is_json else line.strip()


def _json_uri(name: str, number: int, field: str, line: str) -> str:
    try:
        uri = json.loads(line)[field]
    except (ValueError, KeyError, TypeError, IndexError):
        uri = None
    if not isinstance(uri, str) or not uri:
        raise ConfigError(
            f"line {number} of {name} is not a JSON object with a URI in {field!r} "
            "(--input.list-field names the field)"
        )
    return uri


def _parquet(name: str, field: str, file: BinaryIO) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        if field not in table.schema_arrow.names:
            columns = ", ".join(table.schema_arrow.names)
            raise ConfigError(f"{name} has no column {field!r}; it has {columns}")
        for batch in table.iter_batches(_BATCH_ROWS, columns=[field]):
            yield from (str(uri) for uri in batch.column(0).to_pylist() if uri)
    except pa.ArrowException as error:
        raise ConfigError(f"the list {name} cannot be read: {error}") from None
