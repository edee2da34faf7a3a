"""The door that every request goes through: identity, keys, limits of size, one line of log.

Plain ASGI around the application, so that streams and hang-ups pass through untouched.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.config import HttpConfig, LimitConfig
from serving.errors import ApiError
from serving.http.auth import Keys
from serving.http.rate_limit import Gate

_log = logging.getLogger(__name__)

OPEN_PATHS: Final = frozenset({"/health", "/ready"})
"""Answered without a key: what probes ask."""
PATHS: Final = OPEN_PATHS | {"/v1/chat/completions", "/v1/ocr", "/v1/models"}
"""The paths that are counted each by itself."""
_MIB: Final = 1 << 20
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CLOSED_BY_CLIENT: Final = 499
_INTERNAL: Final = 500


@dataclass(slots=True)
class Record:
    """What is known of a request, for its line in the log.

    Attributes:
        request_id: The caller's X-Request-Id, or the one that Serve's proxy made.
        method: HTTP method.
        path: Path, without the query.
        caller: Name of the key, "" where none was let in.
        status: HTTP status, 499 where the caller hung up before there was one.
        error: Code of the error, "" where there was none.
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

    def note(self, error: ApiError) -> None:
        """Remember why the request was not answered."""
        self.error = error.code


def record_of(scope: MutableMapping[str, Any]) -> Record:
    """The record of the request at hand."""
    record: Record = scope["rayscribe.record"]
    return record


class RequestMiddleware:
    """Lets requests in.

    Args:
        app: The application behind it.
        keys: Who may come in.
        gate: How often and how many at a time.
        limits: How much one may send.
        http: Which web pages may call.
        done: Told of every request when it is over.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Keys,
        gate: Gate,
        limits: LimitConfig,
        http: HttpConfig,
        done: Callable[[Record], None],
    ) -> None:
        self._origins = frozenset(http.cors_origins)
        self._app = app
        self._keys = keys
        self._gate = gate
        self._limits = limits
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        record = Record(_request_id(headers), scope["method"], scope["path"])
        scope["rayscribe.record"] = record
        out = _Sender(send, record)
        try:
            await self._let_in(
                scope, headers, record, _bounded(receive, headers, self._limits), out
            )
        except ApiError as error:
            record.note(error)
            await _refuse(error, scope, receive, out)
        except Exception:
            _log.exception("a request failed: %s", record.request_id)
            message = f"the server failed on this request ({record.request_id}); please report it"
            await _refuse(ApiError(_INTERNAL, "internal", message), scope, receive, out)
        finally:
            record.status = record.status or _CLOSED_BY_CLIENT
            self._done(record)

    async def _let_in(
        self, scope: Scope, headers: dict[str, str], record: Record, receive: Receive, send: Send
    ) -> None:
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        self._check_origin(headers)
        client = scope.get("client")
        forwarded = "x-forwarded-for" in headers or "forwarded" in headers
        authorization = headers.get("authorization")
        record.caller = self._keys.caller(authorization, client and client[0], forwarded)
        _check_length(headers, self._limits)
        with self._gate.admit(record.caller):
            await self._app(scope, receive, send)

    def _check_origin(self, headers: dict[str, str]) -> None:
        """Refuse pages of other web origins, which a browser would send with its user's access."""
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return
        if urlsplit(origin).netloc != headers.get("host"):
            message = "pages of this origin may not call (http.cors_origins)"
            raise ApiError(403, "origin_not_allowed", message)


class _Sender:
    """Passes messages on and notes the status. Serve's proxy adds X-Request-Id."""

    def __init__(self, send: Send, record: Record) -> None:
        self._send = send
        self._record = record

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._record.status = message["status"]
        await self._send(message)

    @property
    def has_begun(self) -> bool:
        """Whether the status is out."""
        return bool(self._record.status)


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: _Sender) -> None:
    if send.has_begun:
        return  # too late for a status; the connection ends without the end of its answer
    await JSONResponse(error.body(), error.status, error.headers())(scope, receive, send)


def _request_id(headers: dict[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _check_length(headers: dict[str, str], limits: LimitConfig) -> None:
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.body_mib * _MIB:
        raise _too_large(limits)


def _bounded(receive: Receive, headers: dict[str, str], limits: LimitConfig) -> Receive:
    """Count what arrives, whatever Content-Length says, and don't wait for it for ever."""
    left = int(limits.body_mib * _MIB)
    deadline_s = time.monotonic() + limits.upload_s
    arrived = False

    async def counted() -> Message:
        nonlocal left, arrived
        if arrived:  # what comes now is the sign that the caller hung up; it may take its time
            try:
                return await receive()
            except Exception:  # of Serve's, where the proxy has let go of the request first
                return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(max(0.0, deadline_s - time.monotonic())):
                message = await receive()
        except TimeoutError:
            message_text = "the body took longer to arrive than limits.upload_s"
            raise ApiError(408, "upload_timeout", message_text) from None
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large(limits)
        arrived = not message.get("more_body", False)
        return message

    return counted


def _too_large(limits: LimitConfig) -> ApiError:
    message = f"the body is larger than limits.body_mib ({limits.body_mib:g} MiB)"
    return ApiError(413, "body_too_large", message)
