"""Files from an output: ``rayscribe export OUTPUT --format markdown,text --to DIR``.

Exit codes: 0 all files are written; 3 some documents were left out, such as signed PDFs that would
have to be changed: warnings say why (what is missing of a file, such as figures of an original that
is gone, is a warning only); 1 the export did not finish: the output cannot be read, or the folder
not be written; 2 wrong usage or config; 130 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import sys
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Final

from pipeline.cli import read
from pipeline.config import ExportConfig, ExportOptions, OcrConfig, OcrOptions
from pipeline.documents.originals import Originals
from pipeline.errors import ConfigError
from pipeline.exit_codes import BAD_PAGES, COMPLETE, exit_code
from pipeline.job import preflight, signals
from pipeline.output.export.documents import OutputIndex, Selection
from pipeline.output.export.folder import open_folder
from pipeline.output.export.formats import check_names, summaries
from pipeline.output.export.run import Exported, export, passes
from pipeline.output.export.tokens import counter
from pipeline.output.reader_command import no_pages
from pipeline.output.shards import pages_folder
from pipeline.storage import objects, uris
from pipeline.text.printable import printable

PROG = "python -m jobs.export"
DEFAULT_FOLDER: Final = "export"
"""Where the files of a job's `--export` are, in its output."""
_INTERVAL_S: Final = 0.5


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Export, and return the exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    stopped = "Stopped. Files that were written stay; the same command goes on."
    return exit_code(lambda: _export(argv, prog), prog, stopped=stopped)


def _export(argv: Sequence[str], prog: str) -> int:
    config = read(ExportConfig, ExportOptions, argv, prog, "output", _formats())
    check(config)
    signals.stop_on_sigterm()
    done = run(config, index_of(config))
    print("\n".join(summary(done, config.to)))
    return BAD_PAGES if done.left_out else COMPLETE


def after_job(config: OcrConfig) -> ExportConfig:
    """The export that a job's `--export` asks for.

    Raises:
        ConfigError: A format is unknown, or there is no folder that this process can write to.
    """
    to = config.export_to or f"{config.output.rstrip('/')}/{DEFAULT_FOLDER}"
    if preflight.is_submitted() and uris.is_local(to) and not os.path.isabs(uris.local_path(to)):
        raise ConfigError(f"--export-to {to} is relative: give a submitted job an absolute path")
    for each in config.inputs:
        if _is_inside(to, each):
            raise ConfigError(
                f"--export-to {to} is inside of the input {each}: the next job would read the "
                "files as documents; name another folder"
            )
    shared = ExportOptions.model_fields.keys() & OcrOptions.model_fields.keys()
    settings = {name: getattr(config, name) for name in shared}
    files = ExportConfig(output=config.output, to=to, format=config.export, **settings)
    check(files)
    return files


def _is_inside(folder: str, given: str) -> bool:
    """Whether a folder is in one that an input names, or that its pattern searches."""
    if uris.is_store(given) and uris.is_store(folder):
        return _is_inside_on_store(folder.rstrip("/"), given)
    if not (uris.is_local(given) and uris.is_local(folder)):
        return False
    folder, given = uris.local_path(folder), uris.local_path(given)
    root, wildcard, _ = given.partition("**")
    if not wildcard and not os.path.isdir(given):
        found_in = os.path.realpath(os.path.dirname(given) or ".")
        return glob.has_magic(given) and fnmatch.fnmatch(os.path.realpath(folder), found_in)
    root = os.path.realpath(root or ".")
    return os.path.commonpath([root, os.path.realpath(folder)]) == root


def _is_inside_on_store(folder: str, given: str) -> bool:
    if not uris.has_magic(given):
        return f"{folder}/".startswith(f"{given.rstrip('/')}/")
    finds = uris.matcher(given).fullmatch
    files = (f"{folder}/{name}" for name in ("a.pdf", "b/a.pdf", "a.png", "b/a.png"))
    return any(finds(file) for file in files)


def check(config: ExportOptions) -> None:
    """Check the formats and the folder before anything is read.

    Raises:
        ConfigError: There is no such format, its tokenizer cannot be loaded, or nothing can be
            written to such a folder, or the store does not answer.
    """
    check_names(config.format)
    if "chunks" in config.format:
        counter(config.chunks.tokenizer)
    open_folder(config.to, config.store)
    if uris.is_store(config.to):
        objects.check_reachable(config.to, config.store)


def index_of(config: ExportConfig) -> OutputIndex:
    """The documents that are exported.

    Raises:
        ConfigError: There are none, or pages have several rows.
        JobError: The output is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """
    scores = config.min_text_score, config.max_text_score
    selection = Selection(config.match, frozenset(config.status), scores, config.recipe)
    index = OutputIndex(pages_folder(config.output, config.store), selection)
    if not index.pages:
        raise ConfigError(_nothing(config))
    if index.recipes:
        found = ", ".join(index.recipes)
        raise ConfigError(f"pages have rows of several recipes; choose with --recipe: {found}")
    return index


def run(config: ExportConfig, index: OutputIndex) -> Exported:
    """Write the files, with a line of progress, and print what is missing of them.

    Raises:
        ConfigError: A file with passwords cannot be read.
        JobError: A file cannot be written.
        DocumentError: A shard of the output cannot be fetched.
        KeyboardInterrupt: It was stopped.
    """
    progress = _Progress(index.pages * passes(config.format))
    try:
        done = _written(config, index, progress)
    finally:
        progress.end()
    for warning in done.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)
    if more := done.warned - len(done.warnings):
        print(f"warning: and {more} more", file=sys.stderr)
    return done


def _written(config: ExportConfig, index: OutputIndex, progress: _Progress) -> Exported:
    """Write the files, on Ray where there are many pages."""
    if 0 < config.spread.pages < index.pages:
        # Ray is slow to import.
        from pipeline.job.export import export_on_ray

        return export_on_ray(index, config, progress)
    with Originals(config) as originals:
        return export(index, config, originals, progress)


def summary(done: Exported, to: str) -> Iterator[str]:
    """What an export did, in lines."""
    for name, files in done.files.items():
        kept = f", {done.kept[name]} there already" if done.kept[name] else ""
        yield f"{name:<15} {files} {'file' if files == 1 else 'files'}{kept}"
    if done.left_out:
        yield f"{done.left_out} files left out, for the reasons above"
    yield f"{done.pages} pages into {to}"


def _formats() -> str:
    known = "\n".join(f"  {name:<16}{each}" for name, each in summaries().items())
    return f"formats:\n{known}"


def _nothing(config: ExportConfig) -> str:
    by_score = config.min_text_score > 0 or config.max_text_score < 1
    if config.match or config.status or config.recipe or by_score:
        flags = "--match, --status, --recipe, --min-text-score and --max-text-score"
        return f"no such pages in {config.output}; look at {flags}"
    return no_pages(config.output)


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
