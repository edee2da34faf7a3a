"""Requests that are drawn from the service's own description: what it says holds, and no 500."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from pipeline.config import RenderConfig
from pipeline.engines.fake import HANDLERS, FakeEngine
from serving import routes
from serving.chat.handler import ChatHandler
from serving.config import LimitConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, running

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
]
MODELS = ("ocr", "ocr", "ocr", live_service.CHAT)
SENT = [
    data_uri(sample_documents.saved(sample_documents.corner_picture(), "PNG")),
    data_uri(sample_documents.saved(sample_documents.corner_picture(300, 200), "PNG")),
    data_uri(sample_documents.saved(sample_documents.corner_picture(), "JPEG"), "image/jpeg"),
    data_uri(sample_documents.text_pdf(2), "application/pdf"),
    data_uri(sample_documents.text_pdf(4), "application/pdf"),  # more pages than allowed
    data_uri(b"no picture"),
]
"""Stands where a document can stand, in turns. Only images come to the engine."""

CONFIG = ServeConfig.model_validate(
    {
        "engine": {"kind": "fake"},
        "chat": live_service.chat_config(),
        "limits": LimitConfig(body_mib=1, pages=3, images=2, prompt_chars=5000, request_s=20),
        "render": RenderConfig(max_image_pixels=1_000_000),
    }
)


def _description() -> dict[str, Any]:
    """The description as the routes give it; no model has to be there for it."""
    talk: Any = None
    chat = ChatHandler((live_service.CHAT,), talk, CONFIG)
    return routes.build(routes.Handlers(CONFIG.limits, None, chat, talk)).openapi()


schemathesis.serializer.alias(["application/pdf", "image/tiff"], "application/octet-stream")
described = schemathesis.openapi.from_dict(_description())
bounded = settings(
    max_examples=40,
    derandomize=True,  # the description is the input: what it says is tried the same way each time
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    with running(CONFIG, FakeEngine(HANDLERS["echo"])) as it:
        yield it


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as it:
        yield it


def test_the_service_describes_itself_so(service: Online) -> None:
    assert service.get("/openapi.json").json == _description()


@described.parametrize()
@bounded
def test_what_the_description_says_holds(
    case: schemathesis.Case, service: Online, session: requests.Session
) -> None:
    answer = case.call(service.url, session, timeout=30)
    case.validate_response(answer, checks=_checks(case))


@described.include(method="POST").parametrize()
@bounded
def test_it_holds_with_documents_that_can_be_read(
    case: schemathesis.Case, service: Online, session: requests.Session
) -> None:
    """Random words are no document, so without help nothing random gets past the first look."""
    case.body = _helped(case.body)
    answer = case.call(service.url, session, timeout=30)
    case.validate_response(answer, checks=CHECKS)


def test_the_service_is_alive_after_all_of_them(service: Online) -> None:
    assert service.get("/health").status == 200
    statuses = {record.status for record in service.log}
    assert {200, 400, 404} <= statuses
    assert service.ocr.requests  # some of it went all the way
    assert service.chat_backend.bodies


def _checks(case: schemathesis.Case) -> list[Any]:
    """Wrong types are refused where they can be sent.

    A field of a form is text whatever its value was, and a list is so many fields of one name: an
    empty list for a text is a form without that field, which is a good one.
    """
    if case.media_type == "multipart/form-data":
        return CHECKS
    return [*CHECKS, negative_data_rejection]


def _helped(body: Any) -> Any:
    """The body with documents, or with words where it goes to the chat model."""
    body = _with_documents(body)
    if isinstance(body, dict) and body.get("model") == live_service.CHAT and "messages" in body:
        body["messages"] = [{"role": "user", "content": "one two"}]
    return body


def _with_documents(body: Any) -> Any:
    """The body, with a document wherever one can stand."""
    if isinstance(body, list):
        return [_with_documents(value) for value in body]
    if not isinstance(body, dict):
        return body
    return {name: _filled(name, value) for name, value in body.items()}


def _filled(name: str, value: Any) -> Any:
    if name in ("document", "file_data", "url") and isinstance(value, str):
        return _chosen(SENT, value)
    if name == "model":
        return _chosen(MODELS, value)
    return _with_documents(value)


def _chosen(options: Sequence[str], value: Any) -> str:
    """One of the options, always the same for the same value."""
    return options[crc32(repr(value).encode()) % len(options)]
