"""What the middleware sends when an application fails."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.config import AuthConfig, HttpConfig, LimitConfig
from serving.http.auth import Keys
from serving.http.drain import Drain
from serving.http.middleware import LogEntry, RequestMiddleware
from serving.http.rate_limit import RateLimiter


def sent_by(app: ASGIApp) -> tuple[list[Message], LogEntry]:
    """The messages of an answer, and its log entry."""
    sent: list[Message] = []
    log: list[LogEntry] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    middleware = RequestMiddleware(
        app,
        Keys(AuthConfig(disabled=True), {}),
        RateLimiter(AuthConfig()),
        LimitConfig(),
        HttpConfig(),
        Drain(),
        log.append,
    )
    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/ocr", "headers": []}
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
