"""Reads, writes and removes files of the store, on a file system or an object store."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from pydantic import BaseModel

from pipeline.storage.objects import list_objects
from pipeline.storage.paths import AnyPath, StorePath

ModelT = TypeVar("ModelT", bound=BaseModel)


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
    hidden = path.with_name(f".{path.name}.tmp")
    hidden.write_bytes(content)
    hidden.replace(path)


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
        await asyncio.to_thread(lambda: copy.write(file.read_bytes()))
        await asyncio.to_thread(copy.flush)
        yield copy.name


def remove_folder(folder: AnyPath) -> None:
    """Remove a folder and all that is in it.

    Raises:
        OSError: Something cannot be removed.
    """
    if isinstance(folder, Path):
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        return
    for uri, _ in files_below(folder):
        with suppress(FileNotFoundError):
            StorePath(uri, folder.config).unlink()


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
