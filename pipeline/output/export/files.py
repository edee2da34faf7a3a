"""Writes files that appear once they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the name of the file at the end, unless there is an error.

    Raises:
        OSError: The file's folder cannot be made, or the file not be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name[:100]}.partial")
    try:
        yield partial
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    os.replace(partial, path)


def write_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file.

    Raises:
        OSError: It cannot be written.
    """
    with partial_file(path) as partial, partial.open("wb") as file:
        file.writelines(parts)
