"""The component `gateway`: its objects, and its HAProxy in front of servers that misbehave."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from pipeline.cli import validate
from serving.config import ServeConfig
from serving.errors import ApiError
from serving.http.ingress_retry import READING
from tests.integration.k8s import manifests
from tests.integration.k8s.manifests import ROOT, Manifest
from tests.support.job_process import environment, free_port
from tests.support.waiting import wait

FOLDER = ROOT / "k8s/components/gateway"
CONFIG = (FOLDER / "haproxy.cfg").read_text(encoding="utf-8")
FORGET_S = 5
"""How long a gateway that ends still takes connections."""


def gateway(kind: str, name: str = "gateway") -> Manifest:
    return manifests.one(kind, "production", name)


def test_it_is_in_production_and_takes_nothing_from_the_design_documents():
    assert gateway("Deployment")["spec"]["replicas"] == 2
    for overlay in ("seed-chat", "seed-ocr"):
        assert not manifests.of_kind("Deployment", overlay)
    assert manifests.one("Service", "production", "vllm")["spec"]["type"] == "ExternalName"


def test_callers_from_outside_come_by_the_gateway():
    rules = manifests.one("Ingress", "production")["spec"]["rules"]
    names = [rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in rules]
    assert names == ["vllm-gateway", "deepseek-ocr-gateway"]


def test_each_service_leads_to_its_own_port_of_the_pods():
    pod = gateway("Deployment")["spec"]["template"]
    [container] = pod["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    variables = {one["name"]: one.get("value", "") for one in container["env"]}
    for service, port in (("vllm", "chat"), ("deepseek-ocr", "ocr")):
        spec = gateway("Service", f"{service}-gateway")["spec"]
        assert spec["selector"].items() <= pod["metadata"]["labels"].items()
        assert [(one["port"], one["targetPort"]) for one in spec["ports"]] == [(8000, port)]
        section = re.search(rf"^listen {port}\n(?:    .*\n)+", CONFIG, re.MULTILINE)
        assert section
        assert f"    bind :{ports[port]}\n" in section[0]
        assert set(re.findall(r'server \w+ "\$(\w+)"', section[0])) == {port.upper()}
        host = f"{service}-serve-svc.$(NAMESPACE).svc.cluster.local:8000"
        assert variables[port.upper()] == host


def test_the_network_policy_lets_callers_to_both_ports():
    [everybody] = [
        rule
        for rule in manifests.one("NetworkPolicy", "production")["spec"]["ingress"]
        if rule["from"] == [{"namespaceSelector": {}}]
    ]
    assert {port["port"] for port in everybody["ports"]} == {8000, 8001}


def test_a_pod_has_no_rights_and_the_budget_leaves_one():
    spec = gateway("Deployment")["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert gateway("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_it_waits_as_long_as_the_longest_answer_takes():
    for name in ("vllm", "deepseek-ocr"):
        [application] = manifests.serve_config(manifests.one("RayService", "production", name))[
            "applications"
        ]
        limits = validate(ServeConfig, application["args"]).limits
        longest_s = limits.request_s + limits.cold_wait_s
        for side in ("client", "server"):
            [found] = re.findall(rf"timeout {side} (\d+)s", CONFIG)
            assert int(found) > longest_s
        grace_s = gateway("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace_s > longest_s + FORGET_S


def test_only_what_changes_nothing_is_sent_twice():
    paths = re.findall(r"disable-l7-retry unless .* \{ path (.+) \}", CONFIG)
    assert paths == [" ".join(READING)] * 2


def test_its_errors_have_the_shape_of_the_services_own():
    found = re.findall(r"http-error status (\d+) .* string '(.+)'", CONFIG)
    assert [status for status, _ in found] == ["502", "503", "504"]
    for status, text in found:
        error = json.loads(text)["error"]
        assert ApiError(int(status), error["code"], error["message"]).body() == {"error": error}


# The real HAProxy.


Handle = Callable[[socket.socket], None]
Start = Callable[[str | Handle], "Gateway"]


class Backend:
    """A server whose every connection is given to a function, in a thread."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # the test has ended
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self._handle(connection)


class Gateway:
    """HAProxy by the component's script, with ports of its own."""

    def __init__(self, folder: Path, chat: str) -> None:
        self.port, self.health = free_port(), free_port()
        config = CONFIG.replace("bind :8000\n", f"bind 127.0.0.1:{self.port}\n")
        config = config.replace("bind :8001\n", f"bind 127.0.0.1:{free_port()}\n")
        config = config.replace("bind :8080\n", f"bind 127.0.0.1:{self.health}\n")
        (folder / "haproxy.cfg").write_text(config)
        (folder / "start.sh").write_text((FOLDER / "start.sh").read_text())
        variables = environment(CHAT=chat, OCR="127.0.0.1:9")
        self.process = subprocess.Popen(
            ["bash", str(folder / "start.sh")], env=variables, start_new_session=True
        )
        wait(self._is_ready, 30)

    def connection(self) -> closing[http.client.HTTPConnection]:
        return _connection(self.port)

    def ask(self, path: str, body: bytes = b"{}") -> tuple[int, str | None, bytes]:
        """A POST: status, `Retry-After` and body."""
        with self.connection() as connection:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Retry-After"), answer.read()

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _is_ready(self) -> bool:
        try:
            with _connection(self.health) as connection:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
        except ConnectionRefusedError:
            return False


