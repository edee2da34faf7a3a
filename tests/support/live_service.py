"""The online service in this process, without Ray: the real routes, readers and engines."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import urllib.request
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError

import uvicorn

from pipeline.config import Recipe
from pipeline.engines.base import Engine
from pipeline.engines.recipe import make_recipe
from pipeline.recognition.recognise import recognise
from pipeline.types import Recognition, Request
from serving import routes
from serving.chat.fake import FakeChatEngine
from serving.chat.handler import ChatHandler
from serving.config import ChatConfig, ServeConfig
from serving.http.auth import Keys
from serving.http.drain import Drain
from serving.http.middleware import LogEntry, RequestMiddleware
from serving.http.rate_limit import RateLimiter
from serving.http.url_fetch import Fetcher
from serving.jobs.service import OcrParts, Reports
from serving.ocr.handler import OcrHandler
from serving.ocr.reader_pool import ReaderPool
from serving.ocr.service import OcrService
from tests.support.job_process import free_port

CHAT = "deepseek-r1"


@dataclass
class LocalOcr:
    """Runs an engine in this process and records its requests."""

    engine: Engine
    recipe: Recipe
    requests: list[Request] = field(default_factory=list)
    cancelled: int = 0

    async def recognise(self, request: Request) -> Recognition:
        self.requests.append(request)
        try:
            return await recognise(self.engine, request, self.recipe)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@dataclass
class LocalChat:
    """Runs the fake chat engine in this process; records its requests and cancelled streams."""

    engine: FakeChatEngine
    bodies: list[dict[str, Any]] = field(default_factory=list)
    cancelled: int = 0

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        answer = await self.engine.answer(body)
        assert isinstance(answer, dict)
        return answer

    async def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        self.bodies.append(body)
        answer = await self.engine.answer(body)
        assert not isinstance(answer, dict)
        try:
            async for line in answer:
                yield line
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


@dataclass
class Online:
    """A service that runs.

    Attributes:
        url: Its address, without a path.
        ocr: The OCR backend.
        chat_backend: The chat backend.
        readers: The reader processes.
        log: The log entries of all requests that have ended.
        model: The OCR model's name.
        pending: How many pages were still to be read, after every change.
        pages: The result of every page.
        drain: Ends the answers when the service stops.
        jobs_ended: Kind and status of every job and batch that has ended.
    """

    url: str
    ocr: LocalOcr
    chat_backend: LocalChat
    readers: ReaderPool
    log: list[LogEntry]
    model: str
    pending: list[int] = field(default_factory=list)
    pages: list[Recognition] = field(default_factory=list)
    drain: Drain = field(default_factory=Drain)
    jobs_ended: list[tuple[str, str]] = field(default_factory=list)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return ask(urllib.request.Request(self.url + path, headers=dict(headers or {})))

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, method="POST")
        for name, value in ({"Content-Type": "application/json"} | dict(headers or {})).items():
            request.add_header(name, value)
        return ask(request)

    def chat(self, *parts: Any, **more: Any) -> Answer:
        """A chat completion of the OCR model."""
        messages = [{"role": "user", "content": list(parts)}]
        body = {"model": self.model, "messages": messages} | more
        return self.post("/v1/chat/completions", body)


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


def ask(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


@contextmanager
def running(
    config: ServeConfig, engine: Engine, environment: Mapping[str, str] | None = None
) -> Iterator[Online]:
    """Serve a config with an engine, on a free port."""
    recipe = make_recipe(config, "onnx" if config.engine.kind == "onnx" else "fake")
    ocr, chat = LocalOcr(engine, recipe), LocalChat(FakeChatEngine(config.chat))
    readers = ReaderPool(
        config.ingress.readers, config.ingress.slow_read_s, config.read, config.render, config.input
    )
    log: list[LogEntry] = []
    jobs_ended: list[tuple[str, str]] = []
    pending, pages = list[int](), list[Recognition]()
    model = OcrHandler(
        ("ocr", recipe.model),
        recipe,
        OcrService(recipe, readers, ocr, config.limits, pending.append),
        Fetcher(config.fetch),
        config,
        lambda _, page: pages.append(page),
    )

    async def states() -> dict[str, routes.ModelState]:
        return {"ocr": routes.ModelState(0, 0), CHAT: routes.ModelState(1, 1)}

    handlers = routes.Handlers(
        config.limits, model, ChatHandler((CHAT,), chat, config), states
    ).with_jobs(
        config,
        OcrParts(model, readers, ocr),
        Reports(lambda *ended: jobs_ended.append(ended), log.append),
    )
    drain = Drain()
    app = RequestMiddleware(
        routes.build(handlers, has_page=config.ingress.page),
        Keys(config.auth, environment or {}),
        RateLimiter(config.auth),
        config.limits,
        config.http,
        drain,
        log.append,
    )
    port = free_port()
    settings = uvicorn.Config(app, port=port, log_level="error", lifespan="on")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.01)
        url = f"http://127.0.0.1:{port}"
        yield Online(url, ocr, chat, readers, log, "ocr", pending, pages, drain, jobs_ended)
    finally:
        server.should_exit = True
        thread.join()
        readers.close()


def image(content: bytes, media_type: str = "image/png") -> dict[str, Any]:
    """The part of a message that holds a picture or document."""
    return {"type": "image_url", "image_url": {"url": data_uri(content, media_type)}}


def data_uri(content: bytes, media_type: str = "image/png") -> str:
    """A data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def text(words: str) -> dict[str, Any]:
    """The part of a message that holds words."""
    return {"type": "text", "text": words}


def chat_config(**more: Any) -> ChatConfig:
    """A fake chat model."""
    return ChatConfig(kind="fake", name=CHAT, **more)
