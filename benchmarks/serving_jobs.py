"""Jobs under a killed ingress: ``python -m benchmarks.serving_jobs``.

The service runs as `jobs.serve` runs it, on a Ray of its own, with the fake engine. Documents are
made jobs of, so many at a time; in the middle the process of the ingress is killed, and Serve
starts another one. At the end every page of every document must have one row, and the rows that
were written must be as many as there are pages. Pages are drawn at a low resolution: what is
measured here is the way around the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pyarrow.parquet as pq

from benchmarks import serving_app
from benchmarks.serving_app import App
from serving.config import ServeConfig
from tests.support import sample_documents

PATH = "/v1/ocr/jobs"
DPI = 36
_TIMEOUT_S = 3600.0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_jobs")
    parser.add_argument("--documents", type=int, default=50)
    parser.add_argument("--pages", type=int, default=100, help="of each document")
    parser.add_argument("--running", type=int, default=8, help="jobs at a time")
    arguments = parser.parse_args(argv)
    with (
        TemporaryDirectory(prefix="rayscribe-jobs-") as folder,
        serving_app.running(settings(Path(folder), arguments.running)) as app,
    ):
        return measure(app, Path(folder), arguments)


def settings(folder: Path, running: int) -> ServeConfig:
    """The service."""
    return ServeConfig.model_validate(
        {
            "engine": {"kind": "fake"},
            "text_layer": "never",
            "render": {"dpi": DPI},
            "scale": {
                "ocr": {
                    "min_replicas": 1,
                    "max_replicas": 1,
                    "max_ongoing_requests": 64,
                    "num_cpus": 0,
                }
            },
            "job": {"folder": str(folder), "running": running, "pages_in_flight": 8, "poll_s": 1},
            "ray": {"cpus": 2},
        }
    )


def measure(app: App, folder: Path, arguments: argparse.Namespace) -> int:
    """Run all jobs with a kill in the middle, and print what became of the pages."""
    content = sample_documents.text_pdf(arguments.pages)
    pages = arguments.documents * arguments.pages
    begin = time.monotonic()
    ids = [_ask(app, PATH, content)["id"] for _ in range(arguments.documents)]
    made_s = time.monotonic() - begin
    wait(lambda: written(folder) >= pages // 3)
    at_kill, killed_s = written(folder), time.monotonic()
    for process in app.processes("ingress"):
        process.kill()
    wait(lambda: _status(app) == 200)
    back_s = time.monotonic() - killed_s
    wait(lambda: written(folder) > at_kill)
    on_s = time.monotonic() - killed_s
    wait(lambda: all(_ask(app, f"{PATH}/{one}")["status"] == "completed" for one in ids))
    wall_s = time.monotonic() - begin
    results = [_lines(app, one) for one in ids]
    lost = sum(len(set(range(1, arguments.pages + 1)) - set(found)) for found in results)
    twice = sum(len(found) - len(set(found)) for found in results)
    print(f"{os.cpu_count()} CPUs, load {psutil.getloadavg()[0]:.1f}, pages at {DPI} dpi\n")
    print(
        "| jobs | pages each | at a time | made, s | rows at the kill | ingress back, s | first row"
        " after it, s | pages lost | pages twice | rows written | wall, s | pages/s |"
    )
    print("| --- " * 12 + "|")
    cells = [
        *(arguments.documents, arguments.pages, arguments.running, f"{made_s:.1f}", at_kill),
        *(f"{back_s:.1f}", f"{on_s:.1f}", lost, twice, written(folder)),
        *(f"{wall_s:.0f}", f"{pages / wall_s:.1f}"),
    ]
    print(f"| {' | '.join(map(str, cells))} |")
    return int(bool(lost or twice or written(folder) != pages))


def written(folder: Path) -> int:
    """Rows of all jobs."""
    shards = folder.glob("data/*/*/pages/*.parquet")
    return sum(pq.read_metadata(shard).num_rows for shard in shards)


def wait(is_done: Callable[[], bool]) -> None:
    """Wait; while no ingress runs there is no answer."""
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if is_done():
                return
        except (urllib.error.URLError, OSError):
            pass  # no ingress runs now
        time.sleep(0.5)
    raise TimeoutError


def _ask(app: App, path: str, document: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/pdf"} if document else {}
    request = urllib.request.Request(app.url + path, document, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _lines(app: App, job_id: str) -> list[int]:
    """The numbers of the pages in a result."""
    url = f"{app.url}{PATH}/{job_id}/result?format=ndjson"
    with urllib.request.urlopen(url, timeout=60) as response:
        return [json.loads(line)["page"] for line in response]


def _status(app: App) -> int:
    with urllib.request.urlopen(f"{app.url}/health", timeout=5) as response:
        return int(response.status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
