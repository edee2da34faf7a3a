"""The routes of the HTTP API. Independent of Ray: the handlers are passed in.

A request passes `serving.http.middleware` first, which authenticates it and limits its size.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from pipeline import __version__
from serving.chat.handler import ChatHandler
from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.http.middleware import log_entry
from serving.http.openapi import describe
from serving.http.stream_formats import NDJSON, NDJSON_WITH_HEARTBEATS
from serving.http.validation import excerpt
from serving.ocr import chat_response, mistral
from serving.ocr.chat_request import ParsedOcrRequest, parse_ocr
from serving.ocr.document_response import OcrDocument, OcrPage
from serving.ocr.handler import OcrHandler
from serving.ocr.mistral import MistralOcrRequest, ParsedMistralRequest
from serving.ocr.mistral_response import MistralOcrResponse
from serving.ocr.request_models import ChatRequest, OcrFields, OcrRequest
from serving.ocr.uploads import MEDIA_TYPES, Upload

_FORM_FIELDS: Final = 16
_READY_AFTER_S: Final = "5"
"""Seconds after which to ask again whether a model is ready."""
_QUERY: Final = ("stream", "heartbeat")
"""Parameters of `/v1/ocr` in the query that are no options of the document."""
_FORM: Final = "multipart/form-data"
_MODELS: Final = (
    *(ChatRequest, OcrFields, OcrRequest, OcrDocument, OcrPage),
    *(MistralOcrRequest, MistralOcrResponse),
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
    """

    limits: LimitConfig
    ocr: OcrHandler | None
    chat: ChatHandler | None
    states: Callable[[], Awaitable[Mapping[str, ModelState]]]

    @property
    def names(self) -> tuple[str, ...]:
        """Every model name that a request may use."""
        return (*(self.ocr.names if self.ocr else ()), *(self.chat.names if self.chat else ()))


def build(handlers: Handlers) -> FastAPI:
    """The application with its routes, to be wrapped in a `RequestMiddleware`."""
    app = FastAPI(
        title="Rayscribe",
        version=__version__,
        description="OCR and chat for OpenAI's clients, and OCR with blocks and boxes.",
    )
    routes = _Routes(handlers)
    for path, method in (
        ("/health", routes.health),
        ("/ready", routes.ready),
        ("/v1/models", routes.models),
        ("/v1/models/{name:path}", routes.model),
    ):
        app.add_api_route(path, method, methods=["GET"])
    app.add_api_route("/v1/chat/completions", routes.chat, methods=["POST"])
    app.add_api_route("/v1/ocr", routes.ocr, methods=["POST"])
    describe(app, _MODELS, has_chat=handlers.chat is not None)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    return app


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
        name = body.get("model")
        if not isinstance(name, str):
            message = f"model is missing; choose from: {', '.join(self._handlers.names)}"
            raise ApiError(400, "missing_required_parameter", message, param="model")
        for model in (self._handlers.ocr, self._handlers.chat):
            if model is not None and name in model.names:
                entry = log_entry(request.scope)
                entry.fields["model"] = model.names[0]
                return await model.respond(body, entry, deadline_s)
        raise _unknown(name, self._handlers.names)

    async def ocr(
        self,
        request: Request,
        stream: bool = Query(False, description="Send each page as soon as it is read."),
        heartbeat: bool = Query(False, description="Send a line while a stream waits."),
    ) -> Response:
        """Read a document: one result for every page, with blocks and boxes.

        The document comes in JSON, in a form, or as the body itself with its own Content-Type;
        then the options are in the query. Where the JSON has Mistral's form, so has the answer.

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
        kind = bodies.media_type(request)
        if kind in MEDIA_TYPES:
            return await self._parsed_bytes(request, kind)
        if kind != _FORM:
            body = await bodies.json_body(request)
            # In a thread: decoding many MiB of base64 would block the event loop.
            if mistral.is_mistral(body):
                return await asyncio.to_thread(mistral.parse, body)
            return await asyncio.to_thread(parse_ocr, body, self._handlers.limits)
        async with request.form(
            max_files=1, max_fields=_FORM_FIELDS, max_part_size=self._handlers.limits.prompt_chars
        ) as form:
            fields, upload = await _form(form)
        return parse_ocr(fields, self._handlers.limits, upload)

    async def _parsed_bytes(self, request: Request, kind: str) -> ParsedOcrRequest:
        """A document that is the body itself, with its options in the query."""
        content = await request.body()
        if not content:
            raise ApiError(400, "empty", "the body has no bytes", param="body")
        options = {
            name: value for name, value in request.query_params.items() if name not in _QUERY
        }
        if "password" in options:
            message = "a password in an address ends up in logs; send a form with it"
            raise ApiError(400, "unsupported_parameter", message, param="password")
        return parse_ocr(options, self._handlers.limits, Upload("body", content, media_type=kind))

    def _deadline_s(self) -> float:
        return time.monotonic() + self._handlers.limits.request_s


async def _form(form: FormData) -> tuple[dict[str, str], Upload]:
    """The fields of a form, and its document."""
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if not files:
        message = "the form has no file: send one, such as curl -F file=@document.pdf"
        raise ApiError(400, "missing_required_parameter", message, param="file")
    [(name, file)] = files.items()
    content = await file.read()
    if not content:
        raise ApiError(400, "empty", "the file has no bytes", param=name)
    return fields, Upload(name, content, filename=file.filename or "")


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
    return response


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI calls it for this type only
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"][1:])
    return await _on_api_error(request, ApiError(400, "invalid_value", first["msg"], param=param))
