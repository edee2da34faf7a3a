"""The text of an output: ``rayscribe show`` or ``python -m jobs.show OUTPUT [WORD]``.

Prints the text that a job wrote. Without WORD: one line for every document, and the text of the
first page. With WORD: all pages of the documents whose path or URI contains it. A document with
rows of several recipes, or of earlier bytes, is there once for each. Control characters of texts
and names are escapes: a document must not command the terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipeline.config import StoreConfig
from pipeline.errors import ConfigError
from pipeline.exit_codes import COMPLETE, exit_code
from pipeline.output.reader_command import no_pages
from pipeline.output.shards import pages_folder
from pipeline.storage import uris
from pipeline.storage.flags import add_store_flags, store_of
from pipeline.storage.paths import parquet, shards
from pipeline.text.printable import printable, printable_lines

PROG = "python -m jobs.show"
_COLUMNS = ["uri", "page", "page_count", "status", "error", "text", "doc_id", "recipe_hash"]


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Print, and return the exit code: 0, 2 where there is nothing to show, 1 for errors.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    _, _, description = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a job")
    parser.add_argument("word", metavar="WORD", nargs="?", help="part of a document's path or URI")
    add_store_flags(parser)
    arguments = parser.parse_args(argv)
    return exit_code(lambda: _show(arguments), prog)


def _show(arguments: argparse.Namespace) -> int:
    rows = _rows(arguments.output, store_of(arguments))
    if not rows:
        raise ConfigError(no_pages(arguments.output))
    chosen = [row for row in rows if (arguments.word or "") in row["uri"]]
    if not chosen:
        place = f"no document in {arguments.output} has {arguments.word!r} in its path or URI"
        raise ConfigError(f"{place}; without a word all are listed")
    for line in _texts(chosen) if arguments.word else _overview(rows):
        print(line)
    return COMPLETE


def _rows(output: str, store: StoreConfig) -> list[dict[str, Any]]:
    found = shards(pages_folder(output, store))
    if not found:
        return []
    table = pa.concat_tables(parquet(shard).read(columns=_COLUMNS) for shard in found)
    order = ("uri", "doc_id", "recipe_hash", "page")
    rows: list[dict[str, Any]] = table.sort_by([(one, "ascending") for one in order]).to_pylist()
    _name_versions(rows)
    return rows


def _name_versions(rows: list[dict[str, Any]]) -> None:
    """Give each row its `version`: which of several bytes or recipes, "" where there is one."""
    versions: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        versions.setdefault(row["uri"], set()).add((row["doc_id"], row["recipe_hash"]))
    for row in rows:
        said = f" (sha256 {row['doc_id'][:8]}, recipe {row['recipe_hash'][:8]})"
        row["version"] = said if len(versions[row["uri"]]) > 1 else ""


def _place(row: dict[str, Any]) -> str:
    uri = str(row["uri"])
    is_path = uris.is_local(uri) and not uri.startswith("file:")
    return printable(os.path.relpath(uri) if is_path else uri)


def _overview(rows: list[dict[str, Any]]) -> Iterator[str]:
    documents: dict[str, list[str]] = {}
    for row in rows:
        documents.setdefault(_place(row) + row["version"], []).append(row["status"])
    for place, statuses in documents.items():
        counts = ", ".join(f"{statuses.count(one)} {one}" for one in sorted(set(statuses)))
        yield f"{place:<50} {len(statuses):>5} pages  {counts}"
    yield from _page(rows[0])


def _texts(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield from _page(row)


def _page(row: dict[str, Any]) -> Iterator[str]:
    yield f"\n== {_place(row)}, page {row['page']} of {row['page_count']}{row['version']} =="
    yield printable_lines(
        row["text"] if row["error"] is None else f"[{row['status']}: {row['error']}]"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
