"""What `benchmarks.accuracy` writes down of each page: as JSON, as a table, and against another."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.accuracy_pages import Reading, Truth
from pipeline.evaluation import summary
from pipeline.evaluation.metrics import character_error_rate, page_metrics
from pipeline.evaluation.summary import Layout, Measure
from pipeline.evaluation.unmarked import without_marks
from pipeline.text.words import folded

_LEADER = re.compile(r"(?:\.\s?){4,}")
MEASURES = (
    Measure("words_f1", "words F1"),
    Measure("cer", "CER"),
    Measure("plain_cer", "plain CER"),
    Measure("dotless_cer", "no dots"),
    Measure("engine_cer", "engine CER"),
    Measure("order", "order"),
    Measure("seconds", "CPU s"),
)
_LAYOUT = Layout(name=36, value=10, gap=2)


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
        "means": {way: summary.means(group, MEASURES) for way, group in _by_way(scores).items()},
        "pages": [asdict(score) for score in scores],
    }
    summary.write_json(content, path)


def load(path: Path) -> list[PageScore]:
    """The pages of a file that `save` wrote."""
    return [PageScore(**page) for page in json.loads(path.read_text(encoding="utf-8"))["pages"]]


def show(scores: Sequence[PageScore]) -> None:
    """Print a line for each document, and the means with their intervals; degraded pages apart."""
    for way, group in _by_way(scores).items():
        print("", *summary.table(way, group, MEASURES, _LAYOUT), sep="\n")


def compare(before: Sequence[PageScore], after: Sequence[PageScore]) -> None:
    """Print what changed on the pages that both have, and where most."""
    old = _by_way(before)
    for way, group in _by_way(after).items():
        if way in old:
            print("", *summary.comparison(way, old[way], group, MEASURES, _key), sep="\n")


def _by_way(scores: Iterable[PageScore]) -> dict[str, list[PageScore]]:
    ways: defaultdict[str, list[PageScore]] = defaultdict(list)
    for score in scores:
        ways[f"{score.way}, degraded" if score.degradation else score.way].append(score)
    return ways


def _key(page: PageScore) -> tuple[str, str, str, int]:
    return page.way, page.degradation, page.document, page.page
