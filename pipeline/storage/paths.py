"""Folders and files of the output, on a local file system or on a store."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError, DocumentError, ErrorKind
from pipeline.storage import filesystems, objects, remote_file, uri

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


@dataclass(frozen=True, slots=True)
class StorePath:
    """A place on a store, with those few of `Path`'s ways that the output needs.

    Attributes:
        place: Scheme, bucket and key.
        config: How the store is reached.
    """

    place: str
    config: StoreConfig = field(default_factory=StoreConfig, repr=False)

    def __str__(self) -> str:
        return self.place

    def __truediv__(self, name: str) -> StorePath:
        return StorePath(f"{self.place.rstrip('/')}/{name}", self.config)

    @property
    def name(self) -> str:
        """The last part."""
        return self.place.rstrip("/").rpartition("/")[2]

    def glob(self, pattern: str) -> Iterator[StorePath]:
        """What lies right under this place and has a name that matches.

        Raises:
            JobError: The store does not answer, or refuses.
        """
        prefix = f"{self.place.rstrip('/')}/"
        for found in objects.objects(prefix, self.config):
            name = found.place.removeprefix(prefix)
            if "/" not in name and fnmatchcase(name, pattern):
                yield StorePath(found.place, self.config)

    def exists(self) -> bool:
        """Whether there is an object at this place.

        Raises:
            JobError: The store does not answer, or refuses.
        """
        return objects.size_of(self.place, self.config) is not None

    def read_bytes(self) -> bytes:
        """All that is in it.

        Raises:
            OSError: It is not there, or cannot be fetched.
        """
        try:
            with remote_file.reader(self.place, self.config) as file:
                return file.read()
        except DocumentError as error:
            missing = error.kind is ErrorKind.NOT_FOUND
            raise (FileNotFoundError if missing else OSError)(str(error)) from None

    def write_bytes(self, content: bytes | memoryview) -> None:
        """Put it there: whole or not at all, and tried again like any read.

        Raises:
            OSError: It cannot be put.
        """
        self._persist(lambda: _put(self, content))

    def unlink(self) -> None:
        """Delete it.

        Raises:
            OSError: It cannot be deleted.
        """
        filesystem, path = filesystems.filesystem(self.place, self.config)
        self._persist(lambda: filesystem.delete_file(path))

    def _persist(self, attempt: Callable[[], object]) -> None:
        try:
            remote_file.persist(self.config, attempt, self.place)
        except DocumentError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise OSError(str(error)) from None
            raise FileNotFoundError(str(error)) from None


Place = Path | StorePath
"""A folder or a file of the output."""


def _put(target: StorePath, content: bytes | memoryview) -> None:
    filesystem, path = filesystems.filesystem(target.place, target.config)
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def place_of(text: str, config: StoreConfig | None = None) -> Place:
    """The place that an output's name means.

    Raises:
        ConfigError: No output can be written there.
    """
    uri.check(text)
    if uri.is_web(text):
        raise ConfigError(f"--output {text}: nothing is written to the web; take a folder or s3://")
    if uri.is_store(text):
        return StorePath(text.rstrip("/"), config or StoreConfig())
    return Path(uri.local_path(text))


def absolute(text: str) -> str:
    """An output's name that means the same on every worker."""
    return text if uri.is_store(text) else os.path.abspath(uri.local_path(text))


def shards(place: Place) -> list[Place]:
    """The Parquet files of a folder, by name; none where there is no folder.

    Raises:
        JobError: The store does not answer, or refuses.
    """
    found: Iterator[Place] = place.glob("*.parquet")
    return sorted(found, key=str)


def parquet(place: Place) -> ParquetFile:
    """Open a Parquet file. Of one on a store only the columns that are read are fetched.

    Raises:
        DocumentError: It cannot be fetched.
    """
    import pyarrow.parquet as pq

    if isinstance(place, Path):
        return pq.ParquetFile(place)
    file = io.BufferedReader(remote_file.RemoteFile(place.place, place.config))
    return pq.ParquetFile(file, pre_buffer=True)
