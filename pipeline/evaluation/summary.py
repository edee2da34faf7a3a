"""Scores of pages as a table, as JSON, and against earlier ones.

A score is a record with `document`, `page` and one attribute for each measure, None where it does
not apply to the page.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.evaluation import intervals
from pipeline.evaluation.intervals import Estimate
from pipeline.text.printable import printable

_WORST: Final = 8
"""Pages that a comparison names."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure.

    Attributes:
        name: The attribute of a score.
        head: The head of its column.
    """

    name: str
    head: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths of the table's columns, characters.

    Attributes:
        name: Of the documents' names; longer ones lose their beginning.
        value: Of a measure.
        gap: Between two columns.
    """

    name: int = 25
    value: int = 7
    gap: int = 1


def table(
    title: str,
    pages: Sequence[Any],
    measures: Sequence[Measure],
    layout: Layout = Layout(),
    documents: Sequence[str] | None = None,
    folder: str = "",
) -> Iterator[str]:
    """Yield the lines of a table: documents, the mean of all pages and its 95 % interval.

    Args:
        title: Head of the first column.
        pages: The scores.
        measures: The columns.
        layout: Their widths.
        documents: Those that get a line, None for all.
        folder: What all their names begin with; it is not shown.
    """
    heads = "".join(f"{'':{layout.gap}}{measure.head:>{layout.value}}" for measure in measures)
    yield f"{title:{layout.name}} {'pages':>6}{heads}"
    by_document: defaultdict[str, list[Any]] = defaultdict(list)
    for page in pages:
        by_document[page.document].append(page)

    def row(name: str, group: Sequence[Any], text: Callable[[Estimate], str]) -> str:
        means = (mean(group, measure.name) for measure in measures)
        cells = (f"{'-' if found is None else text(found):>{layout.value}}" for found in means)
        joined = "".join(f"{'':{layout.gap}}{cell}" for cell in cells)
        return f"{name:{layout.name}} {len(group):6}{joined}"

    for name in by_document if documents is None else documents:
        short = printable(name.removeprefix(folder))
        shown = short if len(short) <= layout.name else f"...{short[-layout.name + 3 :]}"
        yield row(shown, by_document[name], _value)
    yield row("mean of pages", pages, _value)
    yield row("  95 %, from", pages, lambda estimate: _end(estimate.low))
    yield row("  to", pages, lambda estimate: _end(estimate.high))


def mean(pages: Sequence[Any], name: str) -> Estimate | None:
    """The mean of a measure over the pages that have it, None where none has."""
    known = [
        (float(getattr(page, name)), page.document)
        for page in pages
        if getattr(page, name) is not None
    ]
    return intervals.mean(*zip(*known, strict=True)) if known else None


def means(pages: Sequence[Any], measures: Sequence[Measure]) -> dict[str, dict[str, float | None]]:
    """The means of all measures that any page has, with their intervals."""
    found = {measure.name: mean(pages, measure.name) for measure in measures}
    return {name: asdict(estimate) for name, estimate in found.items() if estimate}


def comparison(
    title: str,
    before: Iterable[Any],
    after: Iterable[Any],
    measures: Sequence[Measure],
    key: Callable[[Any], Hashable],
) -> Iterator[str]:
    """Yield lines on what changed on the pages that both have, and where most.

    Args:
        title: What is compared.
        before: Earlier scores.
        after: Later ones.
        measures: What is compared of them.
        key: Identity of a page.
    """
    old = {key(page): page for page in before}
    pairs = [(old[key(page)], page) for page in after if key(page) in old]
    yield f"after - before, {title}, {len(pairs)} pages of both"
    for measure in measures:
        known = [
            (float(getattr(b, measure.name)) - float(getattr(a, measure.name)), b.document)
            for a, b in pairs
            if getattr(a, measure.name) is not None and getattr(b, measure.name) is not None
        ]
        if known:
            change = intervals.mean(*zip(*known, strict=True))
            ends = f"({_end(change.low)} to {_end(change.high)})"
            yield f"  {measure.head:>10}  {change.value:+.4f}  {ends}"
    for a, b in sorted(pairs, key=lambda pair: -abs(pair[1].cer - pair[0].cer))[:_WORST]:
        if a.cer != b.cer or a.words_f1 != b.words_f1:
            yield (
                f"    {printable(b.document)} p{b.page}: CER {a.cer:.4f} to {b.cer:.4f},"
                f" words F1 {a.words_f1:.4f} to {b.words_f1:.4f}"
            )


def write_json(content: object, path: Path) -> None:
    """Write a result as JSON.

    Raises:
        OSError: It cannot be written.
    """
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _value(estimate: Estimate) -> str:
    return f"{estimate.value:.4f}"


def _end(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
