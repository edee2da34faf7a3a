"""Pages beside their text: ``rayscribe view OUTPUT``, or ``--to DIR`` for a site on disk.

Serves a viewer of an output on loopback until Ctrl-C, or writes it as a static site that any
browser opens without a server. Pictures are drawn from the original documents.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import Progress

from pipeline.documents.passwords import Passwords
from pipeline.errors import ConfigError
from pipeline.exit_codes import BAD_PAGES, COMPLETE, exit_code
from pipeline.output.page_pictures import PagePictures
from pipeline.output.reader_command import no_pages, parser_of
from pipeline.output.shards import pages_folder
from pipeline.storage.flags import add_store_flags, store_of
from pipeline.types import Status

if TYPE_CHECKING:
    from pipeline.output.view.site import Site

PROG = "python -m jobs.view"
_EPILOG: Final = """\
exit codes: 0 served until it was stopped, or written; 3 written, but some pages
have no picture: their original is not there any more, or cannot be drawn;
1 not finished; 2 wrong usage.
"""


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Serve or write the viewer, and return the exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    arguments = _parser(prog).parse_args(argv)
    return exit_code(lambda: _run(arguments), prog)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = parser_of(prog, __doc__, _EPILOG)
    parser.add_argument("--to", type=Path, metavar="DIR", help="write a static site here")
    parser.add_argument("--host", default="127.0.0.1", help="address (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    parser.add_argument("--match", default="", metavar="WORD", help="part of the documents' URIs")
    parser.add_argument("--status", choices=list(Status), action="append", help="only such pages")
    parser.add_argument("--password", default="", metavar="WORD", help="opens encrypted documents")
    add_store_flags(parser)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from pipeline.output.view.site import MAX_PAGES, Site

    store = store_of(arguments)
    words = (arguments.password,) if arguments.password else ()
    pictures = PagePictures(store, Passwords(common=words))
    try:
        pages = pages_folder(arguments.output, store)
        name = arguments.output.rstrip("/").rpartition("/")[2] or arguments.output
        statuses = tuple(arguments.status or ())
        site = Site(pages, pictures, name, arguments.match, statuses)
        if not len(site):
            raise ConfigError(_nothing(arguments))
        if site.left_out:
            _say(f"{site.left_out} pages over {MAX_PAGES} are left out; choose with --match")
        return _write(site, arguments.to) if arguments.to else _serve(site, arguments)
    finally:
        pictures.close()


def _serve(site: Site, arguments: argparse.Namespace) -> int:
    from pipeline.output.view.server import LOOPBACK, serve

    if arguments.host not in LOOPBACK:
        _say("Whoever reaches this address reads the output: there is no login.")
    serve(site, arguments.host, arguments.port, _say)
    return COMPLETE


def _write(site: Site, to: Path) -> int:
    from pipeline.output.view.static_site import write

    # Nothing is shown where standard error is no terminal.
    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("pages", total=len(site))
        done = write(site, to, lambda pages: bar.advance(task, pages))
    kept = f", {done.kept} pictures there already" if done.kept else ""
    print(f"{done.files} files of {len(site)} pages{kept}")
    if done.not_drawn:
        print(f"{done.not_drawn} pages without a picture, such as: {done.example}")
    print(f"open {to / 'index.html'}")
    return BAD_PAGES if done.not_drawn else COMPLETE


def _nothing(arguments: argparse.Namespace) -> str:
    if arguments.match or arguments.status:
        return f"no such pages in {arguments.output}; look at --match and --status"
    return no_pages(arguments.output)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
