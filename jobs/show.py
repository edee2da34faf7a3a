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
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConfigError
from pipeline.exit_codes import COMPLETE, exit_code
from pipeline.output.reader_command import no_pages
from pipeline.output.row_index import RowIndex
from pipeline.output.shards import pages_folder
from pipeline.storage import uris
from pipeline.storage.flags import add_store_flags, store_of
from pipeline.text.printable import printable, printable_lines

PROG = "python -m jobs.show"
_SMALL_COLUMNS: Final = ("status", "doc_id")
_PRINTED_COLUMNS: Final = ("page", "page_count", "status", "error", "text")
_ORDER: Final = ("uri", "doc_id", "recipe_hash", "page")
_ROWS_AT_A_TIME: Final = 1024


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


@dataclass(frozen=True, slots=True)
class _Document:
    """The rows of one document with one recipe.

    Attributes:
        uri: Its path or URI.
        version: Which of several bytes or recipes it is, "" where there is one.
        statuses: Its pages by status.
        numbers: The positions of its rows in the index, in the order of its pages.
    """

    uri: str
    version: str
    statuses: Counter[str]
    numbers: Sequence[int]


def _show(arguments: argparse.Namespace) -> int:
    # Texts stay on disk until they are printed: an output may have millions of pages.
    index = RowIndex(pages_folder(arguments.output, store_of(arguments)), _SMALL_COLUMNS)
    if not len(index):
        raise ConfigError(no_pages(arguments.output))
    if not arguments.word:
        for line in _overview(index):
            print(line)
        return COMPLETE
    chosen = (each for each in _documents(index) if arguments.word in each.uri)
    first = next(chosen, None)
    if first is None:
        place = f"no document in {arguments.output} has {arguments.word!r} in its path or URI"
        raise ConfigError(f"{place}; without a word all are listed")
    for document in chain([first], chosen):
        for line in _texts(index, document):
            print(line)
    return COMPLETE


def _documents(index: RowIndex) -> Iterator[_Document]:
    """Yield the documents of an output, sorted by URI."""
    order = pc.sort_indices(index.table, sort_keys=[(name, "ascending") for name in _ORDER])
    for _, its_rows in groupby(_small_rows(index.table, order), key=lambda row: row["uri"]):
        versions = [
            list(rows)
            for _, rows in groupby(its_rows, key=lambda row: (row["doc_id"], row["recipe_hash"]))
        ]
        for rows in versions:
            row = rows[0]
            said = f" (sha256 {row['doc_id'][:8]}, recipe {row['recipe_hash'][:8]})"
            statuses = Counter(each["status"] for each in rows)
            numbers = [each["number"] for each in rows]
            yield _Document(row["uri"], said if len(versions) > 1 else "", statuses, numbers)


def _small_rows(table: pa.Table, order: pa.Array) -> Iterator[dict[str, Any]]:
    for start in range(0, len(order), _ROWS_AT_A_TIME):
        numbers = order.slice(start, _ROWS_AT_A_TIME)
        for number, row in zip(numbers.to_pylist(), table.take(numbers).to_pylist(), strict=True):
            yield row | {"number": number}


def _place(uri: str) -> str:
    is_path = uris.is_local(uri) and not uri.startswith("file:")
    return printable(os.path.relpath(uri) if is_path else uri)


def _overview(index: RowIndex) -> Iterator[str]:
    first: _Document | None = None
    for document in _documents(index):
        first = first or document
        counts = ", ".join(f"{count} {one}" for one, count in sorted(document.statuses.items()))
        place = _place(document.uri) + document.version
        yield f"{place:<50} {document.statuses.total():>5} pages  {counts}"
    if first is not None:
        yield from _texts(index, replace(first, numbers=first.numbers[:1]))


def _texts(index: RowIndex, document: _Document) -> Iterator[str]:
    place = _place(document.uri)
    for start in range(0, len(document.numbers), _ROWS_AT_A_TIME):
        numbers = document.numbers[start : start + _ROWS_AT_A_TIME]
        for row in index.read(numbers, _PRINTED_COLUMNS):
            of = f"page {row['page']} of {row['page_count']}{document.version}"
            yield f"\n== {place}, {of} =="
            yield printable_lines(
                row["text"] if row["error"] is None else f"[{row['status']}: {row['error']}]"
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
