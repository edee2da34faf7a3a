"""Messages to listed hosts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serving.config import FetchConfig, JobConfig
from serving.errors import ApiError
from serving.http.url_fetch import Fetcher
from serving.jobs.webhook import Webhook


class Host(HTTPServer):
    """Answers with the statuses that it is told, then with 200."""

    statuses: list[int]
    seen: list[object]


class Handler(BaseHTTPRequestHandler):
    server: Host

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.seen.append(json.loads(self.rfile.read(length)))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Location", "http://elsewhere.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(("127.0.0.1", 0), Handler) as server:
        server.statuses, server.seen = [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def webhook(host: Host, tries: int = 3) -> tuple[Webhook, str]:
    name = f"127.0.0.1:{host.server_port}"
    fetcher = Fetcher(FetchConfig(hosts=(name,), allow_http=True), is_allowed=lambda _: True)
    return Webhook(JobConfig(webhook_tries=tries), fetcher, pause_s=0.001), f"http://{name}/hook"


async def test_a_host_is_told_until_it_answers_well(host: Host) -> None:
    host.statuses = [500, 302]
    hook, url = webhook(host)
    assert await hook.tell(url, {"type": "ocr.job.completed"})
    assert host.seen == [{"type": "ocr.job.completed"}] * 3  # and no redirect is followed


async def test_a_host_that_never_answers_well_is_given_up(host: Host) -> None:
    host.statuses = [503] * 9
    hook, url = webhook(host, tries=2)
    assert not await hook.tell(url, {})
    assert len(host.seen) == 2


async def test_a_host_whose_address_is_not_public_is_not_told(host: Host) -> None:
    name = f"127.0.0.1:{host.server_port}"
    private = Fetcher(FetchConfig(hosts=(name,), allow_http=True))
    hook = Webhook(JobConfig(webhook_tries=2), private, pause_s=0.001)
    assert not await hook.tell(f"http://{name}/", {})
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
