"""The console script ``rayscribe``: runs one of the commands in this folder.

A command is imported when it is called, so that `rayscribe --help` answers at once.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

from pipeline import __version__, exit_codes

PROG = "rayscribe"
COMMANDS = {
    "ocr": "recognise documents: one row of Parquet for every page",
    "serve": "serve OCR and chat behind an OpenAI-compatible interface",
    "show": "print the text that a job wrote",
    "export": "write the documents of a job as Markdown, HTML, PDF, JSON or a data set",
    "view": "show pages beside their text in a browser, or write that as a site",
    "report": "say what came out of a job, what it cost, and what changed",
    "evaluate": "score an output against the truth of its pages",
    "prefetch": "download the weights of a model and verify their checksums",
}
"""The modules of this folder that are commands, with their summaries."""
USAGE = f"usage: {PROG} [--version] [--help] COMMAND ..."


def main(argv: Sequence[str]) -> int:
    """Run a command and return its exit code; 2 where there is no such command."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_help(), file=sys.stdout if argv else sys.stderr)
        return exit_codes.COMPLETE if argv else exit_codes.USAGE
    name, *rest = argv
    if name == "--version":
        print(f"{PROG} {__version__}")
        return exit_codes.COMPLETE
    if name not in COMMANDS:
        print(f"{PROG}: unknown command {name}{_nearest(name)}\n{USAGE}", file=sys.stderr)
        return exit_codes.USAGE
    command = importlib.import_module(f"jobs.{name}")
    return int(command.main(rest, f"{PROG} {name}"))


def run() -> int:
    """Entry point of the console script."""
    return main(sys.argv[1:])


def _help() -> str:
    lines = [f"  {name:<10}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join([USAGE, "", *lines, "", f"{PROG} COMMAND --help shows the options of one."])


def _nearest(name: str) -> str:
    match = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    return f"; did you mean {match[0]}?" if match else f"; choose from {', '.join(COMMANDS)}"


if __name__ == "__main__":
    sys.exit(run())
