"""Weights of models: ``rayscribe prefetch MODEL...`` or ``python -m jobs.prefetch MODEL...``.

Downloads weights of models into the hub's cache (`HF_HOME`), where vLLM looks for them. Every file
is compared with the checksum that the hub publishes for that commit; a file that differs is fetched
once more.

Exit codes: 0 every file is present and correct; 1 a file is missing or wrong; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import exit_codes
from pipeline.engines.deepseek_ocr.model import REVISIONS as OCR_REVISIONS
from pipeline.errors import ConfigError, JobError
from serving.chat import engine

PROG = "python -m jobs.prefetch"
REVISIONS: Mapping[str, str] = OCR_REVISIONS | engine.REVISIONS
"""The commits that this release was written for."""
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Model:
    """A model at a commit.

    Attributes:
        name: Its name on the hub.
        revision: The commit, 40 hex digits: only a commit has checksums that stay.
    """

    name: str
    revision: str

    @classmethod
    def parse(cls, text: str) -> Model:
        """Read `NAME` or `NAME@COMMIT`.

        Raises:
            ConfigError: No commit is named and none is known, or it is no commit.
        """
        name, _, named = text.partition("@")
        revision = named or REVISIONS.get(name, "")
        if not _COMMIT.fullmatch(revision):
            known = ", ".join(REVISIONS)
            raise ConfigError(
                f"{text}: name a commit of 40 hex digits, as {name}@COMMIT"
                f" (without one are known: {known})"
            )
        return cls(name, revision)


@dataclass(frozen=True)
class Checked:
    """The files that were verified; written beside the cache when all are correct.

    Attributes:
        model: The model's name.
        revision: Its commit.
        files: Size of each file, bytes.
    """

    model: str
    revision: str
    files: dict[str, int]


def main(argv: Sequence[str], prog: str = PROG) -> int:
    """Download and verify, and return the exit code.

    Args:
        argv: The arguments, without the program's name.
        prog: The command that help and messages show.
    """
    _, _, description = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("models", metavar="MODEL[@COMMIT]", nargs="+", help="names on the hub")
    try:
        models = [Model.parse(text) for text in parser.parse_args(argv).models]
        if importlib.util.find_spec("huggingface_hub") is None:
            raise ConfigError("huggingface_hub is missing: pip install '.[gpu]'")
        for model in models:
            prefetch(model)
    except ConfigError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return exit_codes.USAGE
    except JobError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return exit_codes.NOT_FINISHED
    return exit_codes.COMPLETE


def prefetch(model: Model) -> None:
    """Download a model into the cache, unless it was verified before.

    Raises:
        JobError: The hub cannot be reached, has no such commit, or a file still differs from its
            checksum after the second download.
    """
    if is_checked(model):
        _say(f"{model.name} at {model.revision} was verified before")
        return
    _say(f"{model.name} at {model.revision}: fetching")
    folder = _fetched(model)
    if wrong := _wrong(model):
        _say(f"{len(wrong)} files differ from their checksums and are fetched again: {wrong}")
        for name in wrong:
            _remove(folder / name)
        folder = _fetched(model)
        if wrong := _wrong(model):
            raise JobError(
                f"{model.name}: these files still differ from their checksums: {', '.join(wrong)}"
            )
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = {str(path.relative_to(folder)): path.stat().st_size for path in sorted(paths)}
    _write_marker(model, Checked(model.name, model.revision, files))
    _say(f"{model.name}: {len(files)} files, {sum(files.values())} bytes, all verified")


def marker(model: Model) -> Path:
    """The file that records the verified files of a model."""
    from huggingface_hub import constants

    name = f"{model.name.replace('/', '--')}@{model.revision}.json"
    return Path(constants.HF_HOME, "rayscribe", name)


def is_checked(model: Model) -> bool:
    """Whether a model was verified and every file still has its size."""
    from huggingface_hub import try_to_load_from_cache

    try:
        checked = Checked(**json.loads(marker(model).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return False

    def is_there(name: str, size: int) -> bool:
        path = try_to_load_from_cache(model.name, name, revision=model.revision)
        return isinstance(path, str) and os.path.getsize(path) == size

    return all(is_there(name, size) for name, size in checked.files.items())


def _fetched(model: Model) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.name, revision=model.revision))
    except Exception as error:  # the hub's client, its HTTP library and the disk raise their own
        raise JobError(f"{model.name} cannot be fetched: {error}") from error


def _wrong(model: Model) -> list[str]:
    """Files that are missing, or whose checksum is not the hub's."""
    from huggingface_hub import HfApi

    try:
        found = HfApi().verify_repo_checksums(model.name, revision=model.revision)
    except Exception as error:
        raise JobError(f"{model.name} cannot be checked: {error}") from error
    return sorted({*found.missing_paths, *(each["path"] for each in found.mismatches)})


def _remove(path: Path) -> None:
    """Remove a file of a snapshot with the blob that it points to."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _write_marker(model: Model, checked: Checked) -> None:
    path = marker(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_suffix(".tmp")
    hidden.write_text(json.dumps(asdict(checked), indent=1), encoding="utf-8")
    hidden.replace(path)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
