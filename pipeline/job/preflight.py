"""Finds wrong usage before anything is started. Does not import Ray: it takes under a second."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.config import OcrConfig
from pipeline.documents.listing import Listing
from pipeline.documents.passwords import Passwords
from pipeline.engines.registry import spec_of
from pipeline.errors import ConfigError
from pipeline.job import lock
from pipeline.storage import objects
from pipeline.storage.paths import StorePath, output_path

_SUBMITTED = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray in the environment of the entrypoint of a submitted job."""


def check(config: OcrConfig) -> None:
    """Check the inputs, the output and the engine.

    Raises:
        ConfigError: With a message that says what to change.
    """
    Listing(config.inputs, config.input, config.store, config.attachments).check()
    Passwords.read(config)
    if config.overwrite and config.dry_run:
        raise ConfigError("--overwrite and --dry-run exclude each other: a dry run deletes nothing")
    output = output_path(config.output, config.store)
    if isinstance(output, StorePath):
        objects.check_reachable(output.uri, config.store)
    else:
        _check_folder(output)
    if not config.dry_run:
        lock.check_free(output, config.lock)
    if config.engine.kind != "auto":
        spec_of(config.engine).check_installed(config.engine)


def _check_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output} is a file; name a folder")
    parent = next(folder for folder in (output, *output.absolute().parents) if folder.is_dir())
    if not os.access(parent, os.W_OK):
        raise ConfigError(f"--output {output}: no permission to write in {parent}")
    if is_submitted() and not output.is_absolute():
        raise ConfigError(
            f"--output {output} is relative: a submitted job runs in a copy of its working "
            "folder that Ray deletes; give an absolute path that all nodes share"
        )


def is_submitted() -> bool:
    """Whether this process was started by `ray job submit`."""
    return _SUBMITTED in os.environ
