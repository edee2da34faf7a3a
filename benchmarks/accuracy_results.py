"""What `benchmarks.accuracy` writes down of each page: as JSON, as a table, and against another."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.accuracy_pages import Reading, Truth
from pipeline.evaluation import intervals
from pipeline.evaluation.intervals import Estimate
from pipeline.evaluation.metrics import character_error_rate, page_metrics
from pipeline.evaluation.unmarked import without_marks
from pipeline.text.words import folded

_LEADER = re.compile(r"(?:\.\s?){4,}")
MEASURES = ("words_f1", "cer", "plain_cer", "dotless_cer", "engine_cer", "order", "seconds")
_HEADS = ("words F1", "CER", "plain CER", "no dots", "engine CER", "order", "CPU s")
_WORST = 8
"""Pages that a comparison names."""


@dataclass(frozen=True, slots=True)
class PageScore:
    """How well a page was read.

    Attributes:
        way: "layer", "ocr" or "job".
        document: The document's name.
        page: 1-based number.
        words_f1: As `pipeline.evaluation.metrics.PageMetrics`, without the marks of Markdown.
        cer: The character error rate of what was written, marks of Markdown included.
        dotless_cer: That without marks and where four dots or more are taken for white space on
            both sides. It tells missed leaders from missed text.
        engine_cer: That of the engine's lines in the engine's own order; None without an engine.
        order: As `PageMetrics`, without marks.
        lines: As `PageMetrics`.
        seconds: CPU seconds, None where they are not known.
        degradation: What was done to the page before it was read, "" for nothing.
        text_score: The page's own estimate, None where it has none.
        trust: The trust in its text layer, None where that was not looked at.
        parts: What the text score is made of.
        plain_cer: The character error rate without the marks of Markdown on both sides
            (`pipeline.evaluation.unmarked`); None in results from before it was measured.
    """

    way: str
    document: str
    page: int
    words_f1: float
    cer: float
    dotless_cer: float
    engine_cer: float | None
    order: float | None
    lines: int
    seconds: float | None
    degradation: str = ""
    text_score: float | None = None
    trust: float | None = None
    parts: dict[str, float | None] = field(default_factory=dict)
    plain_cer: float | None = None


def without_leaders(text: str) -> str:
    """The text folded, with every stretch of four dots or more as one space."""
    return " ".join(_LEADER.sub(" ", folded(text)).split())


def page_score(way: str, truth: Truth, reading: Reading, degradation: str = "") -> PageScore:
    """Compare a page with its truth."""
    text, true = without_marks(reading.text), without_marks(truth.text)
    metrics, engine = page_metrics(text, true), reading.engine_text
    result = reading.result
    parts = result.text_score_parts if result else None
    dotless = character_error_rate(without_leaders(text), without_leaders(true))
    return PageScore(
        way=way,
        degradation=degradation,
        document=truth.name,
        page=truth.page,
        words_f1=metrics.words_f1,
        cer=character_error_rate(reading.text, truth.text),
        plain_cer=metrics.cer,
        dotless_cer=dotless,
        engine_cer=None if engine is None else character_error_rate(engine, truth.text),
        order=metrics.order,
        lines=metrics.lines,
        seconds=reading.seconds,
        text_score=result.text_score if result else None,
        trust=result.text_layer_trust if result else None,
        parts=asdict(parts) if parts else {},
    )


def save(scores: Sequence[PageScore], path: Path) -> None:
    """Write the pages and the means as JSON."""
    content = {
        "means": {way: _means(group) for way, group in _by_way(scores).items()},
        "pages": [asdict(score) for score in scores],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> list[PageScore]:
    """The pages of a file that `save` wrote."""
    return [PageScore(**page) for page in json.loads(path.read_text(encoding="utf-8"))["pages"]]


def show(scores: Sequence[PageScore]) -> None:
    """Print a line for each document, and the means with their intervals; degraded pages apart."""
    for way, group in _by_way(scores).items():
        print(f"\n{way:36}  pages  " + "  ".join(f"{head:>10}" for head in _HEADS))
        documents: defaultdict[str, list[PageScore]] = defaultdict(list)
        for score in group:
            documents[score.document].append(score)
        for name, pages in documents.items():
            print(_row(name, pages, lambda estimate: f"{estimate.value:.4f}"))
        print(_row("mean of pages", group, lambda estimate: f"{estimate.value:.4f}"))
        print(_row("  95 %, from", group, lambda estimate: _end(estimate.low)))
        print(_row("  to", group, lambda estimate: _end(estimate.high)))


def compare(before: Iterable[PageScore], after: Iterable[PageScore]) -> None:
    """Print what changed on the pages that both have, and where most."""
    old = {_key(page): page for page in before}
    pairs = [(old[_key(page)], page) for page in after if _key(page) in old]
    for way in dict.fromkeys(_way(page) for _, page in pairs):
        chosen = [(a, b) for a, b in pairs if _way(b) == way]
        print(f"\nafter - before, {way}, {len(chosen)} pages of both")
        for name, head in zip(MEASURES, _HEADS, strict=True):
            _compare_measure(name, head, chosen)
        _name_worst(chosen)


def _compare_measure(name: str, head: str, pairs: Sequence[tuple[PageScore, PageScore]]) -> None:
    known = [
        (_value(b, name) - _value(a, name), b.document)
        for a, b in pairs
        if getattr(a, name) is not None and getattr(b, name) is not None
    ]
    if known:
        mean = intervals.mean(*zip(*known, strict=True))
        print(f"  {head:>10}  {mean.value:+.4f}  ({_end(mean.low)} to {_end(mean.high)})")


def _name_worst(pairs: Sequence[tuple[PageScore, PageScore]]) -> None:
    moved = sorted(pairs, key=lambda pair: -abs(pair[1].cer - pair[0].cer))
    for a, b in moved[:_WORST]:
        if a.cer != b.cer or a.words_f1 != b.words_f1:
            print(
                f"    {b.document} p{b.page}: CER {a.cer:.4f} to {b.cer:.4f},"
                f" words F1 {a.words_f1:.4f} to {b.words_f1:.4f}"
            )


def _by_way(scores: Iterable[PageScore]) -> dict[str, list[PageScore]]:
    ways: defaultdict[str, list[PageScore]] = defaultdict(list)
    for score in scores:
        ways[_way(score)].append(score)
    return ways


def _way(page: PageScore) -> str:
    return f"{page.way}, degraded" if page.degradation else page.way


def _key(page: PageScore) -> tuple[str, str, str, int]:
    return page.way, page.degradation, page.document, page.page


def _means(pages: Sequence[PageScore]) -> dict[str, dict[str, float | None]]:
    known = {name: _mean(pages, name) for name in MEASURES}
    return {name: asdict(mean) for name, mean in known.items() if mean}


def _mean(pages: Sequence[PageScore], name: str) -> Estimate | None:
    """The mean of a measure over the pages that have it, None where none has."""
    known = [
        (_value(page, name), page.document) for page in pages if getattr(page, name) is not None
    ]
    return intervals.mean(*zip(*known, strict=True)) if known else None


def _value(page: PageScore, name: str) -> float:
    return float(getattr(page, name))


def _row(name: str, pages: Sequence[PageScore], text: Callable[[Estimate], str]) -> str:
    means = (_mean(pages, measure) for measure in MEASURES)
    cells = [f"{'-' if mean is None else text(mean):>10}" for mean in means]
    return f"{name[:36]:36}  {len(pages):5}  " + "  ".join(cells)


def _end(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
