"""Reads request bodies."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from pydantic_core import from_json
from starlette.requests import Request

from serving.errors import ApiError

_INLINE_BYTES: Final = 1 << 16
"""A larger body is parsed in a thread, so that it does not block the event loop."""


async def json_body(request: Request) -> dict[str, Any]:
    """The body of a request as a JSON object.

    Raises:
        ApiError: 400 it is not a JSON object, 415 its Content-Type is not JSON.
    """
    if media_type(request) != "application/json":
        message = "send JSON with the header Content-Type: application/json"
        raise ApiError(415, "unsupported_media_type", message)
    content = await request.body()
    try:
        if len(content) > _INLINE_BYTES:
            body = await asyncio.to_thread(_parsed, content)
        else:
            body = _parsed(content)
    except ValueError as error:
        raise ApiError(400, "invalid_json", f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_type", "the body must be a JSON object")
    return body


def _parsed(content: bytes) -> Any:
    return from_json(content, allow_inf_nan=False)


def media_type(request: Request) -> str:
    """The Content-Type of a request in lower case, without parameters; "" where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
