"""The tests of olmOCR-bench on an output: which pass, by file and type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation import intervals
from pipeline.evaluation.olmocr_bench import PageTest, passes
from pipeline.evaluation.output_texts import OutputTexts


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a test.

    Attributes:
        suite: The file that the test is from.
        document: The document's URI.
        page: 1-based number.
        id: The test's name.
        kind: Its type.
        status: Status of the page's row, "" without one: its text counts as empty.
        passed: Whether the text passes.
    """

    suite: str
    document: str
    page: int
    id: str
    kind: str
    status: str
    passed: bool


def outcomes(tests: Iterable[PageTest], texts: OutputTexts) -> Iterator[Outcome]:
    """Yield the outcome of each test that is run, of the documents that the output has.

    Raises:
        ConfigError: A test may be about several documents.
        DocumentError: A shard of the output cannot be fetched.
    """
    for test in tests:
        uri = texts.find(test.pdf)
        if uri is None:
            continue
        read = texts.page(uri, test.page)
        passed = passes(test, read.text)
        if passed is not None:
            yield Outcome(test.suite, uri, test.page, test.id, test.kind, read.status, passed)


def outcome_table(results: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of a table: share of tests that pass, by file, by type, and of all."""
    yield f"{'olmOCR-bench':40} {'tests':>7} {'passed':>8}  95 %"
    for title, attribute in (("file", "suite"), ("type", "kind")):
        for name, group in _grouped(results, attribute).items():
            yield _row(f"{title} {name}", group)
    yield _row("all", results)


def pass_rates(results: Sequence[Outcome]) -> dict[str, Any]:
    """The share of tests that pass, by file, by type, and of all, with intervals."""
    return {
        "all": _rate(results),
        "files": {name: _rate(group) for name, group in _grouped(results, "suite").items()},
        "types": {name: _rate(group) for name, group in _grouped(results, "kind").items()},
    }


def _grouped(results: Sequence[Outcome], attribute: str) -> dict[str, list[Outcome]]:
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for result in results:
        groups[getattr(result, attribute)].append(result)
    return dict(sorted(groups.items()))


def _rate(results: Sequence[Outcome]) -> dict[str, float | None]:
    found = intervals.mean(
        [float(result.passed) for result in results], [result.document for result in results]
    )
    return {"tests": len(results), "passed": found.value, "low": found.low, "high": found.high}


def _row(name: str, results: Sequence[Outcome]) -> str:
    rate = _rate(results)
    ends = "-" if rate["low"] is None else f"{rate['low']:.3f} to {rate['high']:.3f}"
    return f"{name[:40]:40} {len(results):7} {rate['passed']:8.4f}  {ends}"
