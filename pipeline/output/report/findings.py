"""Sums over the rows of an output, in one pass and in memory that does not grow with its texts.

Kept are counts, the worst pages, a few examples, and eight bytes for each document.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pipeline.output.row_index import main_script, scan
from pipeline.output.schema import TIMING
from pipeline.storage.paths import AnyPath

SCORE_BINS: Final = 20
WORST: Final = 24
"""Pages with the lowest scores that are kept."""
EXAMPLES: Final = 3
"""Failed pages of each kind that are kept."""
WARNINGS: Final = 200
"""Kinds of warnings that are counted; a further kind is counted as "other"."""
_OTHER: Final = "other warnings"
_COLUMNS: Final = (
    *(
        "uri",
        "doc_id",
        "page",
        "status",
        "source",
        "engine",
        "recipe_hash",
        "rung",
        "text",
        "text_score",
    ),
    *("error_kind", "error", "warnings", *TIMING),
)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTED: Final = re.compile(r"(['\"]).*?\1|\(.*?\)")
_MAX_SAID: Final = 300
_STEPS_PER_DECADE: Final = 4
TIME_BINS: Final = tuple(10 ** (step / _STEPS_PER_DECADE) for step in range(-4, 25))
"""Lower ends of the bins of milliseconds, 0.1 ms to 1,000 s."""


@dataclass(frozen=True, slots=True, order=True)
class WorstPage:
    """A page with a low score.

    Attributes:
        score: Its text score.
        uri: The document.
        page: 1-based number.
        why: The first of its warnings, "" for none.
        doc_id: SHA-256 (hex) of the document's bytes.
    """

    score: float
    uri: str
    page: int
    why: str
    doc_id: str


@dataclass(slots=True)
class Failures:
    """Failed pages of one kind.

    Attributes:
        count: How many.
        examples: Place and message of the first ones.
    """

    count: int = 0
    examples: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Times:
    """Milliseconds of one stage.

    Attributes:
        pages: Pages that have a time.
        sum_ms: Their sum.
        bins: Pages by the bins of `TIME_BINS`.
    """

    pages: int = 0
    sum_ms: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * len(TIME_BINS))

    def add(self, ms: float) -> None:
        """Add a page."""
        self.pages += 1
        self.sum_ms += ms
        place = math.floor(_STEPS_PER_DECADE * math.log10(max(ms, 0.1))) + _STEPS_PER_DECADE
        self.bins[min(len(self.bins) - 1, place)] += 1


@dataclass(slots=True)
class Findings:
    """What is in an output.

    Attributes:
        pages: Rows.
        documents: Different URIs.
        characters: Characters of all texts.
        counts: Rows by value, of `status`, `source`, `script`, `engine`, `rung` and `recipe`.
        scores: Rows by bin of the text score and source.
        score_sum: Sum of all scores.
        scored: Rows with a score.
        worst: Pages with the lowest scores, the lowest first.
        failures: By kind of error.
        warnings: Warnings with numbers and names left out, by how often they occur.
        times: By stage.
    """

    pages: int = 0
    documents: int = 0
    characters: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    scores: dict[str, list[int]] = field(default_factory=dict)
    score_sum: float = 0.0
    scored: int = 0
    worst: list[WorstPage] = field(default_factory=list)
    failures: dict[str, Failures] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
    times: dict[str, Times] = field(default_factory=dict)

    def count(self, name: str, value: str | None) -> None:
        """Count a value of a row."""
        self.counts.setdefault(name, Counter())[value or "none"] += 1

    def low_scores(self, limit: float) -> int:
        """Rows whose score is in a bin that ends at most at a limit."""
        last = round(limit * SCORE_BINS)
        return sum(sum(bins[:last]) for bins in self.scores.values())


def find(pages: AnyPath) -> Findings:
    """Read all rows of an output.

    Args:
        pages: The folder of its shards.

    Raises:
        JobError: The folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """
    found, documents = Findings(), set[int]()
    for batch in scan(pages, _COLUMNS):
        for row in batch.to_pylist():
            documents.add(hash(row["uri"]))
            _add(found, row)
    found.documents = len(documents)
    found.worst = sorted(replace(page, score=-page.score) for page in found.worst)
    return found


def _add(found: Findings, row: Mapping[str, Any]) -> None:
    text = row["text"] or ""
    found.pages += 1
    found.characters += len(text)
    for name in ("status", "source", "engine", "rung"):
        found.count(name, row[name])
    found.count("recipe", row["recipe_hash"])
    found.count("script", main_script(text))
    _add_score(found, row)
    _add_failure(found, row)
    for warning in row["warnings"] or ():
        kind = _NUMBER.sub("N", _QUOTED.sub("...", warning))[:100]
        known = kind in found.warnings or len(found.warnings) < WARNINGS
        found.warnings[kind if known else _OTHER] += 1
    for name in TIMING:
        if row[name] is not None:
            found.times.setdefault(name.removesuffix("_ms"), Times()).add(row[name])


def _add_score(found: Findings, row: Mapping[str, Any]) -> None:
    score = row["text_score"]
    if score is None:
        return
    found.scored += 1
    found.score_sum += score
    bins = found.scores.setdefault(row["source"] or "none", [0] * SCORE_BINS)
    bins[min(SCORE_BINS - 1, int(score * SCORE_BINS))] += 1
    # A heap has its smallest first: negative scores keep the lowest ones.
    why = (row["warnings"] or [""])[0][:_MAX_SAID]
    page = WorstPage(-score, row["uri"], row["page"], why, row["doc_id"])
    if len(found.worst) < WORST:
        heapq.heappush(found.worst, page)
    else:
        heapq.heappushpop(found.worst, page)


def _add_failure(found: Findings, row: Mapping[str, Any]) -> None:
    if not row["error_kind"]:
        return
    group = found.failures.setdefault(row["error_kind"], Failures())
    group.count += 1
    if len(group.examples) < EXAMPLES:
        group.examples.append((row["uri"], row["page"], (row["error"] or "")[:_MAX_SAID]))
