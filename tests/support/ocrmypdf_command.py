"""Runs the command `ocrmypdf` with this project's plugin, as an entry point would load it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.job_process import ROOT

PLUGIN = "pipeline.ocrmypdf_plugin.plugin"


def run(
    arguments: Sequence[str | Path], *, has_tesseract: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the command.

    Args:
        arguments: Its arguments.
        has_tesseract: Whether programs of the machine are found; else none is.
    """
    path = os.environ["PATH"] if has_tesseract else ""
    command = [sys.executable, "-m", "ocrmypdf", "--plugin", PLUGIN]
    return subprocess.run(
        [*command, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


def has_program(name: str) -> bool:
    """Whether the machine has a program."""
    return shutil.which(name) is not None
