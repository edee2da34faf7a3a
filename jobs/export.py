"""Files from an output: ``rayscribe export OUTPUT --format markdown,text --to DIR``.

Writes one file for every document of an output. Run again, it writes what is missing and what was
read again since.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from pipeline.errors import RayscribeError
from pipeline.output.export.documents import OutputIndex, Selection
from pipeline.output.export.formats import FORMATS
from pipeline.output.export.run import Exported, export
from pipeline.output.shards import pages_folder
from pipeline.storage.flags import add_store_flags, store_of
from pipeline.types import Status

PROG = "python -m jobs.export"
_INTERVAL_S: Final = 0.5


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Export, and return the exit code: 0; 1 where a file cannot be written; 2 for wrong usage.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    arguments = _parser(prog).parse_args(argv)
    selection = Selection(arguments.match, frozenset(arguments.status))
    try:
        index = OutputIndex(pages_folder(arguments.output, store_of(arguments)), selection)
    except RayscribeError as error:
        print(f"{arguments.output}: {error}", file=sys.stderr)
        return 2
    if not index.pages:
        print(_nothing(arguments), file=sys.stderr)
        return 2
    progress = _Progress(index.pages)
    try:
        done = export(index, arguments.format, Path(arguments.to), progress)
    except RayscribeError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    finally:
        progress.end()
    print("\n".join(_summary(done, arguments.to)))
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    _, _, description = (__doc__ or "").partition("\n\n")
    known = "\n".join(f"  {name:<10}{each.summary}" for name, each in FORMATS.items())
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"formats:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a job")
    parser.add_argument(
        "--format",
        type=_formats,
        default=["markdown"],
        metavar="NAME[,NAME]",
        help="formats, separated by commas (default: markdown)",
    )
    parser.add_argument("--to", required=True, metavar="DIR", help="the folder of the files")
    parser.add_argument("--match", default="", metavar="WORD", help="part of the documents' URIs")
    parser.add_argument(
        "--status",
        type=_statuses,
        default=[],
        metavar="NAME[,NAME]",
        help=f"only pages with such a status: {', '.join(Status)}",
    )
    add_store_flags(parser)
    return parser


def _formats(text: str) -> list[str]:
    return _listed(text, FORMATS, "format")


def _statuses(text: str) -> list[str]:
    return _listed(text, list(Status), "status")


def _listed(text: str, known: Iterable[str], what: str) -> list[str]:
    choices = [str(name) for name in known]
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in choices:
            message = f"unknown {what} {name!r}; choose from {', '.join(choices)}"
            raise argparse.ArgumentTypeError(message)
    return names


def _nothing(arguments: argparse.Namespace) -> str:
    if arguments.match or arguments.status:
        return f"no such pages in {arguments.output}; look at --match and --status"
    return f"no pages in {arguments.output}; name the --output of a job"


def _summary(done: Exported, to: str) -> list[str]:
    lines = []
    for name, files in done.files.items():
        kept = f", {done.kept[name]} there already" if done.kept[name] else ""
        lines.append(f"{name:<10} {files} files{kept}")
    return [*lines, f"{done.pages} pages into {to}"]


class _Progress:
    """A line of progress on a terminal; silent elsewhere."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._shown = total, 0, 0.0
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, pages: int) -> None:
        self._done += pages
        if self._is_terminal and monotonic() - self._shown > _INTERVAL_S:
            self._shown = monotonic()
            print(f"\rexport: {self._done} of {self._total} pages", end="", file=sys.stderr)

    def end(self) -> None:
        if self._is_terminal and self._shown:
            print("\r\033[K", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
