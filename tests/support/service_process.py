"""The service as a user starts it, with a Ray of its own: its output, its sockets, its traces."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any

import psutil

from tests.support import job_process
from tests.support.live_service import Answer, Online

PATHS = ("/health", "/ready", "/v1/models", "/docs", "/nothing")


@dataclass
class ServiceProcess:
    """A service that starts or runs.

    Attributes:
        started: Its process.
        url: Its address.
        metrics_port: Where its metrics are.
        lines: What it has printed on stdout and stderr.
    """

    started: job_process.Started
    url: str
    metrics_port: int
    lines: list[str] = field(default_factory=list)

    @property
    def client(self) -> Online:
        """Asks it."""
        return Online(self.url, None, None, None, [], "fake")  # type: ignore[arg-type]

    def said(self, words: str) -> bool:
        """Whether a line has these words."""
        return any(words in line for line in self.lines)

    def listening(self) -> list[tuple[str, str]]:
        """Process name and address of each listening socket of all its processes."""
        root = psutil.Process(self.started.process.pid)
        found = []
        for process in (root, *root.children(recursive=True)):
            try:
                sockets = process.net_connections("inet")
            except psutil.NoSuchProcess:
                continue
            found += [(process.name(), s.laddr.ip) for s in sockets if s.status == "LISTEN"]
        return found

    def stop(self) -> None:
        """Send SIGTERM."""
        self.started.process.send_signal(signal.SIGTERM)

    def _read(self, stream: IO[str]) -> None:
        with stream:
            self.lines += (line.rstrip("\n") for line in iter(stream.readline, ""))


@contextmanager
def running(*flags: str, **environment: str) -> Iterator[ServiceProcess]:
    """Start a service on free ports, and end it."""
    port, metrics_port = job_process.free_port(), job_process.free_port()
    command = [sys.executable, "-m", "jobs.serve", *flags]
    command += ["--http.port", str(port), "--metrics.port", str(metrics_port)]
    started = job_process.start(command, **environment)
    service = ServiceProcess(started, f"http://127.0.0.1:{port}", metrics_port)
    assert started.process.stdout
    assert started.process.stderr
    readers = [
        threading.Thread(target=service._read, args=(stream,), daemon=True)
        for stream in (started.process.stdout, started.process.stderr)
    ]
    for reader in readers:
        reader.start()
    try:
        yield service
    finally:
        if started.process.poll() is None:
            service.stop()
        started.process.wait(timeout=60)
        for reader in readers:
            reader.join(timeout=30)  # until the last process that writes there has ended


def ask_until(service: ServiceProcess, is_over: Callable[[], bool], seconds: float) -> list[Answer]:
    """Ask path after path, from when it listens until a condition holds; all answers."""
    answers: list[Answer] = []
    deadline = time.monotonic() + seconds
    while not is_over():
        assert time.monotonic() < deadline, service.lines[-5:]
        try:
            answers.append(service.client.get(PATHS[len(answers) % len(PATHS)]))
        except OSError:
            time.sleep(0.05)
        time.sleep(0.02)
    return answers


@dataclass(frozen=True)
class Span:
    """A span that the collector got."""

    name: str
    trace: str
    id: str
    parent: str
    service: str


class Collector:
    """An OTLP collector on loopback."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address, for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    collector._add(content)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler

    def _add(self, content: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

        request: Any = trace_service_pb2.ExportTraceServiceRequest.FromString(content)
        for resource in request.resource_spans:
            tags = {tag.key: tag.value.string_value for tag in resource.resource.attributes}
            for one in (span for scope in resource.scope_spans for span in scope.spans):
                ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
                self.spans.append(Span(one.name, *ids, tags["service.name"]))


def metrics(service: ServiceProcess) -> str:
    """What Prometheus would scrape."""
    url = f"http://127.0.0.1:{service.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    """Each line as JSON.

    Raises:
        AssertionError: A line is not a JSON object.
    """
    objects = []
    for line in lines:
        try:
            objects.append(json.loads(line))
        except ValueError:
            raise AssertionError(f"no JSON: {line!r}") from None
        assert isinstance(objects[-1], dict), line
    return objects
