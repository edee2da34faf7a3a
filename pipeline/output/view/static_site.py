"""Writes the viewer's site into a folder, which any browser opens without a server."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import JobError, RecordedError
from pipeline.output.view.site import Site

_MARK: Final = "data/index.js"
"""The file that a folder with a site has."""


@dataclass(slots=True)
class Written:
    """What was written.

    Attributes:
        files: Files.
        kept: Pictures that were there already: those of a page never change.
        not_drawn: Pages whose original is not there or cannot be drawn.
        example: Why, for the first of them.
        failed: File name of the last of them.
    """

    files: int = 0
    kept: int = 0
    not_drawn: int = 0
    example: str = ""
    failed: str = ""


def write(site: Site, to: Path, report: Callable[[int], object] = lambda files: None) -> Written:
    """Write all files of a site. Run again, it draws only the pages that have no picture yet.

    Args:
        site: The site.
        to: The folder; made where it is not there.
        report: Told of each file.

    Raises:
        JobError: The folder has other files, or cannot be written.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())) and not (to / _MARK).exists():
        raise JobError(f"{to} is there, and no site of a viewer; name another folder")
    done = Written()
    try:
        for path in site.paths():
            _write_file(site, to, path, done)
            report(1)
    except OSError as error:
        raise JobError(f"cannot write to {to}: {error.strerror or error}") from error
    return done


def _write_file(site: Site, to: Path, path: str, done: Written) -> None:
    target = to / path
    is_picture = path.endswith(".webp")
    if is_picture and target.name == done.failed:
        return  # the thumbnail of the same page
    if is_picture and target.exists():
        done.kept += 1
        return
    try:
        file = site.file(path)
    except RecordedError as error:
        if not is_picture:
            raise
        done.not_drawn += 1
        done.failed = target.name
        done.example = done.example or str(error)
        return
    if file is None:
        raise JobError(f"the output changed while {path} was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(file.content)
    os.replace(partial, target)
    done.files += 1
