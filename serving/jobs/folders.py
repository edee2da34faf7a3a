"""Reads, writes and removes files of the store, on a file system or an object store."""

from __future__ import annotations

import fnmatch
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, Final, TypeVar

from pydantic import BaseModel

from pipeline.errors import JobError
from pipeline.storage import remote_file
from pipeline.storage.objects import list_objects, remove_markers
from pipeline.storage.paths import AnyPath, StorePath
from serving.jobs import records
from serving.jobs.records import BatchState, JobState
from serving.jobs.store_calls import to_thread

ModelT = TypeVar("ModelT", bound=BaseModel)

_TEMPORARY: Final = ".*.tmp"


def read(path: AnyPath, model: type[ModelT]) -> ModelT | None:
    """A file as a model, None where there is none.

    Raises:
        OSError: It cannot be read.
        ValueError: It is something else.
    """
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None


def write_bytes(path: AnyPath, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    if isinstance(path, StorePath):
        path.write_bytes(content)
        return
    with _replacing(path) as file:
        file.write(content)


def write_model(path: AnyPath, model: BaseModel) -> None:
    """Write a model, for `read`.

    Raises:
        OSError: It cannot be written.
    """
    write_bytes(path, model.model_dump_json().encode())


def write_state(folder: AnyPath, state: JobState | BatchState, check: Callable[[], None]) -> None:
    """Write the state of a job or batch that has not ended.

    Args:
        folder: Of the job or batch.
        state: How far it is, or how it ends.
        check: Raises `JobError` where another process has taken its lock.

    Raises:
        JobError: Another process has taken the lock, or has ended it: its state stays.
        OSError: It cannot be written.
    """
    check()
    path = folder / records.STATE
    before = read(path, type(state))
    if before is not None and before.status.has_ended:
        raise JobError(f"{path} is {before.status}: another process has ended it")
    write_model(path, state)


def write_pieces(path: AnyPath, pieces: Iterable[bytes]) -> int:
    """Write a file piece by piece, whole or not at all; its size in bytes.

    Raises:
        OSError: It cannot be written.
    """
    if isinstance(path, Path):
        with _replacing(path) as file:
            return sum(map(file.write, pieces))
    with NamedTemporaryFile(prefix="rayscribe-job-") as copy:
        size_bytes = sum(map(copy.write, pieces))
        copy.flush()
        path.write_file(copy.name)
        return size_bytes


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that replaces another one at the end of the block. No two writers share it."""
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with hidden.open("wb") as file:
            yield file
        hidden.replace(path)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, age_s: float) -> None:
    """Remove files that were being written when their process was killed.

    Args:
        folder: They are in it, or below.
        age_s: Seconds since the last write: what is younger may still be written.
    """
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in fnmatch.filter(names, _TEMPORARY)):
            with suppress(FileNotFoundError):  # it has just become what it was written for
                if time.time() - path.stat().st_mtime > age_s:
                    path.unlink()


def opened(path: AnyPath) -> BinaryIO:
    """A file for reading; one on a store is fetched a few MiB at a time.

    Raises:
        OSError: It cannot be opened.
        DocumentError: The same, of a store, by the first read.
    """
    if isinstance(path, Path):
        return path.open("rb")
    return remote_file.open_binary(path.uri, path.config)


@asynccontextmanager
async def on_disk(file: AnyPath) -> AsyncIterator[str]:
    """The path of a file; one that is on a store is fetched for the time inside.

    Raises:
        OSError: It does not exist, or cannot be fetched.
    """
    if isinstance(file, Path):
        yield str(file)
        return
    with NamedTemporaryFile(prefix="rayscribe-job-") as copy:
        await to_thread(lambda: copy.write(file.read_bytes()))
        await to_thread(copy.flush)
        yield copy.name


def remove_folder(folder: AnyPath) -> None:
    """Remove a folder and all that is in it.

    Raises:
        JobError: The store does not answer.
        OSError: Something cannot be removed.
    """
    if isinstance(folder, Path):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        return
    for uri, _ in files_below(folder):
        with suppress(FileNotFoundError):
            StorePath(uri, folder.config).unlink()
    remove_markers(f"{folder.uri}/", folder.config)


def files_below(folder: AnyPath) -> Iterator[tuple[str, int]]:
    """Path and size of all files below a folder."""
    if isinstance(folder, StorePath):
        for found in list_objects(f"{folder.uri}/", folder.config):
            yield found.uri, found.size_bytes
        return
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with suppress(FileNotFoundError):  # a temporary name, or it was just removed
                yield path, os.stat(path).st_size
