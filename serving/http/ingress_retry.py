"""Gives a request to another ingress replica where its own ends before it answers.

Serve's proxy sends nothing where a replica dies, and its server answers 500 in plain text; what
Serve refuses itself (a full queue) is plain text too.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import ApiError
from serving.http.not_serving import router_of

_ATTEMPTS: Final = 3
_MAX_BODY_BYTES: Final = 8 << 20
"""Larger bodies are not kept for another attempt, so that the proxy's memory stays small."""
READING: Final = ("/v1/chat/completions", "/v1/ocr")
"""Paths whose POST changes nothing: it may be done twice."""
_RETRY_AFTER_S: Final = 2.0
_CLIENT_ERROR: Final = 400


class IngressRetry:
    """Middleware of Serve's proxy.

    Args:
        app: Serve's proxy, or a middleware of it. Anything else gets all requests as they are.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._is_proxy = router_of(app) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self._is_proxy:
            await self._app(scope, receive, send)
            return
        body, answer = _Body(receive), _Answer(send)
        for attempt in range(1, _ATTEMPTS + 1):
            await self._app(scope, body.receive, answer.send)
            if answer.has_started or body.has_disconnected:
                return
            if answer.refusal or attempt == _ATTEMPTS or not (_may_repeat(scope) and body.is_kept):
                break
            body.rewind()
        error = answer.refusal or replica_died()
        await JSONResponse(error.body(), error.status, error.headers())(scope, receive, send)


def replica_died() -> ApiError:
    """The error for a request whose ingress replicas ended before they answered."""
    message = "the replica that had this request ended; send it again"
    return ApiError(503, "replica_died", message, retry_after_s=_RETRY_AFTER_S)


def _may_repeat(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") or scope["path"] in READING


class _Body:
    """The messages of a request's body, kept until it is answered."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[Message] = []
        self._next = 0
        self._bytes = 0
        self.has_disconnected = False

    @property
    def is_kept(self) -> bool:
        """Whether all of it that has arrived can be given again."""
        return self._bytes <= _MAX_BODY_BYTES

    def rewind(self) -> None:
        """Give it again from the beginning."""
        self._next = 0

    async def receive(self) -> Message:
        """The next message."""
        if self._next < len(self._kept):
            self._next += 1
            return self._kept[self._next - 1]
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.has_disconnected = True
            return message
        self._bytes += len(message.get("body", b""))
        if self.is_kept:
            self._kept.append(message)
            self._next += 1
        else:
            self._kept.clear()
            self._next = 0
        return message


class _Answer:
    """Passes an answer on, but not Serve's own errors in plain text."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False
        self.refusal: ApiError | None = None

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start" and _is_of_serve(message):
            self.refusal = _refused(message["status"])
        if self.refusal is None:
            self.has_started = True
            await self._send(message)


def _is_of_serve(start: Message) -> bool:
    """Whether an answer is an error of Serve's; those of the service are JSON."""
    types = [value for name, value in start.get("headers", ()) if name.lower() == b"content-type"]
    is_text = any(value.startswith(b"text/plain") for value in types)
    return bool(start["status"] >= _CLIENT_ERROR and is_text)


def _refused(status: int) -> ApiError:
    if status in (429, 503):
        message = "all ingress replicas are busy (ingress.max_ongoing_requests); send this again"
        return ApiError(status, "queue_full", message, retry_after_s=_RETRY_AFTER_S)
    return ApiError(status, "unavailable", "the service did not take this request")
