"""The Ray Serve deployments: the ingress, and one for each model.

The ingress is a deployment of its own without a GPU, so it answers, opens documents and refuses bad
requests while no replica of a model runs. Only a page that needs the engine, or a conversation,
starts one.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import numpy as np
from ray import serve
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from pipeline.config import EngineConfig, Recipe
from pipeline.engines.registry import SPECS, build_engine, build_second_engine
from pipeline.engines.request import prepare_request
from pipeline.errors import ConfigError, JobError
from pipeline.recognition.recognise import recognise
from pipeline.types import PageImage, Recognition, Request
from serving import replica, routes, tracing
from serving.chat import engine as chat_engine
from serving.chat.handler import ChatHandler
from serving.config import ChatConfig, ServeConfig
from serving.gcs_connection import keep_connected
from serving.http import streaming
from serving.http.auth import Keys
from serving.http.drain import Drain
from serving.http.middleware import OPEN_PATHS, LogEntry, RequestMiddleware
from serving.http.rate_limit import RateLimiter
from serving.http.url_fetch import Fetcher
from serving.jobs.service import OcrParts, Reports
from serving.metrics import Metrics
from serving.ocr.handler import OcrHandler
from serving.ocr.reader_pool import ReaderPool
from serving.ocr.service import OcrService
from serving.replica_calls import Replicas
from serving.replica_counts import ReplicaCounts

OCR, CHAT, INGRESS = "Ocr", "Chat", "Ingress"
"""Names of the deployments."""


QUIET_LOGGING: Final = LoggingConfig(log_level="ERROR", enable_access_log=False, encoding="JSON")
"""Serve's own logs. The access log is written by `Ingress`."""

_access_log = logging.getLogger("rayscribe.requests")
_WARM_UP_PX: Final = 64
_WARM_UP_TOKENS: Final = 8


class OcrReplica:
    """One OCR engine. It reads a blank page before it is healthy and gets requests.

    Args:
        engine: The engine and how it is run.
        recipe: How pages are read.
        self_test: Whether the engine tests itself before its first page.
    """

    def __init__(self, engine: EngineConfig, recipe: Recipe, self_test: bool) -> None:
        replica.prepare()
        self._engine = build_engine(engine, self_test)
        self._second = build_second_engine(recipe)
        self._recipe = recipe
        self._fatal_error = ""
        self._is_warm = False

    async def recognise(self, request: Request, trace: dict[str, str]) -> Recognition:
        """Read one page.

        Args:
            request: The page.
            trace: The span around the call, see `serving.tracing.carrier`.
        """
        try:
            with tracing.span("engine", trace) as tags:
                recognition = await recognise(self._engine, request, self._recipe, self._second)
                tags |= {"status": recognition.status, "attempts": len(recognition.attempts)}
                return recognition
        except (ConfigError, JobError) as error:
            self._fatal_error = str(error)  # every other page would fail here too
            raise

    async def check_health(self) -> None:
        """Called by Serve, which replaces the replica if this raises.

        Raises:
            RuntimeError: The engine cannot read any page.
        """
        if not self._is_warm:
            await self._warm_up()
        if self._fatal_error:
            raise RuntimeError(self._fatal_error)

    async def _warm_up(self) -> None:
        page = PageImage(np.full((_WARM_UP_PX, _WARM_UP_PX, 3), 255, np.uint8), 0.0)
        await self.recognise(prepare_request(page, self._recipe, max_tokens=_WARM_UP_TOKENS), {})
        self._is_warm = True

    async def export_spans(self) -> None:
        """Export what has been recorded; the service is about to end."""
        await asyncio.to_thread(tracing.flush)

    def __del__(self) -> None:
        """Called by Serve before the process ends."""
        tracing.flush()


