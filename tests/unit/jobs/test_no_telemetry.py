"""A job reports its use to nobody, and keeps nothing for that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.job_process import ROOT

# ONNX Runtime reports nothing where one of these is set, as on build servers.
_QUIET = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "TF_BUILD", "GITHUB_ACTIONS")


def test_onnx_runtime_neither_sends_nor_keeps_anything(tmp_path: Path) -> None:
    folders = {"HOME": "home", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}
    for folder in folders.values():
        (tmp_path / folder).mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in _QUIET}
    environment |= {name: str(tmp_path / folder) for name, folder in folders.items()}
    command = [sys.executable, "-m", "jobs.ocr", "samples/notice.jpg", "--output", tmp_path / "out"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    kept = [path.name for folder in folders.values() for path in (tmp_path / folder).rglob("*")]
    # Of Microsoft's client: a session, an identifier of the machine, and what it has not sent yet.
    assert not {".ses", "deviceid", "onnxruntime.db"}.intersection(kept), kept
