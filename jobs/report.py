"""What came out of a job: ``rayscribe report OUTPUT [--against OTHER] [--to FILE.html]``.

Prints pages by status, source, script and score, the worst pages, failures by kind, speed and cost
of the last run, and what changed against another output; --to writes it as one HTML file too.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.config import StoreConfig
from pipeline.documents.passwords import Passwords
from pipeline.errors import ConfigError
from pipeline.exit_codes import BAD_PAGES, COMPLETE, exit_code
from pipeline.output.page_pictures import PagePictures
from pipeline.output.reader_command import no_pages, parser_of
from pipeline.output.report.cost import costs
from pipeline.output.report.findings import find
from pipeline.output.report.summary import Report, read_receipt
from pipeline.output.report.terminal import lines
from pipeline.output.shards import pages_folder
from pipeline.storage.flags import add_store_flags, store_of
from pipeline.storage.paths import output_path

PROG = "python -m jobs.report"
_EPILOG: Final = """\
exit codes: 0 all pages have status ok or blank; 3 reported, but some failed or
were cut off; 1 not finished; 2 wrong usage.
"""


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Report, and return the exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    arguments = _parser(prog).parse_args(argv)
    return exit_code(lambda: _run(arguments), prog, "report")


def _run(arguments: argparse.Namespace) -> int:
    report = _report(arguments)
    if arguments.to:
        _write(report, arguments)
    print("\n".join(lines(report)))
    if arguments.to:
        print(f"report     {arguments.to}")
    return BAD_PAGES if report.bad_pages else COMPLETE


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = parser_of(prog, __doc__, _EPILOG)
    parser.add_argument("--against", metavar="OTHER", help="an earlier output: what changed")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write one HTML file")
    for unit in ("gpu", "cpu"):
        parser.add_argument(
            f"--{unit}-hour-price",
            type=float,
            default=0.0,
            metavar="PRICE",
            help=f"of one {unit.upper()} for an hour: gives costs",
        )
    parser.add_argument(
        "--no-pictures", action="store_true", help="no thumbnails: the originals are not opened"
    )
    parser.add_argument("--password", default="", metavar="WORD", help="opens encrypted documents")
    add_store_flags(parser)
    return parser


def _report(arguments: argparse.Namespace) -> Report:
    store = store_of(arguments)
    pages = pages_folder(arguments.output, store)
    findings = find(pages)
    if not findings.pages:
        raise ConfigError(no_pages(arguments.output))
    receipt = read_receipt(output_path(arguments.output, store))
    prices = arguments.gpu_hour_price, arguments.cpu_hour_price
    cost = costs(receipt, *prices) if receipt else None
    report = Report(arguments.output, findings, receipt, cost)
    return _compared(report, arguments.against, store) if arguments.against else report


def _compared(report: Report, other: str, store: StoreConfig) -> Report:
    from dataclasses import replace

    from pipeline.output.report.changes import compare

    changes = compare(pages_folder(report.name, store), pages_folder(other, store))
    if not changes.both + changes.only_there:
        raise ConfigError(no_pages(other))
    return replace(report, other=other, changes=changes)


def _write(report: Report, arguments: argparse.Namespace) -> None:
    from pipeline.output.report.page import page

    words = (arguments.password,) if arguments.password else ()
    pictures = PagePictures(store_of(arguments), Passwords(common=words))
    try:
        content = page(
            report,
            None
            if arguments.no_pictures
            else lambda worst: pictures.get(worst.uri, worst.doc_id, worst.page).thumbnail,
        )
    finally:
        pictures.close()
    partial = arguments.to.with_name(f".{arguments.to.name}.partial")
    # Lone surrogates, which some PDFs have, are no UTF-8.
    partial.write_bytes(content.encode("utf-8", "replace"))
    os.replace(partial, arguments.to)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
