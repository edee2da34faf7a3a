"""Paths of the output, on a local file system or on an object store."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError, DocumentError, ErrorKind
from pipeline.storage import filesystems, objects, remote_file, uris

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


@dataclass(frozen=True, slots=True)
class StorePath:
    """A path on an object store, with the methods of `pathlib.Path` that the output needs.

    Attributes:
        uri: Scheme, bucket and key.
        config: Connection settings of the store.
    """

    uri: str
    config: StoreConfig = field(default_factory=StoreConfig, repr=False)

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> StorePath:
        return StorePath(f"{self.uri.rstrip('/')}/{name}", self.config)

    @property
    def name(self) -> str:
        """The last component."""
        return self.uri.rstrip("/").rpartition("/")[2]

    def glob(self, pattern: str) -> Iterator[StorePath]:
        """The objects directly under this path whose name matches a pattern.

        Raises:
            JobError: The store cannot be reached, or refuses.
        """
        prefix = f"{self.uri.rstrip('/')}/"
        for found in objects.list_objects(prefix, self.config):
            name = found.uri.removeprefix(prefix)
            if "/" not in name and fnmatchcase(name, pattern):
                yield StorePath(found.uri, self.config)

    def exists(self) -> bool:
        """Whether there is an object at this path.

        Raises:
            JobError: The store cannot be reached, or refuses.
        """
        return objects.size_bytes(self.uri, self.config) is not None

    def read_bytes(self) -> bytes:
        """The object's content.

        Raises:
            OSError: It does not exist, or cannot be fetched.
        """
        try:
            with remote_file.open_binary(self.uri, self.config) as file:
                return file.read()
        except DocumentError as error:
            missing = error.kind is ErrorKind.NOT_FOUND
            raise (FileNotFoundError if missing else OSError)(str(error)) from None

    def write_bytes(self, content: bytes | memoryview) -> None:
        """Write the object atomically, with retries.

        Raises:
            OSError: It cannot be written.
        """
        self._with_retries(lambda: _put(self, content), self._patient(len(content)))

    def write_file(self, local: str) -> None:
        """Write the object from a local file, a piece at a time, with retries.

        Raises:
            OSError: It cannot be written.
        """
        # An attempt that takes longer goes on beside the next one, so each opens the file anew.
        self._with_retries(lambda: _put_file(self, local), self._patient(os.path.getsize(local)))

    def unlink(self) -> None:
        """Delete the object.

        Raises:
            OSError: It cannot be deleted.
        """
        filesystem, path = filesystems.filesystem(self.uri, self.config)
        attempts = itertools.count()

        def attempt() -> None:
            is_first = next(attempts) == 0
            try:
                filesystem.delete_file(path)
            except FileNotFoundError:
                if is_first:  # else an attempt whose answer was lost has deleted it
                    raise

        self._with_retries(attempt)

    def _patient(self, size_bytes: int) -> StoreConfig:
        """The settings to write so much: `read_s` is for one piece."""
        pieces = 1 + size_bytes // remote_file.CHUNK_BYTES
        return self.config.model_copy(update={"read_s": self.config.read_s * pieces})

    def _with_retries(
        self, attempt: Callable[[], object], config: StoreConfig | None = None
    ) -> None:
        try:
            remote_file.with_retries(config or self.config, attempt, self.uri)
        except DocumentError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise OSError(str(error)) from None
            raise FileNotFoundError(str(error)) from None


AnyPath = Path | StorePath
"""A file or a folder, local or on an object store."""


def _put(target: StorePath, content: bytes | memoryview) -> None:
    filesystem, path = filesystems.filesystem(target.uri, target.config)
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def _put_file(target: StorePath, local: str) -> None:
    """Upload a file; what was uploaded of one that cannot be read to its end is deleted.

    pyarrow cannot abort an upload: closing its stream completes it, and so does dropping it.
    """
    filesystem, path = filesystems.filesystem(target.uri, target.config)
    with open(local, "rb") as file:
        pieces = _Pieces(file)
        with filesystem.open_output_stream(path) as stream:
            for piece in pieces:
                stream.write(piece)
    if pieces.problem is not None:
        filesystem.delete_file(path)
        raise pieces.problem


@dataclass(slots=True)
class _Pieces:
    """The pieces of a local file, as far as it can be read.

    Attributes:
        file: The file.
        problem: Why they are not the whole file.
    """

    file: BinaryIO
    problem: OSError | None = None

    def __iter__(self) -> Iterator[bytes]:
        missing = os.fstat(self.file.fileno()).st_size
        try:
            while piece := self.file.read(remote_file.CHUNK_BYTES):
                missing -= len(piece)
                yield piece
        except OSError as error:
            self.problem = error
        else:
            if missing:
                self.problem = OSError("the local file changed while it was read")


def output_path(text: str, config: StoreConfig | None = None) -> AnyPath:
    """The path that `--output` names.

    Raises:
        ConfigError: It is not a path or a URI that can be written to.
    """
    uris.check(text)
    if uris.is_web(text):
        raise ConfigError(f"--output {text}: nothing is written to the web; take a folder or s3://")
    if uris.is_store(text):
        return StorePath(uris.normal(text.rstrip("/")), config or StoreConfig())
    return Path(uris.local_path(text))


def absolute(text: str) -> str:
    """An output's URI or absolute path, the same on every worker."""
    return text if uris.is_store(text) else os.path.abspath(uris.local_path(text))


def shards(folder: AnyPath) -> list[AnyPath]:
    """The Parquet files of a folder, sorted by name; none where the folder does not exist.

    Raises:
        JobError: The store cannot be reached, or refuses.
    """
    found: Iterator[AnyPath] = folder.glob("*.parquet")
    return sorted(found, key=str)


def parquet(path: AnyPath) -> ParquetFile:
    """Open a Parquet file; of a remote one only the columns that are read are fetched.

    Raises:
        DocumentError: It cannot be fetched.
    """
    import pyarrow.parquet as pq

    if isinstance(path, Path):
        return pq.ParquetFile(path)
    file = io.BufferedReader(remote_file.RemoteFile(path.uri, path.config))
    return pq.ParquetFile(file, pre_buffer=True)
