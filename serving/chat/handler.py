"""Conversations with the chat model. vLLM answers; here they are checked and counted."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.responses import JSONResponse, Response

from serving.chat.allowed_fields import chat_limits
from serving.config import ServeConfig
from serving.http import bodies
from serving.http.middleware import Record
from serving.ocr.chat_response import error_event


class Backend(Protocol):
    """Whatever runs the chat model."""

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer in one piece.

        Raises:
            ApiError: The request is wrong, or nobody can answer it.
        """
        ...

    def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Answer as the events of an event stream, one or more a piece.

        Raises:
            ApiError: As `complete`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChatModel:
    """The chat model as it is served.

    Attributes:
        names: Its names in requests; the first is the one in answers.
        backend: Answers.
        config: Limits.
    """

    names: tuple[str, ...]
    backend: Backend
    config: ServeConfig

    async def respond(self, body: dict[str, Any], record: Record, late_s: float) -> Response:
        """Answer a chat completion.

        Args:
            body: The request.
            record: Gets the tokens.
            late_s: When it must be answered, by `time.monotonic`.

        Raises:
            ApiError: The request is wrong, or nobody can answer it.
        """
        chat_limits(body, self.config.limits)
        body = body | {"model": self.names[0]}
        if body.get("stream"):
            wanted = bool((body.get("stream_options") or {}).get("include_usage"))
            # Always asked for, so that the log has the tokens of every answer.
            body["stream_options"] = {"include_usage": True}
            return await bodies.streamed(
                _counted(self.backend.stream(body), record, wanted),
                record,
                late_s=late_s,
                heartbeat_s=self.config.ingress.heartbeat_s,
                media_type=bodies.EVENTS,
                say=error_event,
            )
        async with bodies.until(late_s):
            answer = await self.backend.complete(body)
        _note(answer.get("usage"), record)
        return JSONResponse(answer)


async def _counted(
    pieces: AsyncGenerator[str, None], record: Record, wanted: bool
) -> AsyncIterator[str]:
    """The pieces; the event with the usage goes into the record, and on where it is wanted."""
    async with aclosing(pieces):
        async for piece in pieces:
            if '"usage":' not in piece:
                yield piece
                continue
            events = [_noted(event, record) for event in piece.split("\n\n") if event]
            kept = [event for event, is_usage in events if wanted or not is_usage]
            if kept:
                yield "".join(f"{event}\n\n" for event in kept)


def _noted(event: str, record: Record) -> tuple[str, bool]:
    """The event, and whether it is the one that holds the usage and nothing else."""
    payload = event.removeprefix("data: ")
    if payload == "[DONE]":
        return event, False
    values = json.loads(payload)
    if values.get("choices") or not values.get("usage"):
        return event, False
    _note(values["usage"], record)
    return event, True


def _note(usage: dict[str, Any] | None, record: Record) -> None:
    for name in ("prompt_tokens", "completion_tokens"):
        if usage and usage.get(name) is not None:
            record.fields[name] = usage[name]
