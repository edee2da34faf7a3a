"""The routes: which path is answered by what. Knows no Ray; what answers is given to it.

A request comes here through `serving.http.middleware`, which has let it in and counts its bytes.
"""

from __future__ import annotations

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
from serving.chat.handler import ChatModel
from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.http.middleware import record_of
from serving.http.openapi import describe
from serving.ocr import chat_response
from serving.ocr.chat_request import OcrAsk, parse_ocr
from serving.ocr.handler import OcrModel
from serving.ocr.uploads import Attachment
from serving.ocr.validation import plain

_FORM_FIELDS: Final = 16
_FORM: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class ModelState:
    """What `/ready` says of a model.

    Attributes:
        replicas: Replicas that answer now.
        min_replicas: Replicas that always should.
    """

    replicas: int
    min_replicas: int

    @property
    def is_lacking(self) -> bool:
        """Whether there is none where there should be some."""
        return not self.replicas and self.min_replicas > 0


@dataclass(frozen=True, slots=True)
class Service:
    """All that the routes answer with.

    Attributes:
        limits: What one request may ask for.
        ocr: The OCR model, None where none is served.
        chat: The chat model, None where none is served.
        states: Counts replicas, by model name. Wakes none.
    """

    limits: LimitConfig
    ocr: OcrModel | None
    chat: ChatModel | None
    states: Callable[[], Awaitable[Mapping[str, ModelState]]]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a request may give."""
        return (*(self.ocr.names if self.ocr else ()), *(self.chat.names if self.chat else ()))


def build(service: Service) -> FastAPI:
    """The application with its routes, to be wrapped in a `RequestMiddleware`."""
    app = FastAPI(
        title="Rayscribe",
        version=__version__,
        description="OCR and chat as OpenAI's clients speak it, and OCR with blocks and boxes.",
    )
    routes = _Routes(service)
    for path, method in (
        ("/health", routes.health),
        ("/ready", routes.ready),
        ("/v1/models", routes.models),
        ("/v1/models/{name:path}", routes.model),
    ):
        app.add_api_route(path, method, methods=["GET"])
    app.add_api_route("/v1/chat/completions", routes.chat, methods=["POST"])
    app.add_api_route("/v1/ocr", routes.ocr, methods=["POST"])
    describe(app, has_chat=service.chat is not None)
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    return app


class _Routes:
    """The routes, each a method."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._born = int(time.time())

    async def health(self) -> dict[str, str]:
        """Whether this process answers. Wakes no model."""
        return {"status": "ok"}

    async def ready(self) -> JSONResponse:
        """Which models are warm. Wakes none. 503 where one lacks what it should always have."""
        states = await self._service.states()
        models = {
            name: {"replicas": state.replicas, "state": "warm" if state.replicas else "cold"}
            for name, state in states.items()
        }
        lacking = any(state.is_lacking for state in states.values())
        return JSONResponse({"ready": not lacking, "models": models}, 503 if lacking else 200)

    async def models(self) -> dict[str, Any]:
        """The models that are served, by every name that a request may give."""
        return chat_response.models(self._service.names, self._born)

    async def model(self, name: str) -> dict[str, Any]:
        """One model."""
        if name not in self._service.names:
            raise _unknown(name, self._service.names)
        return chat_response.model(name, self._born).model_dump()

    async def chat(self, request: Request) -> Response:
        """A conversation with the chat model, or pages for the OCR model to read.

        For the OCR model the description of the body holds; the chat model takes what OpenAI's
        does: tools, response formats, log probabilities and so on.
        """
        late_s = self._late_s()
        body = await bodies.json_body(request)
        name = body.get("model")
        if not isinstance(name, str):
            message = f"model is missing; choose from: {', '.join(self._service.names)}"
            raise ApiError(400, "missing_required_parameter", message, param="model")
        for model in (self._service.ocr, self._service.chat):
            if model is not None and name in model.names:
                record = record_of(request.scope)
                record.fields["model"] = model.names[0]
                return await model.respond(body, record, late_s)
        raise _unknown(name, self._service.names)

    async def ocr(
        self,
        request: Request,
        stream: bool = Query(False, description="Send each page as soon as it is read."),
    ) -> Response:
        """Read a document: one result for every page, with blocks and boxes.

        With `stream` the answer is a line of JSON for each page, in the order in which they are
        done; a stream that breaks ends with a line that holds `error`.
        """
        late_s = self._late_s()
        asked = await self._ocr_asked(request)
        model = self._service.ocr
        if model is None or asked.model not in ("", *model.names):
            raise _unknown(asked.model or "ocr", model.names if model else ())
        record = record_of(request.scope)
        record.fields["model"] = model.names[0]
        return await model.respond_with_blocks(asked, stream, record, late_s)

    async def _ocr_asked(self, request: Request) -> OcrAsk:
        if bodies.media_type(request) != _FORM:
            return await bodies.off_loop(
                parse_ocr, await bodies.json_body(request), self._service.limits
            )
        async with request.form(
            max_files=1, max_fields=_FORM_FIELDS, max_part_size=self._service.limits.prompt_chars
        ) as form:
            fields, upload = await _form(form)
        return parse_ocr(fields, self._service.limits, upload)

    def _late_s(self) -> float:
        return time.monotonic() + self._service.limits.request_s


async def _form(form: FormData) -> tuple[dict[str, str], Attachment]:
    """The fields of a form, and the document in it."""
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if not files:
        message = "the form holds no file: send one, such as curl -F file=@document.pdf"
        raise ApiError(400, "missing_required_parameter", message, param="file")
    [(name, file)] = files.items()
    content = await file.read()
    if not content:
        raise ApiError(400, "empty", "the file has no bytes", param=name)
    return fields, Attachment(name, content, filename=file.filename or "")


def _unknown(name: str, known: tuple[str, ...]) -> ApiError:
    message = f"there is no model {plain(name)!r}; choose from: {', '.join(known) or 'none'}"
    return ApiError(404, "model_not_found", message, param="model")


# --- errors


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - FastAPI's own dispatch
    record_of(request.scope).note(error)
    return JSONResponse(error.body(), error.status, error.headers())


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - FastAPI's own dispatch
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    response = await _on_api_error(request, ApiError(error.status_code, code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI's own dispatch
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"][1:])
    return await _on_api_error(request, ApiError(400, "invalid_value", first["msg"], param=param))
