"""CPU time a page by step, MuPDF alone beside it: the second table of `benchmarks.overhead`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.overhead_plain import DPI
from pipeline.config import RenderConfig
from pipeline.documents.look import LookOptions, look
from pipeline.documents.page_structure import layout_finder
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import RecordedError
from pipeline.imaging.ink import is_blank
from pipeline.imaging.projection import projection_profile
from pipeline.imaging.transform import new_pixels
from pipeline.text import text_layer
from pipeline.text.text_layer_trust import assess_trust

T = TypeVar("T")
Costs = dict[str, float]
"""CPU milliseconds a page of each step."""

FLOOR = ("MuPDF: open", 'MuPDF: get_text("dict")', f"MuPDF: get_pixmap({DPI})")
STEPS = ("open", "layer", "trust", "order", "render", "ink", "profile", "message")
IN_LOOK = {
    "only": ("open", "layer", "trust", "order", "message"),
    "auto": ("open", "layer", "trust", "order", "message"),
    "never": ("open", "render", "ink", "profile"),
}
"""The steps of a page of a born-digital document, for each way with text layers."""


def measure(folder: Path, max_pages: int) -> Costs:
    """Take each step alone for the first pages of every document, after one unmeasured page."""
    clock = _Clock()
    pages = 0
    for path in sorted(folder.glob("*.pdf")):
        if pages >= max_pages:
            break
        pages += _measure_document(str(path), clock, max_pages - pages)
    return {name: 1000 * seconds / max(1, pages) for name, seconds in clock.seconds.items()}


class _Clock:
    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __call__(self, name: str, step: Callable[[], T]) -> T:
        begin = time.process_time()
        result = step()
        self.seconds[name] += time.process_time() - begin
        return result


def _measure_document(path: str, clock: _Clock, max_pages: int) -> int:
    import pymupdf

    plain = clock(FLOOR[0], lambda: pymupdf.open(path))
    try:
        pdf = clock("open", lambda: PdfFile(path, "", 1 << 20))
    except RecordedError:
        return 0
    count = min(len(plain), max_pages)
    _measure_page(pdf, plain, 1, _Clock())  # loads what the first page of a process loads
    for page in range(1, count + 1):
        _measure_page(pdf, plain, page, clock)
    return count


def _measure_page(pdf: PdfFile, plain: Any, page: int, clock: _Clock) -> None:
    render = RenderConfig()
    clock(FLOOR[1], lambda: plain[page - 1].get_text("dict"))
    clock(FLOOR[2], lambda: plain[page - 1].get_pixmap(dpi=DPI))
    try:
        layer = clock("layer", lambda: pdf.layer(page, render))
        clock("trust", lambda: assess_trust(layer))
        finder = layout_finder(pdf, page, render, "auto")  # as in a job: with structure
        clock("order", lambda: text_layer.read(layer, hidden=False, find_layout=finder))
        image = clock("render", lambda: pdf.render(page, render))
        clock("ink", lambda: is_blank(image.pixels, LookOptions().blank_ppm))
        clock("profile", lambda: projection_profile(image.pixels))
        view = look(pdf, page, render, new_pixels, LookOptions())
        clock("message", view.to_bytes)
    except RecordedError:
        return  # a damaged page has fewer steps


def show(costs: Costs, job_ms: dict[str, float]) -> None:
    """Print the steps, and for each way of the job what they leave to Ray and the rest.

    Args:
        costs: From `measure`.
        job_ms: CPU time a page of whole jobs, by way with text layers, ms.
    """
    print("CPU ms/page by step")
    for name in (*FLOOR, *STEPS):
        print(f"  {name:<28} {costs.get(name, 0.0):>6.2f}")
    for mode, total in job_ms.items():
        steps = sum(costs.get(name, 0.0) for name in IN_LOOK[mode])
        print(f"  job {mode}: {total:.1f}, steps {steps:.1f}, Ray and the rest {total - steps:.1f}")