class ChatReplica:
    """One chat engine.

    Args:
        config: The model and how it is run.
        events_per_s: Maximum events per second over all streams of the replica.
    """

    def __init__(self, config: ChatConfig, events_per_s: float) -> None:
        replica.prepare()
        self._engine = chat_engine.build(config)
        self._streams = 0
        self._events_per_s = events_per_s

    async def complete(self, body: dict[str, Any], trace: dict[str, str]) -> dict[str, Any]:
        """Answer in one piece.

        Args:
            body: The request.
            trace: As for `OcrReplica.recognise`.

        Raises:
            ApiError: The request is wrong, or the engine failed.
        """
        with tracing.span("engine", trace):
            answer = await self._engine.answer(body)
        assert isinstance(answer, dict)  # noqa: S101 - the body has no `stream`
        return answer

    async def stream(self, body: dict[str, Any], trace: dict[str, str]) -> AsyncIterator[str]:
        """Answer as server-sent events; under load several of them are one piece.

        Args:
            body: The request.
            trace: As for `OcrReplica.recognise`.

        Raises:
            ApiError: The request is wrong, or the engine failed.
        """
        begin_ns = tracing.now_ns()
        answer = await self._engine.answer(body)
        assert not isinstance(answer, dict)  # noqa: S101 - the body has `stream`
        self._streams += 1
        try:
            async with aclosing(streaming.coalesce(answer, self._pause_s)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._streams -= 1
            tracing.record("engine", trace, begin_ns)

    async def export_spans(self) -> None:
        """Export what has been recorded; the service is about to end."""
        await asyncio.to_thread(tracing.flush)

    def __del__(self) -> None:
        """Called by Serve before the process ends."""
        tracing.flush()

    def _pause_s(self) -> float:
        return self._streams / self._events_per_s

    async def check_health(self) -> None:
        """Called by Serve, which replaces the replica if this raises.

        Raises:
            RuntimeError: The engine is dead.
        """
        if not await self._engine.healthy():
            raise RuntimeError("the chat engine is dead")


class _RemoteOcr:
    """The OCR replicas as a `serving.ocr.service.OcrBackend`."""

    def __init__(self, handle: DeploymentHandle, replicas: Replicas) -> None:
        self._handle = handle
        self._replicas = replicas

    async def recognise(self, request: Request) -> Recognition:
        trace = tracing.carrier()
        return await self._replicas.call(lambda: self._handle.recognise.remote(request, trace))


class _RemoteChat:
    """The chat replicas as a `serving.chat.handler.ChatBackend`."""

    def __init__(self, handle: DeploymentHandle, replicas: Replicas) -> None:
        # By value, over gRPC: through the object store a token takes four times as long.
        self._handle = handle.options(_by_reference=False)
        self._streaming = handle.options(stream=True, _by_reference=False)
        self._replicas = replicas

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        trace = tracing.carrier()
        return await self._replicas.call(lambda: self._handle.complete.remote(body, trace))

    def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        trace = tracing.carrier()
        return self._replicas.stream(lambda: self._streaming.stream.remote(body, trace))


@serve.ingress()
class Ingress:
    """Answers HTTP.

    Args:
        config: The service's settings.
        recipe: How the OCR model's pages are read, None where none is served.
        ocr: The OCR deployment, None where none is served.
        chat: The chat deployment, None where none is served.
    """

    def __init__(
        self,
        config: ServeConfig,
        recipe: Recipe | None,
        ocr: DeploymentHandle | None,
        chat: DeploymentHandle | None,
    ) -> None:
        replica.prepare()
        keep_connected()
        _log_to_stderr()
        self._metrics = Metrics()
        self._keys = Keys(config.auth, os.environ)
        self._counts = ReplicaCounts({OCR: config.scale.ocr, CHAT: config.scale.chat})
        self._config = config
        self._drain = Drain()
        parts = self._ocr_parts(ocr, recipe) if ocr and recipe else None
        self._handlers = routes.Handlers(
            limits=config.limits,
            ocr=parts.handler if parts else None,
            chat=self._chat_handler(chat) if chat else None,
            states=self._counts.by_model,
        ).with_jobs(config, parts, Reports(self._metrics.job, self._metrics.request))

    def _ocr_parts(self, handle: DeploymentHandle, recipe: Recipe) -> OcrParts:
        config = self._config
        names = ocr_names(config, recipe)
        readers = ReaderPool(
            config.ingress.readers,
            config.ingress.slow_read_s,
            config.read,
            config.render,
            config.input,
        )
        backend = _RemoteOcr(handle, self._replicas(OCR, names[0]))
        pending = partial(self._metrics.pending, names[0])
        service = OcrService(recipe, readers, backend, config.limits, pending)
        fetcher, on_page = Fetcher(config.fetch), self._metrics.page
        handler = OcrHandler(names, recipe, service, fetcher, config, on_page)
        return OcrParts(handler, readers, backend)

    def _chat_handler(self, handle: DeploymentHandle) -> ChatHandler:
        config = self._config.chat
        backend = _RemoteChat(handle, self._replicas(CHAT, config.name))
        names = tuple(dict.fromkeys((config.name, config.model)))
        return ChatHandler(names, backend, self._config)

    def _replicas(self, deployment: str, model_name: str) -> Replicas:
        self._counts.add(deployment, model_name)
        running = partial(self._counts.running, deployment)
        retries = self._config.ingress.retries
        return Replicas(model_name, running, self._config.limits.cold_wait_s, retries)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Called by Serve on the replica, after the constructor."""
        config = self._config
        app = RequestMiddleware(
            routes.build(self._handlers, has_page=config.ingress.page),
            self._keys,
            RateLimiter(config.auth),
            config.limits,
            config.http,
            self._drain,
            self._finish,
        )
        if not config.http.cors_origins:
            return app
        # Outermost: browsers send the preflight request without a key.
        origins, methods = list(config.http.cors_origins), ["GET", "POST", "DELETE"]
        return CORSMiddleware(
            app, allow_origins=origins, allow_methods=methods, allow_headers=["*"]
        )

    async def drain(self, grace_s: float) -> int:
        """Refuse new requests and end the running ones; how many were cut off.

        Args:
            grace_s: Seconds that they get.
        """
        jobs = self._handlers.jobs
        # Beside the answers: it takes minutes where the store of the jobs does not answer.
        cut = await self._drain.finish(grace_s, jobs.runner.close() if jobs is not None else None)
        await asyncio.to_thread(tracing.flush)
        return cut

    def _finish(self, entry: LogEntry) -> None:
        if entry.path not in OPEN_PATHS:  # probes would be most of the log
            _access_log.info(entry.line())
        self._metrics.request(entry)


def ocr_names(config: ServeConfig, recipe: Recipe) -> tuple[str, ...]:
    """The names of the OCR model in requests, the one for answers first."""
    name = config.ocr.name or SPECS[recipe.engine].online_name(config.engine)
    return tuple(dict.fromkeys((name, recipe.model)))


def _log_to_stderr() -> None:
    """Write the access log to stderr: one line of JSON for each request, without a prefix."""
    if not _access_log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        _access_log.addHandler(handler)
        _access_log.setLevel(logging.INFO)
        _access_log.propagate = False
