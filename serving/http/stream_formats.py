"""How streams are written: server-sent events, and a JSON value a line. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from serving.errors import ApiError


def _sse_error(error: ApiError) -> str:
    return f"data: {json.dumps(error.body())}\n\n"


def _ndjson_error(error: ApiError) -> str:
    return json.dumps(error.body()) + "\n"


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """How a stream is written.

    Attributes:
        media_type: Its Content-Type.
        heartbeat: Text that says that the stream is alive; "" for none.
        error: Makes the last piece of a stream that fails after it has started.
    """

    media_type: str
    heartbeat: str
    error: Callable[[ApiError], str]


SSE: Final = StreamFormat("text/event-stream", ": waiting\n\n", _sse_error)
"""Server-sent events. A stream that breaks ends with its error and without `[DONE]`."""
NDJSON: Final = StreamFormat("application/x-ndjson", "", _ndjson_error)
"""One JSON value a line. There is no line that all parsers ignore, so there is no heartbeat."""
NDJSON_WITH_HEARTBEATS: Final = replace(NDJSON, heartbeat='{"type": "heartbeat"}\n')
"""The same for callers that know heartbeats."""


def error_piece(media_type: str, error: ApiError) -> str:
    """The last piece of a stream that fails after it has started; "" for no stream."""
    for stream_format in (SSE, NDJSON):
        if media_type == stream_format.media_type:
            return stream_format.error(error)
    return ""
