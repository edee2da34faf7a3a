"""The plain pools of `benchmarks.overhead`, as a command of its own that can be watched.

python -m benchmarks.overhead_plain {dict,pixmap} FOLDER RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import time
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


WAYS = {"dict": take_text, "pixmap": draw}


def load(_: int) -> None:
    import pymupdf  # noqa: F401


def run(way: str, folder: str) -> dict[str, float]:
    """Go through all documents in as many processes as there are cores."""
    paths = sorted(str(path) for path in Path(folder).iterdir())
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        # The processes are up, and have loaded MuPDF, before the clock starts.
        pool.map(load, range(64), chunksize=1)
        begin = time.perf_counter()
        pages = sum(pool.imap_unordered(WAYS[way], paths))
        return {"pages": pages, "run_s": time.perf_counter() - begin}


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(run(sys.argv[1], sys.argv[2])))
