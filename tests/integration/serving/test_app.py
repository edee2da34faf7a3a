"""The service on Ray Serve, started as a user starts it, on a cluster with two logical GPUs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
import yaml

from serving import proxy
from tests.integration.readme import test_readme as readme
from tests.support import job_process, live_service, sample_documents
from tests.support.live_service import Online, image
from tests.support.waiting import wait

CONFIG: dict[str, Any] = {
    "models": ["ocr", "chat"],
    "engine": {"kind": "fake", "fake": {"delay_ms": 300}},
    "chat": {"kind": "fake", "fake_ms_per_word": 50},
    "scale": {
        "ocr": {
            "max_ongoing_requests": 1,
            "upscale_delay_s": 1,
            "downscale_delay_s": 2,
            "look_back_period_s": 2,
            "num_cpus": 0.1,
            "num_gpus": 1,
        },
        "chat": {
            "max_replicas": 1,
            "target_ongoing_requests": 1,
            "max_ongoing_requests": 1,
            "num_cpus": 0.1,
            "graceful_shutdown_timeout_s": 30,
        },
    },
}


class App(Online):
    """The service behind Ray Serve's proxy."""

    started: job_process.Started

    def replicas(self, model: str = "fake") -> int:
        count: int = self.get("/ready").json["models"][model]["replicas"]
        return count

    def processes(self, deployment: str) -> list[psutil.Process]:
        """The processes of a deployment's replicas: of this cluster, and of no other."""
        title = f"ray::ServeReplica:rayscribe:{deployment}"
        return [one for one in head_processes(self.mark) if title in " ".join(one.cmdline())]

    mark: str


