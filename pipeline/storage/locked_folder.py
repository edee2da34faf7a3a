"""Temporary folders that are known to be abandoned once the process that made them has ended."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO


def create(prefix: str, parent: str | None = None) -> tuple[Path, IO[str]]:
    """A new folder and a file lock on it, which the kernel releases when this process ends.

    Args:
        prefix: The first part of its name, one for each purpose.
        parent: Where it is made; None: in the folder for temporary files.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        lock = (folder / ".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else another process deleted it before it was locked
            return folder, lock


def delete(folder: Path, lock: IO[str]) -> None:
    """Delete a folder of `create`."""
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()


def clear_abandoned(prefix: str, parent: str | None = None) -> None:
    """Delete the folders of processes that were killed, recognised by their free lock."""
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError), (folder / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
