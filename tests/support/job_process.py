"""Runs jobs as a user does: in a process of their own, with an environment that is marked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).parents[2]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex}


@dataclass(frozen=True)
class Head:
    """A Ray head that runs.

    Attributes:
        address: For drivers.
        dashboard: For `ray job submit`.
    """

    address: str
    dashboard: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes a job join it."""
        return TOKEN | {"RAY_ADDRESS": self.address}


@contextmanager
def running_head(*flags: str, cwd: Path = ROOT, **more: str) -> Iterator[Head]:
    """Start a Ray head as the README says, but apart from any other Ray, and end it.

    Args:
        flags: More of `ray start`; the last one of a kind counts.
        cwd: Where it is started: Python finds modules there.
        more: Its environment, beside a user's.
    """
    port, dashboard = free_port(), free_port()
    temp = tempfile.mkdtemp(prefix="rs-", dir="/tmp")
    command = ["ray", "start", "--head", "--block", "--num-cpus", "2", "--num-gpus", "2"]
    command += [f"--port={port}"]
    command += [f"--dashboard-port={dashboard}", f"--temp-dir={temp}", "--disable-usage-stats"]
    command += ["--dashboard-host=127.0.0.1", f"--ray-client-server-port={free_port()}"]
    command += [f"--dashboard-agent-listen-port={free_port()}"]
    # The load on a deployment is told every second and not every ten.
    serve = {"RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1"}
    started = start([*command, *flags], cwd, **TOKEN | serve | more)
    try:
        wait_for(dashboard)
        yield Head(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}")
    finally:
        for one in started.left():
            one.kill()  # all that carries the mark of this head, and nothing else
        started.process.communicate(timeout=30)
        shutil.rmtree(temp, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until a web server answers, such as Ray's dashboard."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/version", timeout=2):
                return
        except HTTPError:
            return  # it answers; what it wants is the business of those who ask it
        except (URLError, OSError):
            time.sleep(0.3)
    raise TimeoutError(f"no web server came up on port {port}")


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


def ocr(
    *argv: object, head: Head | None = None, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `python -m jobs.ocr` to its end, on a head or on a Ray of its own."""
    command = [sys.executable, "-m", "jobs.ocr", *map(str, argv)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(**(head.environment if head else {})),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def show(*argv: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m jobs.show`."""
    return subprocess.run(
        [sys.executable, "-m", "jobs.show", *map(str, argv)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
