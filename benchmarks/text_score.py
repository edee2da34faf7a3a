"""How the text score orders pages by their true error.

    python -m benchmarks.accuracy --degraded --sample 40 --json scored.json    # makes and prints it
    python -m benchmarks.text_score scored.json                                # prints it again

The error of a page is 1 less the words F1, or the character error rate. Pages as they are have
little of it, so pages are added whose pictures or layers were made worse on purpose
(`benchmarks.degraded_pages`, `benchmarks.degraded_layers`). Layers are all scored, and those
apart that `--text-layer auto` takes.

The exponents of `pipeline.recognition.text_score` were fitted on the documents of half A, by least
squares of the logarithms (`--fit` prints it): the figures of half B are out of sample. The
pages in `UNFIT` are left out: their truth is not what the page shows.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy import optimize

from benchmarks import accuracy_results
from benchmarks.accuracy_results import PageScore
from pipeline.config import RouteConfig
from pipeline.evaluation import intervals
from pipeline.recognition.text_score import USUAL

UNFIT: Final = frozenset(
    {
        *(("large_prompt_hint3", page) for page in range(1, 5)),
        *(("redp5110_sampled", page) for page in (3, 14, 15)),
    }
)
"""Pages whose truth is not what they show: words cut in two, text of another encoding, none of the
text in pictures."""
_BAD: Final = 0.1
"""Error of a page that is wrong."""
_THRESHOLDS: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97)
_PARTS: Final = ("confidence", "ink_covered", "lines_read", "words")
_LEAST: Final = 0.02
"""Shares below this are taken for it: their logarithms would outweigh all others."""


def error(page: PageScore) -> float:
    """The share of a page's words that are wrong or missing."""
    return 1 - page.words_f1


def half(pages: Sequence[PageScore], name: str) -> list[PageScore]:
    """The pages of half A or B: every other document by name, with its variants."""
    documents = sorted({_document(page) for page in pages})
    chosen = set(documents[0 if name == "A" else 1 :: 2])
    return [page for page in pages if _document(page) in chosen]


def _document(page: PageScore) -> str:
    return page.document.removesuffix("-rotated90")


def report(scores: Sequence[PageScore], *, are_new: bool = False) -> None:
    """Print rank correlations and thresholds, for OCR and layers apart.

    Args:
        scores: The pages.
        are_new: They are of documents on which nothing was fitted: they are not halved.
    """
    fit = [page for page in scores if (page.document, page.page) not in UNFIT]
    taken = [page for page in fit if (page.trust or 0) >= RouteConfig().min_trust]
    groups = {
        "OCR": [page for page in fit if page.way == "ocr"],
        "layers": [page for page in fit if page.way == "layer"],
        "layers that are taken": [page for page in taken if page.way == "layer"],
    }
    for name, pages in groups.items():
        if pages:
            _report_group(name, pages, are_new)


def _report_group(name: str, pages: Sequence[PageScore], are_new: bool) -> None:
    print(f"\ntext score, {name}: {len(pages)} pages", end="")
    print(f", {sum(page.text_score is None for page in pages)} of them without a score")
    known = [page for page in pages if page.text_score is not None]
    if not are_new:
        _correlations("half A", half(known, "A"))
    name, shown = ("all", known) if are_new else ("half B", half(known, "B"))
    _correlations(name, shown)
    _correlations(f"{name}, as they are", [page for page in shown if not page.degradation])
    _thresholds(name, shown)


def _correlations(name: str, pages: Sequence[PageScore]) -> None:
    if len(pages) < 3:
        return
    documents = [_document(page) for page in pages]
    doubts = [1 - (page.text_score or 0.0) for page in pages]
    cells = []
    for head, errors in (
        ("1 - words F1", [error(page) for page in pages]),
        ("CER", [page.cer for page in pages]),
    ):
        found = intervals.rank_correlation(doubts, errors, documents)
        ends = "-" if found.low is None else f"{found.low:.2f} to {found.high:.2f}"
        cells.append(f"{head} {found.value:.2f} ({ends})")
    print(f"  {name:22}{len(pages):4} pages  Spearman of 1 - score and " + "; ".join(cells))


def _thresholds(name: str, pages: Sequence[PageScore]) -> None:
    """Print what share of the wrong pages is above a threshold, and of the right ones below."""
    wrong = [page.text_score or 0.0 for page in pages if error(page) > _BAD]
    right = [page.text_score or 0.0 for page in pages if error(page) <= _BAD]
    print(f"  {name}: {len(wrong)} pages with an error over {_BAD:.0%}, {len(right)} without")
    print("  threshold   wrong pages above it   right pages below it   wrong among those above")
    for limit in _THRESHOLDS:
        silent, kept = (sum(score >= limit for score in group) for group in (wrong, right))
        print(
            f"  {limit:9.2f}   {silent:6} ({_share(silent, len(wrong)):>5})"
            f"         {len(right) - kept:6} ({_share(len(right) - kept, len(right)):>5})"
            f"         {silent:6} ({_share(silent, silent + kept):>5})"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def fit(scores: Sequence[PageScore]) -> None:
    """Print the exponents that fit the words F1 of half A best."""
    pages = [
        page
        for page in scores
        if (page.document, page.page) not in UNFIT and page.text_score is not None
    ]
    ocr = half([page for page in pages if page.way == "ocr"], "A")
    _fit("OCR", ocr, {name: _of_part(name) for name in _PARTS})
    layers = half([page for page in pages if page.way == "layer"], "A")
    _fit("layers", layers, {"words": _of_part("words"), "trust": lambda page: page.trust})


def _of_part(name: str) -> Callable[[PageScore], float | None]:
    return lambda page: page.parts.get(name)


def _fit(
    name: str, pages: Sequence[PageScore], parts: dict[str, Callable[[PageScore], float | None]]
) -> None:
    if not pages:
        return
    columns = [
        [
            _log(value / USUAL.get(part, 1.0)) if (value := get(page)) is not None else 0.0
            for page in pages
        ]
        for part, get in parts.items()
    ]
    found, _ = optimize.nnls(np.array(columns).T, np.array([_log(p.words_f1) for p in pages]))
    exponents = ", ".join(f"{part} {value:.2f}" for part, value in zip(parts, found, strict=True))
    print(f"{name}, {len(pages)} pages of half A: {exponents}")


def _log(share: float) -> float:
    return -math.log(min(1.0, max(_LEAST, share)))


def main() -> int:
    """Print what a result of `benchmarks.accuracy` says of the text score."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text_score", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("result", type=Path, help="a JSON of benchmarks.accuracy")
    parser.add_argument("--fit", action="store_true", help="print fitted exponents too")
    parser.add_argument("--new", action="store_true", help="documents that nothing was fitted on")
    arguments = parser.parse_args()
    scores = accuracy_results.load(arguments.result)
    if arguments.fit:
        fit(scores)
    report(scores, are_new=arguments.new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
