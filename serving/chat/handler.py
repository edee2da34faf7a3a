"""Chat completions of the chat model: checked, sent to a replica, and counted."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.responses import JSONResponse, Response

from serving.chat.allowed_fields import check_fields
from serving.config import ServeConfig
from serving.http import streaming
from serving.http.middleware import LogEntry
from serving.http.stream_formats import SSE


class ChatBackend(Protocol):
    """Runs the chat model: the replicas, or a fake in tests."""

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer in one piece.

        Raises:
            ApiError: The request is wrong, or no replica can answer it.
        """
        ...

    def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Answer as server-sent events, one or more a piece.

        Raises:
            ApiError: As `complete`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChatHandler:
    """Answers the requests that name the chat model.

    Attributes:
        names: Its names in requests; the first is the one in answers.
        backend: Runs the model.
        config: Limits and settings.
    """

    names: tuple[str, ...]
    backend: ChatBackend
    config: ServeConfig

    async def respond(self, body: dict[str, Any], entry: LogEntry, deadline_s: float) -> Response:
        """Answer a chat completion.

        Args:
            body: The request.
            entry: Gets the token counts.
            deadline_s: When the answer must be complete, by `time.monotonic`.

        Raises:
            ApiError: The request is wrong, or no replica can answer it.
        """
        check_fields(body, self.config.limits)
        body = body | {"model": self.names[0]}
        if body.get("stream"):
            include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            # Always requested from the model, so that the log has the tokens of every answer.
            body["stream_options"] = {"include_usage": True}
            return await streaming.response(
                _counted(self.backend.stream(body), entry, include_usage),
                entry,
                SSE,
                deadline_s=deadline_s,
                heartbeat_s=self.config.ingress.heartbeat_s,
            )
        async with streaming.timeout_at(deadline_s):
            answer = await self.backend.complete(body)
        _add_usage(answer.get("usage"), entry)
        return JSONResponse(answer)


async def _counted(
    pieces: AsyncGenerator[str, None], entry: LogEntry, include_usage: bool
) -> AsyncIterator[str]:
    """Write the usage into the log entry; drop its event where the caller did not ask for it."""
    async with aclosing(pieces):
        async for piece in pieces:
            if '"usage":' not in piece:
                yield piece
                continue
            events = [event for event in piece.split("\n\n") if event]
            usages = [_usage_of(event) for event in events]
            for usage in usages:
                _add_usage(usage, entry)
            kept = [
                event
                for event, usage in zip(events, usages, strict=True)
                if include_usage or usage is None
            ]
            if kept:
                yield "".join(f"{event}\n\n" for event in kept)


def _usage_of(event: str) -> dict[str, Any] | None:
    """The usage of an event that holds nothing else, None for any other event."""
    payload = event.removeprefix("data: ")
    if payload == "[DONE]":
        return None
    values = json.loads(payload)
    if values.get("choices"):
        return None
    return values.get("usage") or None


def _add_usage(usage: dict[str, Any] | None, entry: LogEntry) -> None:
    for name in ("prompt_tokens", "completion_tokens"):
        if usage and usage.get(name) is not None:
            entry.fields[name] = usage[name]
