"""The online service: ``rayscribe serve`` or ``python -m jobs.serve [--config FILE.yaml]``.

Serves until Ctrl-C or SIGTERM, also while it starts; a second one ends the answers that still run.
Exit codes: 0 stopped; 1 it did not start; 2 wrong usage or config.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence

from pipeline import exit_codes
from pipeline.cli import read
from pipeline.errors import ConfigError, JobError
from serving import json_log, run
from serving.config import ServeConfig

PROG = "python -m jobs.serve"


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Serve until a signal comes, and return the exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    stop, cut = threading.Event(), threading.Event()
    try:
        config = read(ServeConfig, ServeConfig, argv, prog)
        run.check(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: (cut if stop.is_set() else stop).set())
        run.run(config, _say, stop, cut)
    except ConfigError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return exit_codes.USAGE
    except JobError as error:
        _say(f"{prog}: {error}", "error")
        return exit_codes.NOT_FINISHED
    return exit_codes.COMPLETE


def _say(message: str, level: str = "info") -> None:
    """Print a line for people on a terminal, and one of the log elsewhere."""
    text = message if sys.stderr.isatty() else json_log.line(message, level)
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
