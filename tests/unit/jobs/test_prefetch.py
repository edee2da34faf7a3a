from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.engines.deepseek_ocr import model
from tests.support import job_process

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "people/model"


@dataclass
class Hub:
    """A hub on loopback with one model.

    Attributes:
        files: What it has.
        spoilt: What it sends instead, by name, and how often.
        asked: The files that were fetched from it, in order.
        model: Its name.
        commit: Its only commit.
        url: Where it is.
    """

    files: dict[str, bytes]
    spoilt: dict[str, list[bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    model: str = MODEL
    commit: str = COMMIT
    url: str = ""

    def entry(self, name: str) -> dict[str, object]:
        content = self.files[name]
        found = {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
        if not name.endswith(".safetensors"):
            return found
        lfs = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
        return found | {"lfs": lfs}

    def etag(self, name: str) -> str:
        content = self.files[name]
        return sha256(content) if name.endswith(".safetensors") else git_hash(content)

    def sent(self, name: str) -> bytes:
        self.asked.append(name)
        spoilt = self.spoilt.get(name)
        return spoilt.pop(0) if spoilt else self.files[name]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        model, commit = self.hub.model, self.hub.commit
        if path == f"/api/models/{model}/revision/{commit}":
            siblings = [{"rfilename": name} for name in self.hub.files]
            self._json({"id": model, "sha": commit, "siblings": siblings})
        elif path == f"/api/models/{model}/tree/{commit}":
            self._json([self.hub.entry(name) for name in self.hub.files])
        elif path.startswith(f"/{model}/resolve/{commit}/"):
            self._file(path.partition(f"{commit}/")[2], body)
        else:
            self.send_error(404)

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"}, body=True)

    def _file(self, name: str, body: bool) -> None:
        headers = {"X-Repo-Commit": self.hub.commit, "ETag": f'"{self.hub.etag(name)}"'}
        self._send(self.hub.sent(name) if body else self.hub.files[name], headers, body)

    def _send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {"config.json": b'{"a": 1}', "weights/1.safetensors": b"w" * 5000}
    hub = Hub(files)
    handler = type("Handler", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def run(hub: Hub, cache: Path, *models: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobs.prefetch", *models],
        cwd=job_process.ROOT,
        env=job_process.environment(
            HF_ENDPOINT=hub.url, HF_HOME=str(cache), HF_HUB_DISABLE_TELEMETRY="1"
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def snapshot(cache: Path) -> Path:
    return cache / f"hub/models--people--model/snapshots/{COMMIT}"


def test_a_model_is_fetched_checked_and_not_fetched_again(hub: Hub, tmp_path: Path):
    done = run(hub, tmp_path, f"{MODEL}@{COMMIT}")
    assert done.returncode == 0, done.stderr
    assert "2 files, 5008 bytes, all verified" in done.stderr
    for name, content in hub.files.items():
        assert (snapshot(tmp_path) / name).read_bytes() == content
    [marker] = (tmp_path / "rayscribe").iterdir()
    assert marker.name == f"people--model@{COMMIT}.json"
    assert json.loads(marker.read_text())["files"] == {n: len(c) for n, c in hub.files.items()}
    asked = len(hub.asked)
    again = run(hub, tmp_path, f"{MODEL}@{COMMIT}")
    assert again.returncode == 0
    assert "was verified before" in again.stderr
    assert len(hub.asked) == asked


def test_a_file_that_arrived_wrong_is_fetched_again(hub: Hub, tmp_path: Path):
    hub.spoilt["weights/1.safetensors"] = [b"x" * 5000]
    done = run(hub, tmp_path, f"{MODEL}@{COMMIT}")
    assert done.returncode == 0, done.stderr
    assert "fetched again: ['weights/1.safetensors']" in done.stderr
    assert (snapshot(tmp_path) / "weights/1.safetensors").read_bytes() == b"w" * 5000


@pytest.mark.parametrize("name", ["config.json", "weights/1.safetensors"])
def test_a_file_that_stays_wrong_fails_the_job(hub: Hub, tmp_path: Path, name: str):
    hub.spoilt[name] = [b"x" * len(hub.files[name])] * 9
    done = run(hub, tmp_path, f"{MODEL}@{COMMIT}")
    assert done.returncode == 1
    assert f"these files still differ from their checksums: {name}" in done.stderr
    assert not (tmp_path / "rayscribe").exists()


def test_a_file_that_was_cut_off_on_the_volume_is_noticed(hub: Hub, tmp_path: Path):
    assert run(hub, tmp_path, f"{MODEL}@{COMMIT}").returncode == 0
    (snapshot(tmp_path) / "weights/1.safetensors").resolve().write_bytes(b"w")
    done = run(hub, tmp_path, f"{MODEL}@{COMMIT}")
    assert done.returncode == 0, done.stderr
    assert "fetched again" in done.stderr
    assert (snapshot(tmp_path) / "weights/1.safetensors").read_bytes() == b"w" * 5000


def test_a_hub_without_the_model_fails_the_job(hub: Hub, tmp_path: Path):
    done = run(hub, tmp_path, f"people/other@{COMMIT}")
    assert done.returncode == 1
    assert "people/other cannot be fetched" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["people/model", "people/model@main", "people/model@12ab"])
def test_a_commit_has_to_be_known(hub: Hub, tmp_path: Path, text: str):
    done = run(hub, tmp_path, text)
    assert done.returncode == 2
    assert "name a commit of 40 hex digits" in done.stderr
    assert "deepseek-ai/DeepSeek-R1-Distill-Llama-8B" in done.stderr, "those that need none"


def test_a_model_of_this_release_needs_no_commit(hub: Hub, tmp_path: Path):
    hub.model = "deepseek-ai/DeepSeek-OCR"
    hub.commit = model.REVISIONS[hub.model]
    done = run(hub, tmp_path, hub.model)
    assert done.returncode == 0, done.stderr
    assert f"DeepSeek-OCR at {hub.commit}" in done.stderr
