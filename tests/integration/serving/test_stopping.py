"""What becomes of requests when the service stops, in this process. `test_app.py` has Ray's."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.types import Generation, Request
from serving.config import LimitConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Answer, Online, data_uri, image, running

GRACE_S = 0.5


class HeldEngine(FakeEngine):
    """Reads the first page at once and holds all others until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(HANDLERS["echo"])
        self.go_on = threading.Event()
        self.pages = 0

    async def generate(self, request: Request) -> Generation:
        self.pages += 1
        if self.pages > 1:
            await asyncio.to_thread(self.go_on.wait, 30)
        return await super().generate(request)


@pytest.fixture
def service() -> Iterator[Online]:
    config = ServeConfig(
        engine={"kind": "fake"},
        chat=live_service.chat_config(),
        text_layer="never",
        limits=LimitConfig(pages_in_flight=1),
    )
    engine = HeldEngine()
    with running(config, engine) as it:
        try:
            yield it
        finally:
            engine.go_on.set()


def document() -> bytes:
    return sample_documents.text_pdf(3)


def held(service: Online, ask: Callable[[], Answer], pool: ThreadPoolExecutor) -> Future[Answer]:
    """A request whose first page is read and whose others wait."""
    future = pool.submit(ask)
    engine: Any = service.ocr.engine
    deadline = time.monotonic() + 20
    while engine.pages < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return future


def drain(service: Online, grace_s: float) -> int:
    """End the answers, in the event loop of the service."""
    loop = next(iter(service.drain._running)).get_loop()
    return asyncio.run_coroutine_threadsafe(service.drain.finish(grace_s), loop).result(30)


def ask_chat(service: Online, stream: bool) -> Callable[[], Answer]:
    return lambda: service.chat(image(document(), "application/pdf"), stream=stream)


def ask_ocr(service: Online, stream: bool) -> Callable[[], Answer]:
    body = {"document": data_uri(document(), "application/pdf")}
    return lambda: service.post(f"/v1/ocr?stream={int(stream)}", body)


@pytest.mark.parametrize("ask", [ask_chat, ask_ocr])
def test_an_answer_that_is_not_finished_in_time_gets_an_error(
    service: Online, ask: Callable[[Online, bool], Callable[[], Answer]]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        future = held(service, ask(service, False), pool)
        assert drain(service, GRACE_S) == 1
        answer = future.result(20)
    assert (answer.status, answer.error["code"]) == (503, "stopping")
    assert answer.headers["Retry-After"] == "5"


def test_a_stream_of_events_ends_with_the_error(service: Online) -> None:
    with ThreadPoolExecutor(1) as pool:
        future = held(service, ask_chat(service, True), pool)
        assert drain(service, GRACE_S) == 1
        answer = future.result(20)
    *events, last = [event for event in answer.body.decode().split("\n\n") if event]
    assert answer.status == 200
    assert any("page of" in event for event in events)
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stopping"
    assert service.log[-1].error == "stopping"


def test_a_stream_of_lines_ends_with_the_error(service: Online) -> None:
    with ThreadPoolExecutor(1) as pool:
        future = held(service, ask_ocr(service, True), pool)
        assert drain(service, GRACE_S) == 1
        answer = future.result(20)
    *pages, last = [line for line in answer.body.decode().splitlines() if line]
    assert len(pages) == 1
    assert json.loads(last)["error"]["code"] == "stopping"


def test_answers_that_have_begun_are_finished_and_new_requests_refused(service: Online) -> None:
    engine: Any = service.ocr.engine
    with ThreadPoolExecutor(2) as pool:
        future = held(service, ask_ocr(service, False), pool)
        ending = pool.submit(drain, service, 30)
        while not service.drain._is_stopping:
            time.sleep(0.01)
        for answer in (service.get("/health"), service.get("/v1/models")):
            assert (answer.status, answer.error["code"]) == (503, "stopping")
        engine.go_on.set()
        assert ending.result(20) == 0
        answer = future.result(20)
    assert [page["status"] for page in answer.json["pages"]] == ["ok"] * 3


def test_answers_are_cut_off_before_their_time_is_over(service: Online) -> None:
    with ThreadPoolExecutor(2) as pool:
        future = held(service, ask_chat(service, False), pool)
        loop = next(iter(service.drain._running)).get_loop()
        first, second = (
            asyncio.run_coroutine_threadsafe(service.drain.finish(grace_s), loop)
            for grace_s in (60, 0)
        )
        assert second.result(20) == 1
        first.result(20)
        assert future.result(20).error["code"] == "stopping"


def test_nothing_runs_nothing_is_cut(service: Online) -> None:
    assert asyncio.run(service.drain.finish(0)) == 0
    assert service.get("/health").status == 503
