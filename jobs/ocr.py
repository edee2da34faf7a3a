"""The OCR job: ``rayscribe ocr`` or ``python -m jobs.ocr INPUT... --output DIR``.

Exit codes: 0 every wanted page has a row with status ok or blank; 3 the job finished and every
wanted page has a row, but some failed or were cut off, or `--export` left documents out
(`--fail-on none` makes this 0); 1 the job did not finish, or the files of `--export` could not be
written; 2 wrong usage or config; 130 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from pipeline.cli import read
from pipeline.config import ExportConfig, OcrConfig, OcrOptions
from pipeline.errors import ConfigError, RayscribeError
from pipeline.exit_codes import BAD_PAGES, COMPLETE, NOT_FINISHED, USAGE, exit_code, tell
from pipeline.job import preflight, signals

PROG = "python -m jobs.ocr"


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Run the job and return its exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    stopped = (
        "Stopped. Rows that were written stay. To continue, run the same command again:\n"
        f"  {prog} {shlex.join(argv)}"
    )
    return exit_code(lambda: _job(argv, prog), prog, stopped=stopped)


def _job(argv: Sequence[str], prog: str) -> int:
    config = read(OcrConfig, OcrOptions, argv, prog, "inputs")
    files = _files(config)
    code, recipe = _run(config)
    return _export(files, recipe, code, prog, config) if files else code


def _run(config: OcrConfig) -> tuple[int, str]:
    """Run the job; returns its exit code and recipe, "" where no job was run."""
    preflight.check(config)
    # Ray is slow to import: usage errors are reported before.
    from pipeline.job import report, run

    if config.overwrite and not _may_overwrite(config):
        print("Nothing was deleted.", file=sys.stderr)
        return USAGE, ""
    signals.stop_on_sigterm()
    if config.dry_run:
        tell(report.forecast(run.forecast(config, _say)))
        return COMPLETE, ""
    receipt = run.run(config, _say)
    tell(report.receipt(receipt))
    tell(report.next_steps(receipt, config.output))
    is_good = receipt.complete or config.fail_on == "none"
    return COMPLETE if is_good else BAD_PAGES, receipt.recipe_hash


def _files(config: OcrConfig) -> ExportConfig | None:
    """The export that follows the job, None where there is none.

    Raises:
        ConfigError: It cannot be made.
    """
    if not config.export or config.dry_run:
        return None
    from jobs import export

    return export.after_job(config)


def _export(files: ExportConfig, recipe: str, code: int, prog: str, config: OcrConfig) -> int:
    """Write the files of a job that ended with an exit code; return the exit code of both."""
    # The output may have rows of other recipes, of the same pages.
    files = files.model_copy(update={"recipe": recipe})
    if code not in (COMPLETE, BAD_PAGES):
        return code
    from jobs import export

    try:
        done = export.run(files, export.index_of(files))
    except RayscribeError as error:
        formats = ",".join(files.format)
        command = ["rayscribe", "export", files.output, "--format", formats, "--to", files.to]
        command += ["--recipe", recipe]
        print(
            f"{prog}: the rows of the job are in {files.output}; the export failed: {error}\n"
            f"To write the files:\n  {shlex.join(command)}",
            file=sys.stderr,
        )
        return NOT_FINISHED
    tell("\n".join(export.summary(done, files.to)))
    return BAD_PAGES if done.left_out and config.fail_on == "failed" else code


def _may_overwrite(config: OcrConfig) -> bool:
    """Print what `--overwrite` deletes, and ask for consent."""
    from pipeline.output import shards as sink

    shards, rows = sink.contents(config.output, config.store)
    if config.yes or not shards:
        return True
    question = f"{config.output} holds {rows} rows in {shards} files. Delete them? [y/N] "
    if not sys.stdin.isatty():
        raise ConfigError(f"{question}: standard input is no terminal; add --yes")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
