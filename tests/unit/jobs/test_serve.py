"""`python -m jobs.serve`: wrong usage is told before anything is started."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import job_process

KEYS = {"RAYSCRIBE_API_KEYS": f"alice:{'k' * 32}"}


def serve(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobs.serve", *argv],
        cwd=job_process.ROOT,
        env=job_process.environment(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--prot", "1"], "unknown flag --prot"),
        (["--scale.ocr.min-replicas", "3"], "min_replicas is more than max_replicas"),
        (["--http.host", "0.0.0.0"], "auth.keys_file"),
        (["--models", "ocr,ocr"], "each once"),
        (["--ocr.page-separator", "{nothing}"], "{page}"),
        (["--limits.pages", "0"], "limits.pages"),
        (["--auth.keys-file", "/nowhere/keys"], "auth.keys_file /nowhere/keys cannot be read"),
        (["--auth.keys-file", "/dev/null"], "has no keys: write one name:key a line"),
        (["--job.folder", "/dev/null/jobs"], "job.folder /dev/null/jobs cannot be made"),
        (["--models", "ocr,chat"], "the chat model needs vLLM"),
        (["--engine.kind", "vllm"], "--engine.kind onnx"),
    ],
)
def test_wrong_usage(argv: list[str], said: str) -> None:
    done = serve(*argv)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 2, done.stderr
    assert said in "\n".join(errors)
    assert not any("| ray\n" in line or line.endswith("| ray") for line in done.stderr.splitlines())


def test_unknown_settings_in_a_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("limits: {page: 3}")
    done = serve("--config", str(tmp_path / "s.yaml"))
    assert done.returncode == 2
    assert "unknown setting limits.page; did you mean pages?" in done.stderr


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve("--http.port", str(port))
    assert done.returncode == 2
    assert f"cannot listen at 127.0.0.1:{port}" in done.stderr


def test_help_all_lists_every_setting() -> None:
    done = serve("--help-all")
    assert done.returncode == 0
    for flag in ("--scale.ocr.max-replicas", "--limits.request-s", "--auth.keys-file"):
        assert flag in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) < 200
