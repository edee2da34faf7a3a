"""The exit codes of the commands, and how an error becomes one."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import Final

from pipeline.errors import ConfigError, RayscribeError

COMPLETE: Final = 0
"""All that was asked for is done."""
NOT_FINISHED: Final = 1
"""The command stopped before its end: run again, it goes on."""
USAGE: Final = 2
"""Wrong usage or config: nothing was done."""
BAD_PAGES: Final = 3
"""The command finished, but pages or documents failed or were left out."""
STOPPED: Final = 130
"""Stopped by Ctrl-C or SIGTERM."""
READER_GONE: Final = 141
"""Nobody reads what is printed any more, as after `| head`: as of programs that SIGPIPE ends."""


def exit_code(run: Callable[[], int], prog: str, extra: str = "", stopped: str = "") -> int:
    """Run a command; what it raises becomes a message on stderr and an exit code.

    Args:
        run: Does the work, and returns the exit code.
        prog: The command that messages show.
        extra: The extra that brings its packages, "" where all are always installed.
        stopped: What is said when it is stopped, "" for commands that leave Ctrl-C to Python.

    Raises:
        KeyboardInterrupt: It was stopped, and `stopped` is empty.
        ModuleNotFoundError: A package is missing that no extra brings.
    """
    try:
        code = run()
        sys.stdout.flush()
        return code
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
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            _print_nothing_more()
            return READER_GONE
        print(f"{prog}: {error}", file=sys.stderr)
        return NOT_FINISHED
    except KeyboardInterrupt:
        if not stopped:
            raise
        print(f"\n{stopped}", file=sys.stderr)
        return STOPPED


def tell(text: str) -> None:
    """Print a result of work that goes on, or is done, also where nobody reads it any more."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _print_nothing_more()


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe without a reader: other pipes and sockets break, too."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _print_nothing_more() -> None:
    """Also not at the exit of Python, which complains about what it cannot write."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
