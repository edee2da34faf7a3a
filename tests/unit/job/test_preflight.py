from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import LockConfig, OcrConfig
from pipeline.errors import ConfigError
from pipeline.job import lock, preflight


def config(tmp_path: Path, **changes) -> OcrConfig:
    (tmp_path / "a.pdf").write_bytes(b"x")
    fields = {"inputs": (str(tmp_path / "a.pdf"),), "output": str(tmp_path / "out")}
    return OcrConfig(**fields | changes)


def test_a_good_config_passes_and_makes_nothing(tmp_path: Path):
    preflight.check(config(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["a.pdf"]


def test_an_output_that_is_a_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="is a file; name a folder"):
        preflight.check(config(tmp_path, output=str(tmp_path / "a.pdf")))


def test_an_output_nobody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ConfigError, match="no permission to write"):
        preflight.check(config(tmp_path))


def test_vllm_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[gpu\]'"):
        preflight.check(config(tmp_path, engine={"kind": "vllm"}))


def test_a_relative_output_of_a_submitted_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    with pytest.raises(ConfigError, match="give an absolute path"):
        preflight.check(config(tmp_path, output="out"))


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["nowhere.pdf", "--output", "o"], "no such file or folder: nowhere.pdf"),
        (["pyproject.toml", "--output", "o", "--engine.kid", "x"], "--engine.kind"),
        (["pyproject.toml"], "--output is missing"),
    ],
)
def test_wrong_usage_ends_with_2_before_ray_is_so_much_as_imported(argv: list[str], says: str):
    code = (
        "import sys; from jobs.ocr import main; code = main(sys.argv[1:]); "
        "assert 'ray' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_another_job_writes_to(tmp_path: Path):
    output = tmp_path / "out"
    output.mkdir()
    with lock.held(output, LockConfig(), print):
        with pytest.raises(ConfigError, match="is being written by another job"):
            preflight.check(config(tmp_path))
        preflight.check(config(tmp_path, dry_run=True))  # writes nothing there
    preflight.check(config(tmp_path))
