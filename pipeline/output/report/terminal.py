"""A report as lines for a terminal of 80 columns. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Final

from pipeline.output.export.names import common_folder
from pipeline.output.report.changes import Changes
from pipeline.output.report.cost import Costs
from pipeline.output.report.findings import SCORE_BINS, Findings
from pipeline.output.report.summary import Report
from pipeline.text.printable import printable

WIDTH: Final = 80
_HEAD: Final = 11
_WORST: Final = 8
_WARNINGS: Final = 5
_BAR: Final = 40
_BARS: Final = 10
_NAMES: Final = ("status", "source", "script", "engine", "rung", "recipe")


def lines(report: Report) -> Iterator[str]:
    """Yield the lines of a report."""
    findings = report.findings
    yield from _entry(
        "",
        f"{report.name}: {findings.pages:,} pages of {findings.documents:,} documents,"
        f" {findings.characters:,} characters",
        indent=0,
    )
    for name in _NAMES:
        counts = findings.counts.get(name, Counter())
        if name in ("status", "source", "script") or len(counts) > 1:
            yield from _entry(name, _counted(counts))
    yield from _scores(report)
    yield from _worst(findings)
    yield from _failures(findings)
    for place, (kind, count) in enumerate(findings.warnings.most_common(_WARNINGS)):
        yield from _entry("" if place else "warnings", f"{count:,} {kind}")
    if report.costs:
        yield from _costs(report.costs)
    if report.changes is not None:
        yield from _changes(report.other, report.changes)


def _entry(head: str, text: str, indent: int = _HEAD) -> Iterator[str]:
    yield from textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=f"{head:<{indent}}",
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _scores(report: Report) -> Iterator[str]:
    findings = report.findings
    if not findings.scored:
        return
    mean = findings.score_sum / findings.scored
    low = findings.low_scores(report.low_score)
    said = (
        f"mean {mean:.2f}; {low:,} pages below {report.low_score:g}; {findings.scored:,} have one"
    )
    yield from _entry("score", said)
    per_bar = SCORE_BINS // _BARS
    bins = [sum(column) for column in zip(*findings.scores.values(), strict=True)]
    bars = [sum(bins[place : place + per_bar]) for place in range(0, SCORE_BINS, per_bar)]
    for place, count in enumerate(bars):
        bar = "#" * -(-_BAR * count // max(1, *bars))
        yield f"{'':{_HEAD}}{place / _BARS:.1f} {count:>9,} {bar}".rstrip()


def _worst(findings: Findings) -> Iterator[str]:
    worst = findings.worst[:_WORST]
    folder = common_folder([page.uri for page in findings.worst])
    for place, page in enumerate(worst):
        head = "worst" if not place else ""
        yield from _entry(head, f"{page.score:.2f} {page.uri.removeprefix(folder)} p{page.page}")


def _failures(findings: Findings) -> Iterator[str]:
    ranked = sorted(findings.failures.items(), key=lambda item: -item[1].count)
    for place, (kind, group) in enumerate(ranked):
        uri, page, message = group.examples[0]
        head = "failures" if not place else ""
        yield from _entry(head, f"{group.count:,} {kind}, such as {uri} page {page}: {message}")


def _costs(costs: Costs) -> Iterator[str]:
    said = f"{costs.pages:,} pages at {costs.pages_per_s:,.2f}/s; {costs.wall_s:,.0f} s in all"
    yield from _entry("last run", said)
    yield f"{'':{_HEAD}}{'stage':<12}{'workers':>8}{'busy':>7}{'worker-s':>12}{'cost/million':>15}"
    for stage in costs.stages:
        yield (
            f"{'':{_HEAD}}{stage.name:<12}{stage.workers:>8}{stage.busy:>7.0%}"
            f"{stage.worker_s:>12,.1f}{_money(stage.cost_per_million):>15}"
        )
    if costs.cost_per_million is not None:
        total = _money(costs.cost_per_million)
        wall = _money(costs.wall_cost_per_million)
        yield from _entry("", f"a million pages: {total} while busy, {wall} by the clock")


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _changes(other: str, changes: Changes) -> Iterator[str]:
    said = (
        f"{changes.both:,} pages of both, {changes.only_here:,} only here,"
        f" {changes.only_there:,} only in {other}"
    )
    yield from _entry("against", said)
    mean = changes.change_sum / max(1, changes.both)
    yield from _entry("changed", f"{changes.changed:,} texts; mean change of all pages {mean:.4f}")
    total, count = changes.score_changes
    if count:
        yield from _entry("", f"text score {total / count:+.4f} on {count:,} pages")
    for counts in (changes.statuses, changes.sources):
        for (old, new), number in counts.most_common():
            yield from _entry("", f"{number:,} {old} became {new}")
    folder = common_folder([page.uri for page in changes.most])
    for place, page in enumerate(changes.most[:_WORST]):
        head = "most" if not place else ""
        yield from _entry(head, f"{page.change:.3f} {page.uri.removeprefix(folder)} p{page.page}")
