"""A request whose ingress replica ends before it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from serving.http import ingress_retry
from serving.http.ingress_retry import IngressRetry


class Proxy:
    """Serve's proxy: the replicas of its first requests die before they answer."""

    proxy_router = True

    def __init__(self, deaths: int, answer: Callable[[bytes], Any] | None = None) -> None:
        self.deaths = deaths
        self.bodies: list[bytes] = []
        self.answer = answer or (lambda body: JSONResponse({"bytes": len(body)}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append(await Request(scope, receive).body())
        if len(self.bodies) > self.deaths:
            await self.answer(self.bodies[-1])(scope, receive, send)


def post(proxy: Any, path: str = "/v1/ocr", content: bytes = b"{}") -> Any:
    return TestClient(IngressRetry(proxy)).post(path, content=content)


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_another_replica_gets_the_whole_request(deaths: int) -> None:
    proxy, content = Proxy(deaths), b"x" * 300_000
    assert post(proxy, content=content).json() == {"bytes": 300_000}
    assert proxy.bodies == [content] * (deaths + 1)


def test_three_deaths_are_an_error_that_says_to_try_again() -> None:
    proxy = Proxy(99)
    answer = post(proxy)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "replica_died")
    assert answer.headers["Retry-After"] == "2"
    assert len(proxy.bodies) == 3


@pytest.mark.parametrize("path", ["/v1/ocr/jobs", "/v1/files", "/v1/batches"])
def test_what_is_created_is_not_created_twice(path: str) -> None:
    proxy = Proxy(1)
    assert post(proxy, path).status_code == 503
    assert len(proxy.bodies) == 1


def test_a_large_body_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress_retry, "_MAX_BODY_BYTES", 10)
    proxy = Proxy(1)
    assert post(proxy, content=b"x" * 11).status_code == 503
    assert post(Proxy(1), content=b"x" * 10).status_code == 200
    assert post(Proxy(0), content=b"x" * 99).json() == {"bytes": 99}


@pytest.mark.parametrize(("status", "code"), [(503, "queue_full"), (429, "queue_full")])
def test_serves_own_refusals_have_the_form_of_the_service(status: int, code: str) -> None:
    proxy = Proxy(0, lambda _: PlainTextResponse("Request dropped due to backpressure", status))
    answer = post(proxy)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["Retry-After"] == "2"
    assert len(proxy.bodies) == 1


def test_answers_of_the_service_are_left_alone() -> None:
    error = {"error": {"code": "not_found"}}
    answer = post(Proxy(0, lambda _: JSONResponse(error, 404)))
    assert (answer.status_code, answer.json()) == (404, error)
    text = post(Proxy(0, lambda _: PlainTextResponse("# Markdown")))
    assert (text.status_code, text.text) == (200, "# Markdown")


async def test_a_caller_who_has_gone_gets_no_second_attempt() -> None:
    calls = 0

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal calls
        calls += 1
        assert (await receive())["type"] == "http.disconnect"

    proxy.proxy_router = True  # type: ignore[attr-defined]

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(json.dumps(message, default=str))

    await IngressRetry(proxy)({"type": "http", "method": "GET", "path": "/"}, receive, send)
    assert calls == 1
