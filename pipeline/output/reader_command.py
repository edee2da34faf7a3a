"""What the commands that look at an output have in common: their parser and their exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from pipeline.errors import ConfigError, RayscribeError

COMPLETE, NOT_FINISHED, USAGE, BAD_PAGES = 0, 1, 2, 3


def parser_of(prog: str, doc: str | None, epilog: str) -> argparse.ArgumentParser:
    """A parser with the output as its first argument.

    Args:
        prog: The command that help and messages show.
        doc: The command's docstring; what follows its first line is the description.
        epilog: Shown below the options, with its own line ends.
    """
    _, _, description = (doc or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a job")
    return parser


def no_pages(output: str) -> str:
    """What is said where an output has no pages."""
    return f"no pages in {output}; name the --output of a job"


def exit_code(run: Callable[[], int], prog: str, extra: str = "") -> int:
    """Run a command; what it raises becomes a line on stderr and an exit code.

    Args:
        run: Does the work, and returns the exit code.
        prog: The command that messages show.
        extra: The extra that brings its packages, "" where all are always installed.
    """
    try:
        return run()
    except ModuleNotFoundError as error:
        if not extra:
            raise
        needed = f"needs the package {error.name}: pip install 'rayscribe[{extra}]'"
        print(f"{prog}: {needed}", file=sys.stderr)
        return USAGE
    except ConfigError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return USAGE
    except (RayscribeError, OSError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return NOT_FINISHED
