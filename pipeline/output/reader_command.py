"""What the commands that look at an output have in common: their parser and a sentence."""

from __future__ import annotations

import argparse


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
