"""A caller who goes away: the pages that are left are not read."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.types import Generation, Request
from serving.config import LimitConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, image, running
from tests.support.waiting import wait

PAGES = 8


class NeverEngine(FakeEngine):
    """Never answers."""

    def __init__(self) -> None:
        super().__init__(HANDLERS["echo"])
        self.pages = 0

    async def generate(self, request: Request) -> Generation:
        self.pages += 1
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")


@pytest.fixture
def service() -> Iterator[Online]:
    config = ServeConfig(
        engine={"kind": "fake"},
        chat=live_service.chat_config(fake_ms_per_word=100),
        text_layer="never",
        limits=LimitConfig(pages_in_flight=2),
    )
    with running(config, NeverEngine()) as it:
        yield it


def connect(service: Online, path: str, body: dict[str, Any]) -> socket.socket:
    """Send a request, and leave the connection open."""
    content = json.dumps(body).encode()
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def ocr_body() -> dict[str, Any]:
    return {"document": data_uri(sample_documents.text_pdf(PAGES), "application/pdf")}


def chat_body(stream: bool) -> dict[str, Any]:
    content = [image(sample_documents.text_pdf(PAGES), "application/pdf")]
    return {"model": "ocr", "stream": stream, "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ocr", ocr_body()),
        ("/v1/ocr?stream=1", ocr_body()),
        ("/v1/chat/completions", chat_body(stream=False)),
        ("/v1/chat/completions", chat_body(stream=True)),
    ],
)
def test_a_document_that_nobody_waits_for_is_not_read_on(
    service: Online, path: str, body: dict[str, Any]
) -> None:
    engine: Any = service.ocr.engine
    with connect(service, path, body):
        wait(lambda: engine.pages == 2, 30, 0.02)
    wait(lambda: service.log, 30, 0.02)
    assert service.ocr.cancelled == 2
    assert engine.pages == 2, "no page more was begun"
    assert service.pending[-1] == 0
    assert service.log[0].status in (200, 499)
    if "stream" not in path and not body.get("stream"):
        assert service.log[0].status == 499


def test_a_chat_answer_that_nobody_waits_for_is_not_written_on(service: Online) -> None:
    messages = [{"role": "user", "content": "word " * 600}]
    body = {"model": live_service.CHAT, "messages": messages, "stream": True}
    with connect(service, "/v1/chat/completions", body) as connection:
        assert b"200 OK" in connection.recv(1000)
    wait(lambda: service.log, 30, 0.02)
    assert service.chat_backend.cancelled == 1
