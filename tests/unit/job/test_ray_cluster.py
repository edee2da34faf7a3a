"""A Ray that does not start: what the person who waits is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import ray

from pipeline.config import RayConfig
from pipeline.errors import ConfigError, JobError
from pipeline.job import ray_cluster
from tests.support import sample_documents

# As Ray 2.60 words them in `ray._private`: node.py, services.py, utils.py; some cut short.
LATE = Exception(
    "The current node timed out during startup. This could happen because some of the raylet "
    "failed to startup or the GCS has become overloaded."
)
LATE_STORE = TimeoutError("Timed out after 30 seconds while waiting for node to startup.")
OTHER_RAY = RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.9.0")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `connected` leaves in the environment is gone after the test."""
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_BACKEND_LOG_LEVEL"):
        monkeypatch.setenv(name, "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def fails(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[Path]:
    """Let `ray.init` raise; returns the temporary folders that it was given."""
    folders = []

    def init(**options: Any) -> NoReturn:
        folders.append(Path(options.get("_temp_dir", "")))
        raise error

    monkeypatch.setattr(ray, "init", init)
    return folders


@pytest.mark.parametrize("error", [LATE, LATE_STORE, OSError(28, "No space left on device")])
def test_a_ray_of_its_own_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    folders = fails(monkeypatch, error)
    with pytest.raises(JobError) as caught, ray_cluster.connected(RayConfig()):
        raise AssertionError("it did start")
    message = str(caught.value)
    assert message.startswith(f"Ray does not start on this machine ({error})")
    assert f"space in {folders[0]}" in message
    assert "ray.cpus" in message
    assert not folders[0].exists()


def test_a_cluster_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, OTHER_RAY)
    with (
        pytest.raises(JobError) as caught,
        ray_cluster.connected(RayConfig(address="10.0.0.1:6379")),
    ):
        raise AssertionError("it was joined")
    assert "'10.0.0.1:6379' cannot be joined (Version mismatch: The cluster" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_cluster_at_the_address_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, ConnectionError("nobody there"))
    with pytest.raises(ConfigError), ray_cluster.connected(RayConfig(address="10.0.0.1:6379")):
        raise AssertionError("it was joined")


def test_ctrl_c_during_the_start_is_no_error_of_rays(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), ray_cluster.connected(RayConfig()):
        raise AssertionError("it did start")


def test_the_job_ends_with_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "in.pdf").write_bytes(sample_documents.text_pdf())
    script = (
        "import sys, ray; from jobs.ocr import main\n"
        f"def init(**options): raise Exception({str(LATE)!r})\n"
        "ray.init = init; sys.exit(main(sys.argv[1:]))"
    )
    paths = (tmp_path / "in.pdf", "--output", tmp_path / "out")
    arguments = [*map(str, paths), "--stages.local-pages", "0"]
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=120,
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    said = f"python -m jobs.ocr: Ray does not start on this machine ({LATE})"
    assert line.startswith(said)


def test_the_folder_of_a_job_that_was_killed_is_deleted_by_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = (
        "import os, ray\n"
        "from pipeline.config import RayConfig\n"
        "from pipeline.job import ray_cluster\n"
        "def init(**options): print(options['_temp_dir'], flush=True); os.kill(os.getpid(), 9)\n"
        "ray.init = init\n"
        "with ray_cluster.connected(RayConfig()): pass"
    )
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, timeout=120
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir(), killed.stderr
    folders = fails(monkeypatch, LATE)
    with pytest.raises(JobError), ray_cluster.connected(RayConfig()):
        raise AssertionError("it did start")
    assert not left.exists()
    assert not folders[0].exists()
