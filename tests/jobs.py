"""Runs jobs as a user does: in a process of their own, with an environment that is marked."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.conftest import ROOT


@dataclass(frozen=True)
class Started:
    """A process in a session of its own, and the mark that all its descendants carry."""

    process: subprocess.Popen[str]
    mark: str

    def left(self) -> list[psutil.Process]:
        """Processes with its mark that are still alive."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            return alive and process.environ().get("RAYSCRIBE_TEST") == self.mark
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def environment(**more: str) -> dict[str, str]:
    """The environment of a user's shell: no settings of the test run, no Ray to join."""
    dropped = ("RAY_", "COLUMNS", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    folder = str(Path(sys.executable).parent)
    return kept | {"PATH": f"{folder}{os.pathsep}{kept['PATH']}", "PYTHONWARNINGS": ""} | more


def start(argv: Sequence[str], cwd: Path = ROOT, **more: str) -> Started:
    """Start a command in a session of its own."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=environment(RAYSCRIBE_TEST=mark, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return Started(process, mark)


def ocr(*argv: object, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `python -m jobs.ocr` to its end."""
    command = [sys.executable, "-m", "jobs.ocr", *map(str, argv)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
