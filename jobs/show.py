"""Shows what a job wrote: ``python -m jobs.show OUTPUT [WORD]``.

Without WORD a line for every document and the text of the first page; with WORD the text of
all pages of the documents whose place contains it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

_COLUMNS = ["uri", "page", "page_count", "status", "error", "text", "generate_ms"]


def main(argv: Sequence[str]) -> int:
    """Print, and return the exit code: 0, or 2 where there is no output to show."""
    parser = argparse.ArgumentParser(prog="python -m jobs.show", description=__doc__)
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a job")
    parser.add_argument("word", metavar="WORD", nargs="?", help="part of a document's place")
    arguments = parser.parse_args(argv)
    pages = Path(arguments.output, "pages")
    if not any(pages.glob("*.parquet")):
        print(f"no pages in {pages}; name the --output of a job", file=sys.stderr)
        return 2
    table = ds.dataset(pages, format="parquet").to_table(columns=_COLUMNS)
    rows = table.sort_by([("uri", "ascending"), ("page", "ascending")]).to_pylist()
    for line in _chosen(rows, arguments.word) if arguments.word else _overview(rows):
        print(line)
    return 0


def _overview(rows: list[dict[str, Any]]) -> Iterator[str]:
    documents: dict[str, list[str]] = {}
    for row in rows:
        documents.setdefault(row["uri"], []).append(row["status"])
    for uri, statuses in documents.items():
        counts = ", ".join(f"{statuses.count(one)} {one}" for one in sorted(set(statuses)))
        yield f"{os.path.relpath(uri):<50} {len(statuses):>5} pages  {counts}"
    yield from _page(rows[0])


def _chosen(rows: list[dict[str, Any]], word: str) -> Iterator[str]:
    for row in rows:
        if word in row["uri"]:
            yield from _page(row)


def _page(row: dict[str, Any]) -> Iterator[str]:
    yield f"\n== {os.path.relpath(row['uri'])}, page {row['page']} of {row['page_count']} =="
    yield row["text"] if row["error"] is None else f"[{row['status']}: {row['error']}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