def head_processes(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            token = process.environ().get("RAY_AUTH_TOKEN")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if token == mark:
            yield process


@pytest.fixture(scope="module", params=["serve", "haproxy"])
def cluster(request: pytest.FixtureRequest) -> Iterator[job_process.Head]:
    """A cluster with Serve's own proxy, and one with HAProxy."""
    if request.param == "serve":
        yield request.getfixturevalue("head")
        return
    with (
        tempfile.TemporaryDirectory(prefix="rs-", dir="/tmp") as folder,
        job_process.running_head(**proxy.haproxy(Path(folder), is_local=True)) as head,
    ):
        yield head


@pytest.fixture(scope="module")
def app(cluster: job_process.Head, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    head, port = cluster, job_process.free_port()
    path = tmp_path_factory.mktemp("serve") / "serve.yaml"
    path.write_text(yaml.safe_dump(CONFIG | {"http": {"port": port}}))
    command = [sys.executable, "-m", "jobs.serve", "--config", str(path)]
    started = job_process.start(command, **head.environment)
    service = App(f"http://127.0.0.1:{port}", None, None, None, [], "fake")  # type: ignore[arg-type]
    service.started, service.mark = started, head.environment["RAY_AUTH_TOKEN"]
    try:
        wait(lambda: answers(service), 90)
        yield service
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
        print(started.process.communicate(timeout=60)[1])


def answers(service: App) -> bool:
    assert service.started.process.poll() is None, service.started.process.communicate()
    try:
        return service.get("/health").status == 200 and service.replicas(live_service.CHAT) == 1
    except OSError:
        return False


def page(number: int = 0) -> dict[str, Any]:
    picture = sample_documents.corner_picture(60 + number, 40)
    return image(sample_documents.saved(picture, "PNG"))


def chat_body(words: int, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": " ".join(["word"] * words)}]
    return {"model": live_service.CHAT, "messages": messages} | more


def test_what_takes_the_connections(app: App, request: pytest.FixtureRequest) -> None:
    names = {process.name() for process in head_processes(app.mark)}
    chosen = request.node.callspec.params["cluster"]
    assert ("haproxy" in names) == (chosen == "haproxy")


def test_only_a_readable_page_starts_a_replica(app: App) -> None:
    for path in ("/health", "/ready", "/v1/models", "/", "/page.json", "/docs", "/openapi.json"):
        assert app.get(path).status == 200
    assert "script-src 'self'" in app.get("/static/start.js").headers["Content-Security-Policy"]
    assert app.chat({"type": "text", "text": "hello"}).status == 400
    assert app.chat(image(b"junk")).status == 422
    time.sleep(1.5)
    assert app.replicas() == 0


def test_load_brings_replicas_and_takes_them_away_and_loses_nothing(app: App) -> None:
    """From none to one, to two, and back to none."""
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(app.replicas())
            time.sleep(0.3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(6) as pool:
            got = list(pool.map(lambda number: (number, app.chat(page(number))), range(40)))
    finally:
        done.set()
        watcher.join()
    for number, answer in got:
        assert answer.status == 200, answer.body
        said = answer.json["choices"][0]["message"]["content"]
        assert said.startswith(f"page of {60 + number}x40 px")
    assert {1, 2} <= seen
    wait(lambda: app.replicas() == 0, 40)


def test_a_killed_replica_costs_no_page(app: App) -> None:
    pool = ThreadPoolExecutor(4)
    futures = [pool.submit(app.chat, page(number)) for number in range(12)]
    wait(lambda: len(app.processes("Ocr")) > 0 and app.replicas() > 0, 40)
    time.sleep(0.5)
    os.kill(app.processes("Ocr")[0].pid, signal.SIGKILL)
    statuses = [future.result(timeout=60).status for future in futures]
    pool.shutdown()
    assert statuses == [200] * 12


def test_openais_client(app: App) -> None:
    with openai.OpenAI(base_url=f"{app.url}/v1", api_key="unused", max_retries=0) as client:
        messages: Any = [
            {"role": "user", "content": [page(), live_service.text("Extract all text")]}
        ]
        answer = client.chat.completions.create(model="fake", messages=messages)
        assert answer.choices[0].message.content.startswith("page of 60x40")
        chunks = client.chat.completions.create(model="fake", messages=messages, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert said == answer.choices[0].message.content
        talk: Any = [{"role": "user", "content": "one two three"}]
        chunks = client.chat.completions.create(
            model=live_service.CHAT,
            messages=talk,
            stream=True,
            stream_options={"include_usage": True},
        )
        listed = list(chunks)
        assert "".join(c.choices[0].delta.content or "" for c in listed if c.choices) == (
            "one two three"
        )
        assert listed[-1].usage.total_tokens == 6


def test_curl_and_the_request_id(app: App, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(sample_documents.text_pdf(2))
    command = ["curl", "-si", "-H", "X-Request-Id: mine-7", "-F", f"file=@{path}"]
    command.append(f"{app.url}/v1/ocr?stream=1")
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    head, _, body = said.replace("\r\n", "\n").partition("\n\n")
    assert head.lower().count("x-request-id: mine-7") == 1
    assert sorted(json.loads(line)["page"] for line in body.split("\n") if line) == [1, 2]


def test_the_readmes_clients(app: App) -> None:
    """What the README shows, against this service: its port and the fake's name put in."""
    shown = "".join(readme.blocks("shell")), "".join(readme.blocks("python"))
    shell, python = (
        text.replace("http://127.0.0.1:8000", app.url).replace("pp-ocrv6", "fake") for text in shown
    )
    done = subprocess.run(
        ["bash", "-euc", shell], cwd=job_process.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.count('"status":"ok"') == 3
    assert '"object":"chat.completion"' in done.stdout.replace(" ", "")
    done = subprocess.run(
        [sys.executable, "-c", python],
        cwd=job_process.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("# Harbour Instruments"), "the text layer of samples/ is trusted"


def test_errors_keep_their_status_behind_the_proxy(app: App) -> None:
    answer = app.post("/v1/chat/completions", chat_body(1, chat_template="x"))
    assert (answer.status, answer.error["param"]) == (400, "chat_template")
    assert (
        app.post("/v1/chat/completions", {"model": live_service.CHAT, "messages": []}).status == 400
    )
    assert app.get("/v1/models/gpt-9").status == 404


def test_a_client_that_disconnects_frees_the_replica(app: App) -> None:
    """The chat model answers one at a time: a stream of a minute would block the next caller."""
    content = json.dumps(chat_body(1200, stream=True)).encode()
    host, port = app.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        assert b"200 OK" in connection.recv(1000)
    begin = time.monotonic()
    assert app.post("/v1/chat/completions", chat_body(2)).status == 200
    assert time.monotonic() - begin < 45


def test_a_stream_whose_replica_dies_says_so(app: App) -> None:
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(app.post, "/v1/chat/completions", chat_body(400, stream=True))
        time.sleep(2)
        os.kill(app.processes("Chat")[0].pid, signal.SIGKILL)
        answer = future.result(timeout=60)
    assert answer.status == 200
    events = [event for event in answer.body.decode().split("\n\n") if event]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "replica_died"
    assert "[DONE]" not in events[-1]
    assert app.post("/v1/chat/completions", chat_body(1)).status == 200  # by another one


def test_answers_are_finished_while_the_service_stops_and_new_ones_refused(app: App) -> None:
    """A stream of the chat model, and pages of a document that wait for the only OCR replica."""
    pictures = [image(sample_documents.saved(sample_documents.corner_picture(60, 40), "PNG"))] * 8
    with ThreadPoolExecutor(2) as pool:
        stream = pool.submit(app.post, "/v1/chat/completions", chat_body(100, stream=True))
        pages = pool.submit(app.chat, *pictures)
        time.sleep(1.5)
        app.started.process.send_signal(signal.SIGTERM)
        wait(lambda: app.get("/health").status == 503, 10)
        refused = app.post("/v1/chat/completions", chat_body(1))
        assert (refused.status, refused.error["code"]) == (503, "stopping")
        assert refused.headers["Retry-After"]
        answer = stream.result(timeout=60)
        assert answer.body.decode().endswith("data: [DONE]\n\n")
        assert answer.body.decode().count('"content": " word"') == 99
        read = pages.result(timeout=60)
        assert read.status == 200, read.body
        assert read.body.count(b"page of 60x40 px") == 8
    _, errors = app.started.process.communicate(timeout=60)
    assert app.started.process.returncode == 0, errors
    assert "Stopping: answers that have begun get 60 s to finish" in errors
    assert "ended with an error" not in errors
