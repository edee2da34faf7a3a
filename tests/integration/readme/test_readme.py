"""What the README tells a reader to do is done."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support import job_process
from tests.support.job_process import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project as a clone has it, without what was made in it."""
    kept = ("pipeline", "jobs", "serving", "samples", "pyproject.toml", ".rayignore", ".gitignore")
    for name in kept:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    return tmp_path


def test_the_commands_run_in_their_order(checkout: Path, head: job_process.Head):
    script = "set -eu\n" + "\n".join(blocks("bash"))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env=job_process.environment(**head.environment),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The keeper of our own clock wrote down every correction" in done.stdout
    assert "0 to do, 4 done before" in done.stderr, "the second run sees what is done"
    assert re.search(r"to do +5 rows", done.stdout), "the dry run on another output does not"
    assert "or engine onnx" in done.stdout
    assert not (checkout / "out2").exists()


def test_every_error_kind_is_described():
    from pipeline.errors import ErrorKind

    assert [kind for kind in ErrorKind if f"| `{kind}` |" not in README] == []


def test_the_job_is_submitted_to_a_running_cluster(
    checkout: Path, head: job_process.Head, tmp_path: Path
):
    [block] = [text for text in blocks("sh") if "ray job submit" in text]
    command = block.replace("ray start --head\n", "")
    assert "http://127.0.0.1:8265" in command
    output = tmp_path / "result"
    command = command.replace("http://127.0.0.1:8265", head.dashboard)
    command = command.replace("/tmp/rayscribe-out", str(output))
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=checkout,
        env=job_process.environment(**job_process.TOKEN),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 ok" in done.stdout
    assert pq.read_table(output / "pages").num_rows == 5
