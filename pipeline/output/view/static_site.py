"""Writes the viewer's site into a folder, which any browser opens without a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from pipeline.errors import JobError, RecordedError
from pipeline.output.page_pictures import SUFFIX
from pipeline.output.view.site import Site

_MARK: Final = "data/index.js"
"""The file that a folder with a site has."""
_CHUNK: Final = 64


@dataclass(slots=True)
class Written:
    """What was written.

    Attributes:
        files: Files.
        kept: Pictures that were there already: those of a page never change.
        not_drawn: Pages whose original is not there or cannot be drawn.
        example: Why, for the first of them.
    """

    files: int = 0
    kept: int = 0
    not_drawn: int = 0
    example: str = ""

    def merge(self, other: Written) -> None:
        """Add what another part wrote."""
        self.files += other.files
        self.kept += other.kept
        self.not_drawn += other.not_drawn
        self.example = self.example or other.example


def write(
    site: Site, to: Path, report: Callable[[int], object] = lambda pages: None, threads: int = 2
) -> Written:
    """Write all files of a site. Run again, it draws only the pages that have no picture yet.

    Args:
        site: The site.
        to: The folder; made where it is not there.
        report: Told of each page whose pictures are done.
        threads: Pages that are drawn at once.

    Raises:
        JobError: The folder has other files, or cannot be written.
        RayscribeError: The output's or an original's store does not answer.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())) and not (to / _MARK).exists():
        raise JobError(f"{to} is there, and no site of a viewer; name another folder")
    done = Written()
    try:
        for path in site.paths():
            _write_file(site, to, path)
            done.files += 1
        with ThreadPoolExecutor(threads, thread_name_prefix="site") as pool:
            for chunk in _chunks(site.page_ids()):
                for part in pool.map(partial(_write_pictures, site, to), chunk):
                    done.merge(part)
                    report(1)
    except OSError as error:
        raise JobError(f"cannot write to {to}: {error.strerror or error}") from error
    return done


def _chunks(page_ids: Iterator[str]) -> Iterator[list[str]]:
    """So many pages that the threads have work, and that the first error ends it soon."""
    while chunk := list(islice(page_ids, _CHUNK)):
        yield chunk


def _write_pictures(site: Site, to: Path, page_id: str) -> Written:
    """Write the thumbnail and the picture of a page."""
    done = Written()
    for path in (f"thumbs/{page_id}{SUFFIX}", f"pictures/{page_id}{SUFFIX}"):
        if (to / path).exists():
            done.kept += 1
            continue
        try:
            _write_file(site, to, path)
        except RecordedError as error:
            return Written(not_drawn=1, example=str(error))
        done.files += 1
    return done


def _write_file(site: Site, to: Path, path: str) -> None:
    file, target = site.file(path), to / path
    if file is None:
        raise JobError(f"the output changed while {path} was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.partial")
    part.write_bytes(file.content)
    os.replace(part, target)
