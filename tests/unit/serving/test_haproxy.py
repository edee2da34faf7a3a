"""HAProxy's configuration, changed before it starts: the real HAProxy, without Serve."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import psutil
import pytest

from serving import haproxy
from tests.support.job_process import free_port

# The lines of Ray 2.60's template that matter here.
TEMPLATE = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
    errorfile 502 {folder}/500.http
    errorfile 503 {folder}/500.http
    errorfile 504 {folder}/500.http
frontend prometheus
    bind :{metrics}
    http-request use-service prometheus-exporter if {{ path /metrics }}
frontend http_frontend
    bind 127.0.0.1:{port}
    acl routes path -i /-/routes
    http-request return status 404 content-type text/plain string "none" if routes
    use_backend gone if {{ path_beg /v1 }}
    default_backend default_backend
backend gone
    server nobody 127.0.0.1:{nobody}
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path \\'%[path]\\' not found."
listen stats
  bind *:{stats}
  stats enable
  stats uri /stats
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[psutil.Process, int]]:
    names = ("metrics", "port", "nobody", "stats")
    ports = {name: free_port() for name in names}
    config = tmp_path / "haproxy.cfg"
    config.write_text(TEMPLATE.format(folder=tmp_path, **ports))
    command = [str(haproxy.write_script(tmp_path)), "-db", "-f", str(config)]
    with subprocess.Popen(command) as process:
        try:
            wait_for(ports["port"])
            yield psutil.Process(process.pid), ports["port"]
        finally:
            process.kill()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def ask(port: int, path: str) -> tuple[int, str | None, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.headers["Retry-After"], answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"], error.read()


def test_what_haproxy_answers_itself_has_the_form_of_the_service(
    started: tuple[psutil.Process, int],
) -> None:
    process, port = started
    assert process.name() == "haproxy"
    for path, code in (("/health", "unavailable"), ("/v1/models", "unavailable")):
        status, retry_after, body = ask(port, path)
        assert (status, retry_after) == (503, "5")
        assert json.loads(body)["error"]["code"] == code
    assert ask(port, "/-/routes") == (404, None, b"none")


def test_it_listens_on_loopback_only(started: tuple[psutil.Process, int]) -> None:
    sockets = started[0].net_connections("tcp")
    assert {one.laddr.ip for one in sockets if one.status == "LISTEN"} == {"127.0.0.1"}
    assert len([one for one in sockets if one.status == "LISTEN"]) == 3


def test_a_replica_that_ends_in_the_middle_is_told_too(tmp_path: Path) -> None:
    haproxy.write_script(tmp_path)
    head, _, body = (tmp_path / "502.http").read_bytes().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["error"]["code"] == "replica_died"
