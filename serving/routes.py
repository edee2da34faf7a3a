"""The routes of the HTTP API. Independent of Ray: the handlers are passed in.

A request passes `serving.http.middleware` first, which authenticates it and limits its size.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from pipeline import __version__
from serving.chat.handler import ChatHandler
from serving.config import LimitConfig, ServeConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.http.middleware import LogEntry, log_entry
from serving.http.openapi import describe
from serving.http.stream_formats import NDJSON, NDJSON_WITH_HEARTBEATS
from serving.http.validation import excerpt
from serving.jobs import service as job_service
from serving.jobs.batches import BatchRequest
from serving.jobs.requests import OcrJobFields, OcrJobRequest
from serving.jobs.routes import add_routes
from serving.jobs.service import JobService, OcrParts, Reports
from serving.ocr import chat_response, mistral, request_body
from serving.ocr.chat_request import ParsedOcrRequest, parse_ocr
from serving.ocr.document_response import OcrDocument, OcrPage
from serving.ocr.handler import OcrHandler
from serving.ocr.mistral import MistralOcrRequest, ParsedMistralRequest
from serving.ocr.mistral_response import MistralOcrResponse
from serving.ocr.request_models import ChatRequest, OcrFields, OcrRequest
from serving.ocr.uploads import MEDIA_TYPES
from serving.page import routes as page_routes

_READY_AFTER_S: Final = "5"
"""Seconds after which to ask again whether a model is ready."""
_QUERY: Final = ("stream", "heartbeat")
"""Parameters of `/v1/ocr` in the query that are no options of the document."""
_MODELS: Final = (
    *(ChatRequest, OcrFields, OcrRequest, OcrDocument, OcrPage),
    *(MistralOcrRequest, MistralOcrResponse, OcrJobFields, OcrJobRequest),
    BatchRequest,
)
"""Bodies of requests and responses, for the OpenAPI schema."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """The replicas of a model, for `/ready`.

    Attributes:
        replicas: Replicas that run.
        min_replicas: Replicas that should always run.
    """

    replicas: int
    min_replicas: int

    @property
    def is_missing(self) -> bool:
        """Whether no replica runs where one always should."""
        return not self.replicas and self.min_replicas > 0


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the routes call.

    Attributes:
        limits: Limits of one request.
        ocr: Answers for the OCR model, None where none is served.
        chat: Answers for the chat model, None where none is served.
        states: Counts replicas by model name, without starting one.
        jobs: Keeps jobs and files, None where the operator keeps none.
    """

    limits: LimitConfig
    ocr: OcrHandler | None
    chat: ChatHandler | None
    states: Callable[[], Awaitable[Mapping[str, ModelState]]]
    jobs: JobService | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every model name that a request may use."""
        return (*(self.ocr.names if self.ocr else ()), *(self.chat.names if self.chat else ()))

    def with_jobs(self, config: ServeConfig, parts: OcrParts | None, reports: Reports) -> Handlers:
        """Also keep jobs and files, if the operator does.

        Args:
            config: Settings of the service.
            parts: What reads pages, None where no OCR model is served.
            reports: Who is told what happens.

        Raises:
            JobError: `job.folder` cannot be written.
        """
        background = replace(self, ocr=parts.in_background() if parts else None)
        jobs = job_service.build(config, parts, background.respond, reports)
        return replace(self, jobs=jobs)

    async def respond(self, body: dict[str, Any], entry: LogEntry, deadline_s: float) -> Response:
        """Answer a chat completion by the model that it names.

        Args:
            body: The request.
            entry: Gets the model's name and what it counts.
            deadline_s: When the answer must be complete, by `time.monotonic`.

        Raises:
            ApiError: The request is wrong, or the model cannot answer it.
        """
        name = body.get("model")
        if not isinstance(name, str):
            message = f"model is missing; choose from: {', '.join(self.names)}"
            raise ApiError(400, "missing_required_parameter", message, param="model")
        for model in (self.ocr, self.chat):
            if model is not None and name in model.names:
                entry.fields["model"] = model.names[0]
                return await model.respond(body, entry, deadline_s)
        raise _unknown(name, self.names)


def build(handlers: Handlers, *, has_page: bool = True) -> FastAPI:
    """The application with its routes, to be wrapped in a `RequestMiddleware`.

    Args:
        handlers: What the routes call.
        has_page: Whether there is a page at `/`, where the OCR model is served.
    """
    app = FastAPI(
        title="Rayscribe",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        description="OCR and chat for OpenAI's clients, and OCR with blocks and boxes.",
        lifespan=partial(_lifespan, handlers.jobs),
        telemetry={"tracing": False},  # `RequestMiddleware` has a span for each request
    )
    routes = _Routes(handlers)
    for path, method, tag in (
        ("/health", routes.health, "State"),
        ("/ready", routes.ready, "State"),
        ("/v1/models", routes.models, "OpenAI"),
        ("/v1/models/{name:path}", routes.model, "OpenAI"),
    ):
        app.add_api_route(path, method, methods=["GET"], tags=[tag])
    app.add_api_route("/v1/chat/completions", routes.chat, methods=["POST"], tags=["OpenAI"])
    app.add_api_route("/v1/ocr", routes.ocr, methods=["POST"], tags=["OCR"])
    add_routes(app, handlers.jobs, handlers.limits)
    page_routes.add_docs(app)
    if has_page and handlers.ocr is not None:
        has_jobs = handlers.jobs is not None
        page_routes.add_page(app, handlers.limits, handlers.ocr.names[0], has_jobs=has_jobs)
    describe(app, _MODELS, MEDIA_TYPES, has_chat=handlers.chat is not None)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    return app


@asynccontextmanager
async def _lifespan(jobs: JobService | None, app: FastAPI) -> AsyncIterator[None]:
    """Work on jobs as long as the application runs."""
    if jobs is not None:
        jobs.runner.start()
    yield
    if jobs is not None:
        await jobs.runner.close()


class _Routes:
    """The routes, each a method."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._started_at = int(time.time())

    async def health(self) -> dict[str, str]:
        """Whether this process answers. Starts no replica."""
        return {"status": "ok"}

    async def ready(self) -> JSONResponse:
        """Which models have a running replica; 503 where one should and has none. Starts none."""
        states = await self._handlers.states()
        models = {
            name: {"replicas": state.replicas, "state": "warm" if state.replicas else "cold"}
            for name, state in states.items()
        }
        is_missing = any(state.is_missing for state in states.values())
        status, headers = (503, {"Retry-After": _READY_AFTER_S}) if is_missing else (200, {})
        return JSONResponse({"ready": not is_missing, "models": models}, status, headers)

    async def models(self) -> dict[str, Any]:
        """The models of the service, under every name that a request may use."""
        return chat_response.models(self._handlers.names, self._started_at)

    async def model(self, name: str) -> dict[str, Any]:
        """One model."""
        if name not in self._handlers.names:
            raise _unknown(name, self._handlers.names)
        return chat_response.model(name, self._started_at).model_dump()

    async def chat(self, request: Request) -> Response:
        """A chat completion of the chat model, or the text of pages from the OCR model.

        The schema of the body is that of the OCR model; the chat model also takes tools, response
        formats, log probabilities and other parameters of OpenAI's API.
        """
        deadline_s = self._deadline_s()
        body = await bodies.json_body(request)
        return await self._handlers.respond(body, log_entry(request.scope), deadline_s)

    async def ocr(
        self,
        request: Request,
        stream: bool = Query(False, description="Send each page as soon as it is read."),
        heartbeat: bool = Query(False, description="Send a line while a stream waits."),
    ) -> Response:
        """Read a document: one result for every page, with blocks and boxes.

        The document comes in JSON, in a form, or as the body itself with its own Content-Type. The
        options of a body are in the query, those of a form there or in its fields. Where the JSON
        has Mistral's form, so has the answer.

        With `stream` the response is a line of JSON for each page, in the order in which they are
        read; a stream that fails ends with a line that has `error`. With `heartbeat` it has lines
        `{"type": "heartbeat"}` where nothing was sent for a while.
        """
        deadline_s = self._deadline_s()
        parsed = await self._parsed_ocr(request)
        asked = parsed.ocr if isinstance(parsed, ParsedMistralRequest) else parsed
        model = self._handlers.ocr
        if model is None or asked.model not in ("", *model.names):
            raise _unknown(asked.model or "ocr", model.names if model else ())
        entry = log_entry(request.scope)
        entry.fields["model"] = model.names[0]
        if not isinstance(parsed, ParsedMistralRequest):
            lines = NDJSON_WITH_HEARTBEATS if heartbeat else NDJSON
            return await model.respond_with_blocks(
                parsed, lines if stream else None, entry, deadline_s
            )
        if stream:
            message = "Mistral's form has no streams; send the document as a string"
            raise ApiError(400, "unsupported_parameter", message, param="stream")
        return await model.respond_as_mistral(parsed, entry, deadline_s)

    async def _parsed_ocr(self, request: Request) -> ParsedOcrRequest | ParsedMistralRequest:
        limits = self._handlers.limits
        fields, upload = await request_body.read(request, limits, _QUERY)
        if upload is not None:
            return parse_ocr(fields, limits, upload)
        # In a thread: decoding many MiB of base64 would block the event loop.
        if mistral.is_mistral(fields):
            return await asyncio.to_thread(mistral.parse, fields)
        return await asyncio.to_thread(parse_ocr, fields, limits)

    def _deadline_s(self) -> float:
        return time.monotonic() + self._handlers.limits.request_s


def _unknown(name: str, known: tuple[str, ...]) -> ApiError:
    message = f"there is no model {excerpt(name)!r}; choose from: {', '.join(known) or 'none'}"
    return ApiError(404, "model_not_found", message, param="model")


# --- errors


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - FastAPI calls it for this type only
    log_entry(request.scope).set_error(error)
    return JSONResponse(error.body(), error.status, error.headers())


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - FastAPI calls it for this type only
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    response = await _on_api_error(request, ApiError(error.status_code, code, str(error.detail)))
    response.headers.update(error.headers or {})
    if "allow" in response.headers:  # Starlette names the methods of one route only
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """The methods that the path of a request has."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    found = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in found for method in route.methods or ()})


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI calls it for this type only
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"][1:])
    message = f"{param}: {first['msg'].replace('Input should be', 'must be')}"
    return await _on_api_error(request, ApiError(400, "invalid_value", message, param=param))
