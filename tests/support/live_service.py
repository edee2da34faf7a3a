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

from pipeline.config import ChatConfig, Recipe
from pipeline.engines.base import Engine
from pipeline.engines.recipe import make_recipe
from pipeline.recognition.recognise import recognise
from pipeline.recognition.route import Routes
from pipeline.types import Recognition, Request
from serving.chat.fake import FakeChat
from serving.chat.handler import ChatModel
from serving.config import ServeConfig
from serving.http import routes
from serving.http.auth import Keys
from serving.http.middleware import Record, RequestMiddleware
from serving.http.rate_limit import Gate
from serving.ocr.handler import OcrModel
from serving.ocr.reader_pool import Readers
from serving.ocr.service import Ocr
from serving.ocr.url_fetch import Fetcher
from tests.support.job_process import free_port

CHAT = "deepseek-r1"


@dataclass
class Backend:
    """Runs an engine here, and remembers what it was asked."""

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
class Talk:
    """The fake chat model, and what became of its streams."""

    model: FakeChat
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        answer = await self.model.answer(body)
        assert isinstance(answer, dict)
        return answer

    async def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        self.bodies.append(body)
        answer = await self.model.answer(body)
        assert not isinstance(answer, dict)
        try:
            async for line in answer:
                yield line
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise


@dataclass
class Online:
    """A service that runs.

    Attributes:
        url: Where, without a path.
        backend: The OCR side.
        talk: The chat side.
        records: One for every request that is over.
        model: The OCR model's name.
        waiting: How many pages were still to be read, after every change.
        pages: What became of every page.
    """

    url: str
    backend: Backend
    talk: Talk
    readers: Readers
    records: list[Record]
    model: str
    waiting: list[int] = field(default_factory=list)
    pages: list[Recognition] = field(default_factory=list)

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
    backend, talk = Backend(engine, recipe), Talk(FakeChat(config.chat))
    readers = Readers(config.ingress.readers, config.read, config.render, config.input)
    records: list[Record] = []
    waiting, pages = list[int](), list[Recognition]()
    model = OcrModel(
        ("ocr", recipe.model),
        recipe,
        Ocr(readers, backend, config.limits, Routes(recipe), waiting.append),
        Fetcher(config.fetch),
        config,
        lambda _, page: pages.append(page),
    )

    async def states() -> dict[str, routes.ModelState]:
        return {"ocr": routes.ModelState(0, 0), CHAT: routes.ModelState(1, 1)}

    service = routes.Service(config.limits, model, ChatModel((CHAT,), talk, config), states)
    app = RequestMiddleware(
        routes.build(service),
        Keys(config.auth, environment or {}),
        Gate(config.auth),
        config.limits,
        config.http,
        records.append,
    )
    port = free_port()
    settings = uvicorn.Config(app, port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.01)
        url = f"http://127.0.0.1:{port}"
        yield Online(url, backend, talk, readers, records, "ocr", waiting, pages)
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
