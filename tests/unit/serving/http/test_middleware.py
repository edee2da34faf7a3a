"""What the middleware sends when an application fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.config import AuthConfig, HttpConfig, LimitConfig
from serving.http.auth import Keys
from serving.http.drain import Drain
from serving.http.middleware import LogEntry, RequestMiddleware
from serving.http.rate_limit import RateLimiter


def sent_by(
    app: ASGIApp, body: Sequence[Message] = ({"type": "http.request"},)
) -> tuple[list[Message], LogEntry]:
    """The messages of an answer, and its log entry. The last message of a body comes again."""
    waiting = list(body)
    sent: list[Message] = []
    log: list[LogEntry] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    middleware = RequestMiddleware(
        app,
        Keys(AuthConfig(disabled=True), {}),
        RateLimiter(AuthConfig()),
        LimitConfig(),
        HttpConfig(),
        Drain(),
        log.append,
    )
    path = {"path": "/v1/ocr", "query_string": b""}
    scope: Scope = {"type": "http", "method": "POST", "headers": [], **path}
    asyncio.run(middleware(scope, receive, send))
    [entry] = log
    return sent, entry


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_stream_that_fails_has_one_last_message(has_ended: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        if has_ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        raise RuntimeError("too late")

    sent, _ = sent_by(app)
    last = [message for message in sent if not message.get("more_body", True)]
    assert sent[-1:] == last
    assert (b"internal" in last[0]["body"]) is not has_ended


def test_a_caller_that_goes_in_the_middle_of_its_body_is_no_fault_of_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()

    async def read(request: Request) -> None:
        await request.body()

    app.add_api_route("/v1/ocr", read, methods=["POST"])
    messages: list[Message] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.disconnect"},
    ]
    _, entry = sent_by(app, messages)
    assert entry.status == 499
    assert not caplog.records
