"""A stream begins when its documents are open, not when the first page is read."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import IngressConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, image, running


@pytest.fixture
def held() -> threading.Event:
    return threading.Event()


@pytest.fixture
def service(held: threading.Event) -> Iterator[Online]:
    def wait(request: Any) -> Any:
        held.wait(30)
        return HANDLERS["echo"](request)

    config = ServeConfig(
        engine={"kind": "fake"},
        chat=live_service.chat_config(),
        text_layer="never",
        ingress=IngressConfig(heartbeat_s=0.2),
    )
    with running(config, FakeEngine(wait)) as it:
        try:
            yield it
        finally:
            held.set()


def picture() -> bytes:
    return sample_documents.saved(sample_documents.corner_picture(60, 40), "PNG")


@contextmanager
def begun(service: Online, path: str, body: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
    """The response of a request, with its headers and not yet its body."""
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=10)
    with closing(connection):
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            yield response


def test_events_begin_before_the_first_page_is_read(service: Online, held: threading.Event) -> None:
    messages = [{"role": "user", "content": [image(picture())]}]
    body = {"model": "ocr", "messages": messages, "stream": True}
    with begun(service, "/v1/chat/completions", body) as response:
        assert response.status == 200
        first = json.loads(response.readline().removeprefix(b"data: "))
        assert first["choices"][0]["delta"]["role"] == "assistant"
        held.set()
        assert b"page of 60x40 px" in response.read()


def test_lines_begin_before_the_first_page_is_read(service: Online, held: threading.Event) -> None:
    with begun(service, "/v1/ocr?stream=1", {"document": data_uri(picture())}) as response:
        assert response.status == 200
        held.wait(0.7)
        held.set()
        [line] = response.read().splitlines()  # no empty line, which parsers choke on
    assert json.loads(line)["page"] == 1


def test_lines_have_heartbeats_where_they_are_asked_for(
    service: Online, held: threading.Event
) -> None:
    body = {"document": data_uri(picture())}
    with begun(service, "/v1/ocr?stream=1&heartbeat=1", body) as response:
        assert json.loads(response.readline()) == {"type": "heartbeat"}
        held.set()
        assert json.loads(response.read().splitlines()[-1])["page"] == 1


def test_a_document_that_cannot_be_opened_still_sets_the_status(service: Online) -> None:
    broken = {"document": data_uri(b"%PDF-", "application/pdf")}
    messages = [{"role": "user", "content": [image(b"junk")]}]
    body = {"model": "ocr", "messages": messages, "stream": True}
    for path, sent in (("/v1/ocr?stream=1", broken), ("/v1/chat/completions", body)):
        with begun(service, path, sent) as response:
            assert response.status == 422
