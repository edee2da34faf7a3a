"""The service as `jobs.serve` runs it, on a Ray of its own, for the time of a measurement."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from serving import run
from serving.config import ServeConfig
from tests.support.job_process import free_port

_START_S = 900.0
_MIB = 1024 * 1024
_NAMES = {
    "proxy": "ray::ProxyActor",
    "ingress": f"ray::ServeReplica:{run.APP}:Ingress",
    "ocr": f"ray::ServeReplica:{run.APP}:Ocr",
    "chat": f"ray::ServeReplica:{run.APP}:Chat",
    "controller": "ray::ServeController",
}


@dataclass(frozen=True, slots=True)
class App:
    """A service that runs.

    Attributes:
        url: Where, without a path.
        config: What is served.
    """

    url: str
    config: ServeConfig

    def processes(self, part: str) -> list[psutil.Process]:
        """The processes of the proxy, the ingress, a model's replicas or the controller."""
        return [
            process
            for process in psutil.Process().children(recursive=True)
            if _title(process).startswith(_NAMES[part])
        ]

    def private_mib(self) -> dict[str, float]:
        """Private memory (resident less shared) of each part, MiB."""
        found = {}
        for part in _NAMES:
            infos = [process.memory_info() for process in self.processes(part)]
            found[part] = sum(info.rss - info.shared for info in infos) / _MIB
        return found

    def cpu_s(self) -> dict[str, float]:
        """CPU time that each part has used, seconds."""
        found = {}
        for part in _NAMES:
            times = [process.cpu_times() for process in self.processes(part)]
            found[part] = sum(time.user + time.system for time in times)
        return found


@contextmanager
def running(config: ServeConfig) -> Iterator[App]:
    """Serve a config, on free ports, and remove everything after.

    Raises:
        RuntimeError: It did not start.
    """
    http = config.http.model_copy(update={"port": free_port()})
    metrics = config.metrics.model_copy(update={"port": free_port()})
    config = config.model_copy(update={"http": http, "metrics": metrics})
    stop, ready, faults = threading.Event(), threading.Event(), []

    def say(line: str) -> None:
        if line.startswith("Serving"):
            ready.set()

    def serve() -> None:
        try:
            run.run(config, say, stop, threading.Event())
        except Exception as error:
            faults.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        ready.wait(_START_S)
        if faults or not ready.is_set():
            raise RuntimeError(f"the service did not start: {faults}")
        yield App(f"http://127.0.0.1:{http.port}", config)
    finally:
        stop.set()
        thread.join()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()[:1])
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
