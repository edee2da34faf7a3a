"""Object stores on loopback: S3 (moto in server mode) with faults on demand in front of it, and
Google's (an emulator)."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from pipeline.config import StoreConfig

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_NO_KEY = b"<Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>"
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_ANSWERS = {
    "busy": ("503 Slow Down", _SLOW_DOWN),
    "gone": ("404 Not Found", _NO_KEY),
    "denied": ("403 Forbidden", _DENIED),
}


@cache
def _client(endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=endpoint)


@dataclass
class Fault:
    """What goes wrong with requests for some keys.

    Attributes:
        what: busy (503), gone (404), denied (403), reset or cut (in mid-body), slow (a pause in
            mid-body), whole (the whole object, whatever range was asked for), unanswered (it is
            done, and the connection ends before the answer).
        key: Part of the path of the requests.
        times: So often, then never again.
        after: So many requests for whole or part of the object go well before.
        method: The kind of request.
    """

    what: str
    key: str
    times: int = 1_000_000
    after: int = 0
    method: str = "GET"

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is hit."""
        if self.key not in path or method not in self.method or not self.times:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class S3Server:
    """The service.

    Attributes:
        endpoint: Its address.
        bucket: A bucket of the test's own.
        faults: What goes wrong now.
        log: Method and path of each request.
    """

    endpoint: str = ""
    bucket: str = ""
    faults: list[Fault] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    slow_s: float = 3.0

    def fresh(self) -> S3Server:
        """Forget the faults and the log, and make another bucket."""
        self.slow_s = 3.0
        self.faults.clear()
        self.log.clear()
        self.bucket = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=self.bucket)
        return self

    def client(self) -> Any:
        """A client that no code under test uses."""
        return _client(self.endpoint)

    def config(self, **changes: Any) -> StoreConfig:
        """How to reach it, in a hurry."""
        hurry = {"pause_s": 0.01, "read_s": 5, "tries": 4}
        return StoreConfig(**{"s3_endpoint": self.endpoint} | hurry | changes)

    def put(self, key: str, body: bytes) -> str:
        """Put an object there; its place."""
        self.client().put_object(Bucket=self.bucket, Key=key, Body=body, ACL="public-read")
        return f"s3://{self.bucket}/{key}"

    def url(self, key: str) -> str:
        """Its address for a web client."""
        return f"{self.endpoint}/{self.bucket}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        """What is there."""
        found = self.client().list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", ())]

    def app(self, inner: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Moto's application with the faults in front."""

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            method = environ["REQUEST_METHOD"]
            path = environ["PATH_INFO"].encode("latin-1").decode()
            self.log.append((method, path))
            hit = next((fault for fault in self.faults if fault.strikes(method, path)), None)
            if hit is None:
                return inner(environ, start)
            if hit.what in _ANSWERS:
                status, body = _ANSWERS[hit.what]
                start(status, [("Content-Type", "application/xml")])
                return [body]
            if hit.what == "whole":
                environ.pop("HTTP_RANGE", None)
                return inner(environ, start)
            if hit.what == "unanswered":
                list(inner(environ, lambda *_: None))
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                raise ConnectionAbortedError
            return self._broken(hit.what, b"".join(inner(environ, start)), environ)

        return answer

    def _broken(self, what: str, body: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        if what == "slow":
            time.sleep(self.slow_s)
            yield body[len(body) // 2 :]
            return
        connection = environ["werkzeug.socket"]
        if what == "reset":
            now = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Start the service on a free port, and end it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            pass

    server = S3Server()
    app = server.app(DomainDispatcherApplication(create_backend_app))
    http = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.endpoint = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join(timeout=10)
        http.server_close()


@dataclass(frozen=True)
class GsServer:
    """A Google Cloud Storage service on loopback, without credentials.

    Attributes:
        endpoint: Its address.
        bucket: A bucket of the test's own.
    """

    endpoint: str
    bucket: str

    def config(self) -> StoreConfig:
        """How to reach it."""
        return StoreConfig(gs_endpoint=self.endpoint, anonymous=True, pause_s=0.01, tries=4)

    def put(self, key: str, body: bytes) -> str:
        """Put an object there, as a client does that makes no folders; its place."""
        address = f"{self.endpoint}/upload/storage/v1/b/{self.bucket}/o"
        query = urllib.parse.urlencode({"uploadType": "media", "name": key})
        kind = {"Content-Type": "application/pdf"}
        asked = urllib.request.Request(f"{address}?{query}", body, kind, method="POST")
        urllib.request.urlopen(asked, timeout=10).close()
        return f"gs://{self.bucket}/{key}"


@contextmanager
def running_gs() -> Iterator[GsServer]:
    """Start the service with one bucket on a free port, and end it.

    In a process of its own: pyarrow keeps Python's lock while it opens a file there.
    """
    from tests.support.job_process import free_port, wait_for

    port, bucket = free_port(), f"bucket-{uuid.uuid4().hex[:12]}"
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory"]
    command += ["--host=127.0.0.1", f"--port={port}", f"--default-bucket={bucket}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            wait_for(port)
            yield GsServer(f"http://127.0.0.1:{port}", bucket)
        finally:
            process.kill()
