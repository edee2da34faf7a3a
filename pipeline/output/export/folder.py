"""The folder of an export, on a local file system or on an object store.

A file appears under its name once it is whole: a local one is renamed, an object is one PUT.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError
from pipeline.storage import objects, uris
from pipeline.storage.paths import StorePath, output_path


class Folder(Protocol):
    """Where files are written. Names have forward slashes."""

    def prepare(self) -> None:
        """Make the folder; raises OSError."""

    def place(self, name: str) -> str:
        """The path or URI of a file, for messages."""

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name, or one in a folder of this name and slash."""

    def partial(self, name: str) -> AbstractContextManager[Path]:
        """A local path to write to, which becomes the file unless there is an error."""

    def read(self, name: str) -> bytes:
        """The content of a file; raises OSError."""

    def delete(self, name: str) -> None:
        """Delete a file if it is there; raises OSError."""

    def names(self, prefix: str) -> list[str]:
        """The files directly in a folder of this folder, sorted by name."""


def open_folder(to: str, store: StoreConfig) -> Folder:
    """The folder that ``--to`` names.

    Raises:
        ConfigError: It is no path or URI that can be written to.
    """
    if uris.is_web(to):
        raise ConfigError(f"--to {to}: nothing is written to the web; take a folder or s3://")
    place = output_path(to, store)
    return StoreFolder(place) if isinstance(place, StorePath) else LocalFolder(place)


def write_file(folder: Folder, name: str, parts: Iterable[bytes]) -> None:
    """Write a file.

    Raises:
        OSError: It cannot be written.
    """
    with folder.partial(name) as partial, partial.open("wb") as file:
        file.writelines(parts)


class LocalFolder:
    """A folder of this machine, or one that machines share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder; raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True)

    def place(self, name: str) -> str:
        """The path of a file."""
        return str(self.root / name)

    def exists(self, name: str) -> bool:
        """Whether there is a file or a folder of this name."""
        return (self.root / name).exists()

    @contextmanager
    def partial(self, name: str) -> Iterator[Path]:
        """A hidden path beside the file, which is renamed.

        Raises:
            OSError: The file's folder cannot be made, or the file not be replaced.
        """
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Other processes write other files: names that begin alike must not share one.
        digest = hashlib.sha256(path.name.encode("utf-8", "replace")).hexdigest()[:8]
        partial = path.with_name(f".{path.name[:50]}~{digest}.partial")
        try:
            yield partial
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        os.replace(partial, path)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.root / name).read_bytes()

    def delete(self, name: str) -> None:
        """Delete a file if it is there."""
        (self.root / name).unlink(missing_ok=True)

    def names(self, prefix: str) -> list[str]:
        """The files directly in a folder of this folder."""
        return sorted(f"{prefix}{path.name}" for path in (self.root / prefix).glob("*"))


class StoreFolder:
    """A folder on an object store. It is listed once: nobody else is to write there meanwhile."""

    def __init__(self, root: StorePath) -> None:
        self.root = root
        self._listed: set[str] | None = None

    def prepare(self) -> None:
        """A store has no folders; its answer is checked by listing it.

        Raises:
            JobError: It does not answer, or refuses.
        """
        self._names()

    def place(self, name: str) -> str:
        """The URI of a file."""
        return str(self.root / name)

    def exists(self, name: str) -> bool:
        """Whether there was a file of this name, or in this folder, when the store was listed."""
        return name in self._names()

    @contextmanager
    def partial(self, name: str) -> Iterator[Path]:
        """A file in a temporary folder, which is sent from there: it is never whole in memory.

        Raises:
            OSError: It cannot be written or sent.
        """
        with TemporaryDirectory(prefix="rayscribe-export-") as folder:
            path = Path(folder, "file")
            yield path
            self._send(path, name)
        if self._listed is not None:
            self._listed |= {name, *_folders(name)}

    def _send(self, path: Path, name: str) -> None:
        target = self.root / name
        if not path.stat().st_size:
            target.write_bytes(b"")
            return
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            memoryview(content) as view,
        ):
            target.write_bytes(view)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self.root / name).read_bytes()

    def delete(self, name: str) -> None:
        """Delete a file if it is there."""
        if self.exists(name):
            (self.root / name).unlink()
            self._names().discard(name)

    def names(self, prefix: str) -> list[str]:
        """The files directly in a folder of this folder."""
        within = (name for name in self._names() if name.startswith(prefix))
        return sorted(name for name in within if "/" not in name[len(prefix) :] and name != prefix)

    def _names(self) -> set[str]:
        """The files, and the folders that have any, with a slash."""
        if self._listed is None:
            prefix = f"{self.root.uri.rstrip('/')}/"
            found = objects.list_objects(prefix, self.root.config)
            self._listed = set()
            for each in found:
                name = each.uri.removeprefix(prefix)
                self._listed |= {name, *_folders(name)}
        return self._listed


def _folders(name: str) -> Iterator[str]:
    """The folders that a file is in, with their slashes."""
    at = name.find("/")
    while at >= 0:
        yield name[: at + 1]
        at = name.find("/", at + 1)
