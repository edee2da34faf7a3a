"""What becomes of hostile files: the rows of a job's output against a manifest.

    python -m benchmarks.hostile OUTPUT_DIR --manifest CORPUS/manifest.csv
    python -m benchmarks.hostile --reader   --manifest CORPUS/manifest.csv

The first form reads `OUTPUT_DIR/pages/*.parquet`, the second runs the reader alone over the
files, in this process. Both print a table of classes, 100 columns wide, then every file whose
outcome is not the expected one. Exit code 1 if a file has no row, or a page of it has none.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.dataset

from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import DocumentError, PageError

WIDTH = 100
COLUMNS = ["uri", "page", "page_count", "status", "error_kind", "error", "warnings"]


@dataclass(frozen=True, slots=True)
class Row:
    """The columns of a page's row that say what became of it."""

    page: int
    page_count: int
    status: str
    error_kind: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_drawn_smaller(self) -> bool:
        """Whether the page would have passed the limit of pixels."""
        return any(warning.startswith("rendered at ") for warning in self.warnings)

    @property
    def outcome(self) -> str:
        """The kind of the error, or the status."""
        if self.status == "failed":
            return str(self.error_kind)
        return f"{self.status} smaller" if self.is_drawn_smaller else self.status


@dataclass(frozen=True, slots=True)
class Case:
    """A file of the manifest and its rows."""

    path: Path
    cls: str
    expected: str
    rows: list[Row] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every page that the document says it has got exactly one row."""
        pages = sorted(row.page for row in self.rows)
        return pages == [0] or (
            bool(pages) and pages == list(range(1, self.rows[0].page_count + 1))
        )

    @property
    def outcome(self) -> str:
        """What became of its pages, counted: "3 ok, 1 render"."""
        counts = Counter(row.outcome for row in self.rows)
        text = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        return text if self.is_complete else f"ROWS MISSING ({text or 'none'})"

    @property
    def is_expected(self) -> bool:
        """Whether all of its rows are what the manifest says."""
        return self.is_complete and all(meets(self.expected, row) for row in self.rows)


def meets(expected: str, row: Row) -> bool:
    """Whether a row is what the manifest's column `expected` asks for.

    The words before a bracket count; "degraded" and "error" together allow anything that
    is a row.
    """
    words = expected.partition("(")[0].split()
    failed = row.status == "failed"
    if "degraded" in words:
        return True
    if "limit" in words:
        return row.error_kind == "limit" or row.is_drawn_smaller
    if "password" in words:
        return row.error_kind == "password"
    return failed if "error" in words else not failed


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("output", nargs="?", metavar="OUTPUT_DIR")
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--reader", action="store_true", help="run the reader alone")
    options = parser.parse_args()
    if bool(options.output) == options.reader:
        parser.error("give either OUTPUT_DIR or --reader")
    cases = _cases(options.manifest)
    begin = time.perf_counter()
    if options.reader:
        _read_all(cases)
    else:
        _add_rows(cases, options.output)
    _print_classes(cases)
    _print_surprises(cases)
    print(f"{time.perf_counter() - begin:.1f} s")
    return 0 if all(case.is_complete for case in cases) else 1


def _cases(manifest: Path) -> list[Case]:
    with manifest.open(newline="") as file:
        return [
            Case((manifest.parent / line["file"]).resolve(), line["cls"], line["expected"])
            for line in csv.DictReader(file)
            if line["set"] == "hostile"
        ]


def _add_rows(cases: list[Case], output: str) -> None:
    by_name = {case.path.name: case for case in cases}
    files = sorted(map(str, Path(output, "pages").glob("*.parquet")))
    for line in pyarrow.dataset.dataset(files).to_table(COLUMNS).to_pylist():
        case = by_name.get(Path(line.pop("uri")).name)
        if case is not None:
            case.rows.append(Row(**line | {"warnings": tuple(line["warnings"] or ())}))


def _read_all(cases: list[Case]) -> None:
    with SandboxClient() as reader:
        for case in cases:
            case.rows.extend(_read(reader, str(case.path)))


def _read(reader: SandboxClient, path: str) -> Iterator[Row]:
    try:
        pages = len(reader.inspect(path).pages)
    except DocumentError as error:
        yield Row(0, 0, "failed", error.kind.value, str(error))
        return
    for page in range(1, pages + 1):
        try:
            image = reader.render(path, page)
            yield Row(page, pages, "ok", warnings=image.warnings)
        except PageError as error:
            yield Row(page, pages, "failed", error.kind.value, str(error))


def _print_classes(cases: list[Case]) -> None:
    by_class: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        by_class[case.cls, case.expected].append(case)
    print(f"{'class':24} {'files':>5} {'as expected':>11}  {'expected':22} outcomes of pages")
    for (cls, expected), members in by_class.items():
        good = sum(case.is_expected for case in members)
        counts = Counter(row.outcome for case in members for row in case.rows)
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        mark = " " if good == len(members) else "*"
        wanted = expected.partition("(")[0].strip()
        line = f"{cls:24} {len(members):5} {good:10}{mark}  {wanted:22} {outcomes}"
        print(line[:WIDTH])
    good = sum(case.is_expected for case in cases)
    print(f"{'all':24} {sum(1 for _ in cases):5} {good:10}\n")


def _print_surprises(cases: list[Case]) -> None:
    for case in cases:
        if case.is_expected:
            continue
        print(f"{case.path.name}: expected {case.expected}, got {case.outcome}"[:WIDTH])
        for row in case.rows[:3]:
            for remark in filter(None, [row.error, *row.warnings[:2]]):
                print(f"    page {row.page}: {remark}"[:WIDTH])


if __name__ == "__main__":
    sys.exit(main())
