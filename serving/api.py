"""The routes: HTTP in, HTTP out. Knows no Ray; what answers is given to it.

A request comes here through `serving.door`, which has let it in and counted its bytes.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from pipeline import __version__
from pipeline.ask import ask
from pipeline.config import Recipe
from pipeline.engines import base
from pipeline.errors import ConfigError
from pipeline.types import Ask, Task
from serving import door, openai, streams
from serving.config import ServeConfig
from serving.door import Record, record_of
from serving.errors import ApiError, of_kind
from serving.fetch import Fetcher
from serving.ocr import Ocr, Pages, Prepare, ReadPage, Sent

_INLINE_BYTES: Final = 1 << 16
"""A larger body is parsed beside the event loop."""
_EVENTS: Final = "text/event-stream"
_LINES: Final = "application/x-ndjson"
_STREAM_HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class ChatBackend(Protocol):
    """Whatever runs the chat model."""

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer in one piece.

        Raises:
            ApiError: The request is wrong, or nobody can answer it.
        """
        ...

    def stream(self, body: dict[str, Any]) -> AsyncIterator[str]:
        """Answer as the lines of an event stream.

        Raises:
            ApiError: As `complete`.
        """
        ...


@dataclass(frozen=True, slots=True)
class OcrModel:
    """The OCR model as it is served.

    Attributes:
        names: Its names in requests; the first is the one in answers.
        recipe: How its pages are read: the batch's own.
        ocr: Opens documents and has them read.
    """

    names: tuple[str, ...]
    recipe: Recipe
    ocr: Ocr


@dataclass(frozen=True, slots=True)
class ChatModel:
    """The chat model as it is served.

    Attributes:
        names: Its names in requests; the first is the one in answers.
        backend: Answers.
    """

    names: tuple[str, ...]
    backend: ChatBackend


@dataclass(frozen=True, slots=True)
class ModelState:
    """What `/ready` says of a model.

    Attributes:
        replicas: Replicas that answer now.
        min_replicas: Replicas that should.
    """

    replicas: int
    min_replicas: int

    def body(self) -> dict[str, Any]:
        """Its JSON."""
        return {"replicas": self.replicas, "state": "warm" if self.replicas else "cold"}
