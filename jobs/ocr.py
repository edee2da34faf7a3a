"""The OCR job: ``python -m jobs.ocr INPUT... --output DIR``.

Exit codes: 0 every page has a row with status ok or blank; 1 some pages failed (their rows say
why); 2 wrong usage or config; 130 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from pipeline.cli import read
from pipeline.config import OcrConfig, OcrOptions
from pipeline.errors import ConfigError, JobError
from pipeline.job import preflight, signals

PROG = "python -m jobs.ocr"


def main(argv: Sequence[str]) -> int:
    """Run the job and return its exit code."""
    try:
        config = read(OcrConfig, OcrOptions, argv, PROG, "inputs")
        return _run(config)
    except ConfigError as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 2
    except JobError as error:
        print(f"{PROG}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        again = shlex.join(argv)
        print(
            "\nStopped. Rows that were written stay. To go on, run the same command again:\n"
            f"  {PROG} {again}",
            file=sys.stderr,
        )
        return 130


def _run(config: OcrConfig) -> int:
    preflight.check(config)
    # Ray is slow to import, and wrong usage is told before that.
    from pipeline.job import report, run

    if config.overwrite and not _may_overwrite(config):
        print("Nothing was deleted.", file=sys.stderr)
        return 2
    signals.stop_on_sigterm()
    if config.dry_run:
        print(report.forecast(run.forecast(config, _say)))
        return 0
    receipt = run.run(config, _say)
    print(report.receipt(receipt))
    print(report.next_steps(receipt, config.output))
    return 0 if receipt.complete else 1


def _may_overwrite(config: OcrConfig) -> bool:
    """Say what `--overwrite` deletes, and ask."""
    from pipeline.output import shards as sink

    shards, rows = sink.contents(config.output, config.store)
    if config.yes or not shards:
        return True
    question = f"{config.output} holds {rows} rows in {shards} files. Delete them? [y/N] "
    if not sys.stdin.isatty():
        raise ConfigError(f"{question}: there is nobody to ask; add --yes")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
