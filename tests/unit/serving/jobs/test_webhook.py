"""Messages to listed hosts."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import openai
import pytest

from pipeline.errors import ConfigError
from serving.config import FetchConfig, JobConfig
from serving.errors import ApiError
from serving.http.url_fetch import Fetcher
from serving.jobs.webhook import VARIABLE, Webhook, read_secret, signed_headers

SECRET = bytes(range(32))
AS_TEXT = f"whsec_{base64.b64encode(SECRET).decode()}"


class Host(HTTPServer):
    """Answers with the statuses that it is told, then with 200."""

    statuses: list[int]
    seen: list[object]
    sent: list[tuple[bytes, dict[str, str]]]


class Handler(BaseHTTPRequestHandler):
    server: Host

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        self.server.seen.append(json.loads(body))
        self.server.sent.append((body, dict(self.headers)))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Location", "http://elsewhere.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@contextmanager
def serving(handler: type[Handler]) -> Iterator[Host]:
    """A host, for the time inside."""
    with Host(("127.0.0.1", 0), handler) as server:
        server.statuses, server.seen, server.sent = [], [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def host() -> Iterator[Host]:
    with serving(Handler) as server:
        yield server


def webhook(host: Host, tries: int = 3) -> tuple[Webhook, str]:
    name = f"127.0.0.1:{host.server_port}"
    fetcher = Fetcher(FetchConfig(hosts=(name,), allow_http=True), is_allowed=lambda _: True)
    hook = Webhook(JobConfig(webhook_tries=tries), SECRET, fetcher, pause_s=0.001)
    return hook, f"http://{name}/hook"


async def test_a_host_is_told_until_it_answers_well(host: Host) -> None:
    host.statuses = [500, 302]
    hook, url = webhook(host)
    assert await hook.tell(url, "job-1", {"type": "ocr.job.completed"})
    assert host.seen == [{"type": "ocr.job.completed"}] * 3  # and no redirect is followed


async def test_a_host_that_never_answers_well_is_given_up(host: Host) -> None:
    host.statuses = [503] * 9
    hook, url = webhook(host, tries=2)
    assert not await hook.tell(url, "job-1", {})
    assert len(host.seen) == 2


async def test_a_host_whose_address_is_not_public_is_not_told(host: Host) -> None:
    name = f"127.0.0.1:{host.server_port}"
    private = Fetcher(FetchConfig(hosts=(name,), allow_http=True))
    hook = Webhook(JobConfig(webhook_tries=2), SECRET, private, pause_s=0.001)
    assert not await hook.tell(f"http://{name}/", "job-1", {})
    assert host.seen == []


@pytest.mark.parametrize(
    "url", ["https://b.example/", "http://a.example/", "x", "https://a.example:1"]
)
def test_only_listed_hosts_by_https_are_accepted(url: str) -> None:
    hook = Webhook(JobConfig(webhook_hosts=("a.example",)))
    hook.check("https://a.example/hook", "webhook_url")
    with pytest.raises(ApiError, match=r"job\.webhook_hosts") as error:
        hook.check(url, "webhook_url")
    assert (error.value.status, error.value.param) == (400, "webhook_url")


# --- signatures


async def test_openais_client_accepts_a_message_and_refuses_a_changed_one(host: Host) -> None:
    host.statuses = [500]
    hook, url = webhook(host)
    assert await hook.tell(url, "job-1", {"type": "ocr.job.completed", "data": {"id": "job-1"}})
    with openai.OpenAI(api_key="unused") as client:
        for body, headers in host.sent:
            client.webhooks.verify_signature(body.decode(), headers, secret=AS_TEXT)
            with pytest.raises(openai.InvalidWebhookSignatureError):
                client.webhooks.verify_signature(body.decode() + " ", headers, secret=AS_TEXT)
    assert [headers["webhook-id"] for _, headers in host.sent] == ["job-1", "job-1"]


def test_without_a_secret_there_is_no_signature() -> None:
    assert read_secret(JobConfig(), {}) == b""
    assert signed_headers(b"", "job-1", 5, b"{}") == {
        "webhook-id": "job-1",
        "webhook-timestamp": "5",
    }


def test_the_secret_is_in_a_file_or_in_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{AS_TEXT}\n")
    assert read_secret(JobConfig(webhook_secret_file=str(path)), {VARIABLE: "unused"}) == SECRET
    assert read_secret(JobConfig(), {VARIABLE: AS_TEXT}) == SECRET


@pytest.mark.parametrize("text", ["", "secret", AS_TEXT[6:], "whsec_AAAA", "whsec_%%%", "whsec_ä"])
def test_what_is_no_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_secret(JobConfig(webhook_secret_file=str(path)), {})
    said = "job.webhook_secret_file: write whsec_ and 24 to 64 bytes in base64"
    assert str(error.value) == said


def test_a_secret_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(JobConfig(webhook_secret_file=str(tmp_path / "none")), {})