def _connection(port: int) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30))


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Start]:
    """Starts the gateway before an address, or before a server that does as told."""
    with ExitStack() as stack:

        def start(chat: str | Handle) -> Gateway:
            if callable(chat):
                chat = stack.enter_context(closing(Backend(chat))).address
            return stack.enter_context(closing(Gateway(tmp_path, chat)))

        yield start


def head_of(connection: socket.socket) -> bytes:
    """Read the head of a request, and what came with it of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    return data


def reply(connection: socket.socket, text: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


def test_where_nothing_serves_it_says_so_at_once(started: Start):
    """Refused at each try, as by a Service that has no pod."""
    gateway = started(f"127.0.0.1:{free_port()}")
    start = time.monotonic()
    status, again, body = gateway.ask("/v1/chat/completions")
    assert time.monotonic() - start < 1
    assert (status, again) == (503, "5")
    error = json.loads(body)["error"]
    assert (error["type"], error["code"]) == ("server_error", "unavailable")


def test_a_service_without_an_address_is_the_same(started: Start):
    status, again, body = started("vllm-serve-svc.nowhere.invalid:8000").ask("/v1/ocr")
    assert (status, again, json.loads(body)["error"]["code"]) == (503, "5", "unavailable")


def test_a_stream_is_passed_on_as_it_comes(started: Start):
    has_read = threading.Event()

    def handle(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst,\r\n")
        assert has_read.wait(30)
        connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

    with started(handle).connection() as connection:
        connection.request("POST", "/v1/chat/completions", b"{}")
        answer = connection.getresponse()
        assert answer.read(6) == b"first,"
        has_read.set()
        assert answer.read() == b"second"


def test_a_body_as_large_as_the_service_takes_goes_through(started: Start):
    size = 64 * 2**20

    def handle(connection: socket.socket) -> None:
        data = head_of(connection)
        got = len(data) - data.index(b"\r\n\r\n") - 4
        while got < size:
            got += len(connection.recv(2**20))
        reply(connection, str(got).encode())

    assert started(handle).ask("/v1/ocr", bytes(size)) == (200, None, str(size).encode())


@pytest.mark.parametrize(
    ("path", "size", "times"),
    [
        ("/v1/chat/completions", 15_000, 4),
        ("/v1/chat/completions", 20_000, 1),  # more than HAProxy keeps
        ("/v1/jobs", 2, 1),
    ],
)
def test_what_was_sent_is_sent_again_only_if_it_is_short_and_changes_nothing(
    started: Start, path: str, size: int, times: int
):
    heads: list[bytes] = []
    gateway = started(lambda connection: heads.append(head_of(connection)))
    status, again, body = gateway.ask(path, bytes(size))
    assert (status, again, json.loads(body)["error"]["code"]) == (502, "2", "replica_died")
    assert len(heads) == times


def test_a_client_that_goes_away_stops_its_answer(started: Start):
    has_begun, is_gone = threading.Event(), threading.Event()

    def handle(connection: socket.socket) -> None:
        head_of(connection)
        has_begun.set()
        with suppress(ConnectionResetError):
            while connection.recv(100):
                pass
        is_gone.set()

    with started(handle).connection() as connection:
        connection.request("POST", "/v1/chat/completions", b"{}")
        assert has_begun.wait(20)
        connection.close()
        assert is_gone.wait(20)


def test_the_signal_to_end_loses_nothing(started: Start):
    """New connections are taken for a while, and what has begun is finished."""
    may_answer = threading.Event()

    def handle(connection: socket.socket) -> None:
        if b"/slow" in head_of(connection):
            assert may_answer.wait(60)
        reply(connection, b"done")

    gateway = started(handle)
    with gateway.connection() as kept, gateway.connection() as slow:
        kept.request("GET", "/")
        assert kept.getresponse().read() == b"done"
        slow.request("GET", "/slow")
        end = time.monotonic() + FORGET_S
        os.kill(gateway.process.pid, signal.SIGTERM)
        time.sleep(1)
        is_open = not refuses(gateway)
        assert is_open or time.monotonic() > end
        wait(lambda: refuses(gateway), 30)
        assert gateway.process.poll() is None
        kept.request("GET", "/")
        assert kept.getresponse().read() == b"done"
        may_answer.set()
        assert slow.getresponse().read() == b"done"
    assert gateway.process.wait(60) == 0


def refuses(gateway: Gateway) -> bool:
    try:
        socket.create_connection(("127.0.0.1", gateway.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False
