"""What Serve's proxy answers while no ingress replica runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from serving.http.not_serving import STOPPING_MARK, NotServing


class Handle:
    """The handle of the ingress in Serve's router."""

    def __init__(self, has_replicas: bool) -> None:
        self.has_replicas = has_replicas

    def running_replicas_populated(self) -> bool:
        return self.has_replicas


class Proxy:
    """Serve's proxy: it answers what it gets."""

    def __init__(self, handle: Handle | None) -> None:
        self.proxy_router = self
        self.handle = handle

    def match_route(self, path: str) -> tuple[str, Handle | None, bool] | None:
        return self.handle and ("/", self.handle, False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("of the proxy")(scope, receive, send)


class Middleware:
    """One of Serve's own around the proxy."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def ask(handle: Handle | None, path: str = "/health") -> Any:
    return TestClient(NotServing(Middleware(Proxy(handle)))).get(path)


@pytest.mark.parametrize("handle", [None, Handle(False)])
@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/ocr", "/nothing"])
def test_every_path_is_refused_while_the_service_starts(handle: Handle | None, path: str) -> None:
    answer = ask(handle, path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["error"]["code"] == "starting"


def test_requests_pass_once_an_ingress_replica_runs() -> None:
    assert ask(Handle(True)).text == "of the proxy"


def test_serves_own_paths_always_pass() -> None:
    assert ask(None, "/-/healthz").text == "of the proxy"


def test_every_path_is_refused_once_the_service_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "stopping"
    monkeypatch.setenv(STOPPING_MARK, str(mark))
    client = TestClient(NotServing(Middleware(Proxy(Handle(True)))))
    assert client.get("/health").status_code == 200
    mark.touch()
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")
    assert answer.headers["Retry-After"] == "5"


def test_an_app_that_is_no_proxy_gets_all_requests() -> None:
    """Behind HAProxy the ingress replicas have the same middleware."""
    app = PlainTextResponse("of the ingress")
    assert TestClient(NotServing(app)).get("/health").text == "of the ingress"
