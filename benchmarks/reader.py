"""What the reader's child process costs: pages per second with it and without it.

    python -m benchmarks.reader [PDF ...]

Draws the same pages through `SandboxClient` and with PyMuPDF in this process, in turns, and prints
the medians over the rounds with the lowest and the highest. Both sides keep the document open and
end with the pixels as a numpy array. Without arguments: 40 generated pages of text.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf  # noqa: TID253 - the peer

from pipeline.config import RenderConfig
from pipeline.documents.sandbox import SandboxClient
from tests.support import sample_documents

DPI = RenderConfig().dpi

Times = npt.NDArray[np.float64]
"""Milliseconds of a page: in this process, and through the child."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pdfs", nargs="*", metavar="PDF")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--max-pages", type=int, default=40, help="pages of each document")
    options = parser.parse_args()
    print(f"{'document':38} {'pages':>5}  {'in process':>19}  {'child':>19}  {'price':>7}")
    print(f"{'':38} {'':>5}  {'ms/page':>9} {'pages/s':>9}  {'ms/page':>9} {'pages/s':>9}")
    with tempfile.TemporaryDirectory() as folder, SandboxClient() as reader:
        paths = options.pdfs or [_generated(folder)]
        compared = [_compare(reader, path, options.rounds, options.max_pages) for path in paths]
    if len(compared) > 1:
        pages = [count for count, _ in compared]
        mean = np.average([ms for _, ms in compared], axis=0, weights=pages)
        _print_line("all pages", sum(pages), mean)


def _generated(folder: str) -> str:
    path = Path(folder, "generated.pdf")
    path.write_bytes(sample_documents.text_pdf(40))
    return str(path)


def _compare(reader: SandboxClient, path: str, rounds: int, max_pages: int) -> tuple[int, Times]:
    document = pymupdf.open(path)
    pages = min(document.page_count, max_pages)
    here = _round(lambda page: _draw_here(document, page), pages)
    there = _round(lambda page: reader.render(path, page).pixels, pages)
    here(), there()  # fonts, caches and shared memory are warm on both sides
    ms = np.array([(here(), there()) for _ in range(rounds)])
    prices = ms[:, 1] / ms[:, 0] - 1
    median = np.median(ms, axis=0)
    spread = f"   rounds {prices.min():+.1%} to {prices.max():+.1%}"
    _print_line(Path(path).name, pages, median, spread)
    return pages, median


def _print_line(name: str, pages: int, ms: Times, remark: str = "") -> None:
    here, there = ms
    print(
        f"{name[:38]:38} {pages:5}  {here:9.2f} {1000 / here:9.1f}"
        f"  {there:9.2f} {1000 / there:9.1f}  {there / here - 1:+7.1%}{remark}"
    )


def _round(draw: Callable[[int], Any], pages: int) -> Callable[[], float]:
    """A function that draws every page and returns the milliseconds of one."""

    def run() -> float:
        begin = time.perf_counter()
        for page in range(1, pages + 1):
            draw(page)
        return (time.perf_counter() - begin) * 1000 / pages

    return run


def _draw_here(document: Any, page: int) -> Any:
    pixmap = document.load_page(page - 1).get_pixmap(dpi=DPI)
    pixels = np.frombuffer(pixmap.samples_mv, np.uint8)
    return pixels.reshape(pixmap.height, pixmap.width, 3)


if __name__ == "__main__":
    main()
