"""Jobs and batches while the ingress, then the whole service, is killed. On a Ray of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import psutil
import pyarrow.parquet as pq
import pytest
import yaml

from tests.integration.serving.test_batches import ENDPOINT, jsonl, page
from tests.integration.serving.test_jobs import PATH
from tests.support import job_process, sample_documents
from tests.support.live_service import Online, data_uri

PAGES, LINES = 40, 30
CONFIG: dict[str, Any] = {
    "engine": {"kind": "fake", "fake": {"delay_ms": 400}},
    "text_layer": "never",
    "scale": {"ocr": {"min_replicas": 1, "max_replicas": 1, "num_cpus": 0.1}},
    "job": {"pages_in_flight": 2, "flush_s": 0.5, "poll_s": 0.5},
    "ray": {"cpus": 2},
}


@contextmanager
def serving(folder: Path, port: int) -> Iterator[tuple[Online, job_process.Started]]:
    """The service as a user starts it; all its processes are killed at the end."""
    path = folder / "serve.yaml"
    # No metrics: their port is held by what a service that was killed leaves for a moment.
    settings = CONFIG | {"http": {"port": port}, "metrics": {"port": 0}}
    settings["job"] = CONFIG["job"] | {"folder": str(folder / "jobs")}
    path.write_text(yaml.safe_dump(settings))
    started = job_process.start([sys.executable, "-m", "jobs.serve", "--config", str(path)])
    service = Online(f"http://127.0.0.1:{port}", None, None, None, [], "fake")  # type: ignore[arg-type]
    try:
        wait(lambda: service.get("/v1/models").status == 200)
        yield service, started
    finally:
        for one in started.left():
            one.kill()
        print(started.process.communicate(timeout=60)[1])


def wait(is_done: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if is_done():
                return
        except (OSError, ValueError, openai.APIConnectionError, openai.InternalServerError):
            pass  # no ingress runs now
        time.sleep(0.2)
    raise TimeoutError


def rows(folder: Path) -> int:
    return sum(
        pq.read_metadata(one).num_rows for one in folder.glob("jobs/data/*/*/pages/*.parquet")
    )


def answers(folder: Path) -> list[int]:
    """Numbers of the lines that are answered."""
    found = folder.glob("jobs/data/*/*/answers/*.jsonl")
    return [json.loads(row)[0] for one in found for row in one.read_text().splitlines()]


def ingress(started: job_process.Started) -> list[psutil.Process]:
    title = "ray::ServeReplica:rayscribe:Ingress"
    return [one for one in started.left() if title in " ".join(one.cmdline())]


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    port = job_process.free_port()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0)
    with serving(tmp_path, port) as (service, started):
        content = data_uri(sample_documents.text_pdf(PAGES), "application/pdf")
        job = service.post(PATH, {"document": content}).json
        lines = [page(str(number), 120 + number, model="fake") for number in range(LINES)]
        file = client.files.create(file=("in.jsonl", jsonl(lines)), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h"
        )
        wait(lambda: rows(tmp_path) >= 4 and len(answers(tmp_path)) >= 4)
        for process in ingress(started):
            process.kill()
        before = rows(tmp_path), len(answers(tmp_path))
        assert before[0] < PAGES
        assert before[1] < LINES
        wait(lambda: rows(tmp_path) >= before[0] + 4 and len(answers(tmp_path)) >= before[1] + 4)
    assert rows(tmp_path) < PAGES
    assert len(answers(tmp_path)) < LINES
    with serving(tmp_path, port) as (service, _):
        wait(lambda: service.get(f"{PATH}/{job['id']}").json["status"] == "completed")
        answered = answers(tmp_path)
        wait(lambda: client.batches.retrieve(batch.id).status == "completed")
        result = service.get(f"{PATH}/{job['id']}/result").json
        output = client.files.content(client.batches.retrieve(batch.id).output_file_id or "").text
    client.close()
    assert [one["page"] for one in result["pages"]] == list(range(1, PAGES + 1))
    assert {one["status"] for one in result["pages"]} == {"ok"}
    assert rows(tmp_path) == PAGES
    assert len(answered) == len(set(answered))
    ids = [json.loads(row)["custom_id"] for row in output.splitlines()]
    assert ids == [str(number) for number in range(LINES)]
