"""The ASGI middleware of every request: request id, API key, rate and size limits, access log.

It is plain ASGI, so that streams and disconnects pass through unchanged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import tracing
from serving.config import HttpConfig, LimitConfig
from serving.errors import ApiError
from serving.http.auth import Keys
from serving.http.drain import Drain
from serving.http.rate_limit import RateLimiter
from serving.http.request_body import RequestBody, check_length
from serving.http.stream_formats import error_piece

_log = logging.getLogger(__name__)

OPEN_PATHS: Final = frozenset({"/health", "/ready"})
"""Paths for health probes, answered without a key."""
_PAGES: Final = frozenset({"/", "/page.json", "/docs", "/openapi.json"})
_STATIC: Final = "/static/"
"""Pages and files for a browser, which has no key before they are there. They hold no answers."""
PATHS: Final = OPEN_PATHS | {"/v1/chat/completions", "/v1/ocr", "/v1/models"}
"""Paths that have a label of their own in the metrics."""
_UPLOADS: Final = ("/v1/ocr/jobs", "/v1/files")
"""Paths whose POST makes a job or a file."""
KEPT_PATHS: Final = (*_UPLOADS, "/v1/batches")
"""Paths of what is kept; in the metrics each stands for those below it."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CLOSED_BY_CLIENT: Final = 499
_INTERNAL: Final = 500


@dataclass(slots=True)
class LogEntry:
    """A request's entry in the access log.

    Attributes:
        request_id: The caller's X-Request-Id, or the one that Serve's proxy made.
        method: HTTP method.
        path: Path, without the query.
        caller: Name of the key, "" where the request was refused before it was known.
        status: HTTP status, 499 where the caller disconnected before there was one.
        error: Code of the error, "" where there was none.
        begin_s: When the request came in, by `time.perf_counter`.
        fields: More: model, pages, tokens.
    """

    request_id: str
    method: str
    path: str
    caller: str = ""
    status: int = 0
    error: str = ""
    begin_s: float = field(default_factory=time.perf_counter)
    fields: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """One line of JSON."""
        values = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": self.request_id,
            "caller": self.caller,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": self.ms,
            **({"error": self.error} if self.error else {}),
            **self.fields,
        }
        return json.dumps(values, ensure_ascii=False)

    @property
    def ms(self) -> float:
        """Milliseconds since the request came in."""
        return round((time.perf_counter() - self.begin_s) * 1000, 1)

    def add_counts(
        self, pages: int, prompt_tokens: int | None, completion_tokens: int | None
    ) -> None:
        """Add what was read; counts that are None are left out."""
        counts = {
            "pages": pages,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
        }
        self.fields |= {name: count for name, count in counts.items() if count is not None}

    def set_error(self, error: ApiError) -> None:
        """Set the error that the request was answered with."""
        self.error = error.code


def log_entry(scope: MutableMapping[str, Any]) -> LogEntry:
    """The log entry of a request, by its ASGI scope."""
    entry: LogEntry = scope["rayscribe.log_entry"]
    return entry


