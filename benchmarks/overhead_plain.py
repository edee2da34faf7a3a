"""The plain pools of `benchmarks.overhead`, as a command of its own that can be watched.

python -m benchmarks.overhead_plain {dict,pixmap,both} FOLDER RESULT.json

`both` takes the text of every page, and draws those that FOLDER.json names: by the name of a
document, its pages. They are the pages that the engine got in a run of the job.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

DPI = 150


def take_text(path: str) -> int:
    """Take the text of every page of a document; how many there are."""
    import pymupdf

    document = pymupdf.open(path)
    for page in document:
        page.get_text("dict")
    return len(document)


def draw(path: str) -> int:
    """Draw every page of a document; how many there are."""
    import pymupdf

    document = pymupdf.open(path)
    for page in document:
        page.get_pixmap(dpi=DPI)
    return len(document)


def take_both(path: str, drawn: dict[str, list[int]]) -> int:
    """Take the text of every page of a document, and draw some; how many pages there are."""
    import pymupdf

    document = pymupdf.open(path)
    pages = set(drawn.get(Path(path).name, ()))
    for number, page in enumerate(document, 1):
        page.get_text("dict")
        if number in pages:
            page.get_pixmap(dpi=DPI)
    return len(document)


def way_of(name: str, folder: str) -> Callable[[str], int]:
    """What is done with a document."""
    if name == "both":
        return partial(take_both, drawn=json.loads(Path(f"{folder}.json").read_text()))
    return {"dict": take_text, "pixmap": draw}[name]


def load(_: int) -> None:
    import pymupdf  # noqa: F401


def run(way: str, folder: str) -> dict[str, float]:
    """Go through all documents in as many processes as there are cores."""
    work = way_of(way, folder)
    paths = sorted(str(path) for path in Path(folder).iterdir())
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        # The processes are up, and have loaded MuPDF, before the clock starts.
        pool.map(load, range(64), chunksize=1)
        begin = time.perf_counter()
        pages = sum(pool.imap_unordered(work, paths))
        return {"pages": pages, "run_s": time.perf_counter() - begin}


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(run(sys.argv[1], sys.argv[2])))