class RequestMiddleware:
    """Checks requests before the application gets them.

    Args:
        app: The application.
        keys: Authenticates callers.
        rate_limiter: Limits the requests of each caller.
        limits: Limits of a body's size and time.
        http: Allowed web origins.
        drain: Runs the answers, and ends them when the service stops.
        on_done: Called with the log entry of every request when it has ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Keys,
        rate_limiter: RateLimiter,
        limits: LimitConfig,
        http: HttpConfig,
        drain: Drain,
        on_done: Callable[[LogEntry], None],
    ) -> None:
        self._origins = frozenset(http.cors_origins)
        self._app = app
        self._keys = keys
        self._rate_limiter = rate_limiter
        self._limits = limits
        self._drain = drain
        self._on_done = on_done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        entry = LogEntry(_request_id(headers), scope["method"], scope["path"])
        scope["rayscribe.log_entry"] = entry
        out = _Sender(send, entry)
        with tracing.span(
            f"{entry.method} {route_name(entry.path)}", headers, is_server=True
        ) as tags:
            await self._answer(scope, headers, entry, receive, out)
            tags |= {"http.response.status_code": entry.status, "request_id": entry.request_id}

    async def _answer(
        self, scope: Scope, headers: dict[str, str], entry: LogEntry, receive: Receive, out: _Sender
    ) -> None:
        try:
            body = RequestBody(receive, self._limits, _max_mib(entry.path, self._limits))
            await self._drain.run(
                _until_gone(lambda: self._admit(scope, headers, entry, body.receive, out), body)
            )
        except ApiError as error:
            entry.set_error(error)
            await _send_error(error, scope, receive, out)
        except ClientDisconnect:  # in the middle of its body: FastAPI has answered nobody with 500
            if entry.status in (0, _INTERNAL):
                entry.status = _CLOSED_BY_CLIENT
        except Exception:
            _log.exception("a request failed: %s", entry.request_id)
            message = f"the server failed on this request ({entry.request_id}); please report it"
            await _send_error(ApiError(_INTERNAL, "internal", message), scope, receive, out)
        finally:
            entry.status = entry.status or _CLOSED_BY_CLIENT
            self._on_done(entry)

    async def _admit(
        self, scope: Scope, headers: dict[str, str], entry: LogEntry, receive: Receive, send: Send
    ) -> None:
        if _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        self._check_origin(headers)
        client = scope.get("client")
        forwarded = "x-forwarded-for" in headers or "forwarded" in headers
        authorization = headers.get("authorization")
        entry.caller = self._keys.caller(authorization, client and client[0], forwarded)
        check_length(headers, _max_mib(entry.path, self._limits))
        with self._rate_limiter.admit(entry.caller):
            await self._app(scope, receive, send)

    def _check_origin(self, headers: dict[str, str]) -> None:
        """Refuse web pages of other origins: a browser would send their requests too."""
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return
        if urlsplit(origin).netloc != headers.get("host"):
            message = "pages of this origin may not call (http.cors_origins)"
            raise ApiError(403, "origin_not_allowed", message)


async def _until_gone(answer: Callable[[], Coroutine[Any, Any, None]], body: RequestBody) -> None:
    """Answer a request, and stop where its caller disconnects: its pages would be read for nobody.

    Args:
        answer: Answers.
        body: The request's.
    """
    answering = asyncio.ensure_future(answer())
    gone = asyncio.ensure_future(body.disconnected())
    try:
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
    finally:
        gone.cancel()
        body.close()
        if answering.cancel():
            await asyncio.wait({answering})


class _Sender:
    """Forwards messages and records the status. Serve's proxy adds X-Request-Id."""

    def __init__(self, send: Send, entry: LogEntry) -> None:
        self._send = send
        self._entry = entry
        self.media_type = ""
        self.has_ended = False
        """Whether the last part of the body has been sent."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._entry.status = message["status"]
            self.media_type = _media_type(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.has_ended = not message.get("more_body", False)
        await self._send(message)

    @property
    def has_started(self) -> bool:
        """Whether the status has been sent."""
        return bool(self._entry.status)


async def _send_error(error: ApiError, scope: Scope, receive: Receive, send: _Sender) -> None:
    if send.has_started:
        # The status has been sent: a stream ends with the error, anything else in mid-response.
        piece = error_piece(send.media_type, error)
        if piece and not send.has_ended:
            await send({"type": "http.response.body", "body": piece.encode(), "more_body": False})
        return
    await JSONResponse(error.body(), error.status, error.headers())(scope, receive, send)


def _media_type(headers: Iterable[tuple[bytes, bytes]]) -> str:
    found = (value for name, value in headers if name.lower() == b"content-type")
    return next(found, b"").decode("latin-1").partition(";")[0].strip()


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path in _PAGES or path.startswith(_STATIC)


def route_name(path: str) -> str:
    """A path in metrics and traces: few different ones."""
    if path in PATHS:
        return path
    return next((kept for kept in KEPT_PATHS if path.startswith(kept)), "other")


def _request_id(headers: dict[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _max_mib(path: str, limits: LimitConfig) -> float:
    """Maximum size of a body, MiB."""
    return limits.upload_mib if path in _UPLOADS else limits.body_mib
