"""The Ray Serve application: an ingress, and one deployment for each model.

`build` is the `import_path` of Serve's config. The ingress needs no GPU and is a deployment of
its own, so it answers, opens documents and refuses bad requests while no model runs; only a page
or a conversation that is worth it wakes one.
"""

import asyncio
import logging
import math
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import numpy as np
import ray
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from pipeline.config import ChatConfig, EngineConfig, Recipe
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import (
    SPECS,
    build_engine,
    build_second_engine,
    choose_engine,
    has_gpu_engine,
    pages_in_flight,
    spec_of,
)
from pipeline.engines.request import prepare_request
from pipeline.errors import ConfigError, JobError
from pipeline.recognition.recognise import recognise
from pipeline.recognition.route import Routes
from pipeline.types import PageImage, Recognition, Request
from serving.chat import engine as chat
from serving.chat.handler import ChatModel
from serving.config import IngressConfig, ScaleConfig, ServeConfig
from serving.http import routes, streaming
from serving.http.auth import Keys
from serving.http.middleware import OPEN_PATHS, Record, RequestMiddleware
from serving.http.rate_limit import Gate
from serving.metrics import Metrics
from serving.ocr.handler import OcrModel
from serving.ocr.reader_pool import Readers
from serving.ocr.service import Ocr
from serving.ocr.url_fetch import Fetcher
from serving.replica_calls import Replicas

OCR, CHAT, INGRESS = "Ocr", "Chat", "Ingress"
"""Names of the deployments."""

QUIET: Final = LoggingConfig(log_level="ERROR", enable_access_log=False)
"""What Serve itself says. Requests have a line of ours."""

_requests = logging.getLogger("rayscribe.requests")
_WARM_PX: Final = 64
_WARM_TOKENS: Final = 8
_HEALTH_S: Final = 10.0
_METRICS_S: Final = 10.0
_A_LITTLE: Final = 0.001
"""Of the head node: enough to be there."""


_ONE_LOOP: Final = {
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
}
"""For the ingress and chat: every piece of a stream would change threads four times in each.
Nothing there blocks for long, so they need no loop of their own beside Serve's."""


class OcrReplica:
    """One engine. It has read a page of its own before it takes the first of a caller."""

    def __init__(self, engine: EngineConfig, recipe: Recipe, self_test: bool) -> None:
        self._engine = build_engine(engine, self_test)
        self._second = build_second_engine(recipe)
        self._recipe = recipe
        self._fault = ""
        self._warm = False

    async def recognise(self, request: Request) -> Recognition:
        """Read one page."""
        try:
            return await recognise(self._engine, request, self._recipe, self._second)
        except (ConfigError, JobError) as error:
            self._fault = str(error)  # no page will go better here
            raise

    async def check_health(self) -> None:
        """Serve ends a replica whose engine cannot go on, and starts another."""
        if not self._warm:
            await self._warm_up()
        if self._fault:
            raise RuntimeError(self._fault)

    async def _warm_up(self) -> None:
        page = PageImage(np.full((_WARM_PX, _WARM_PX, 3), 255, np.uint8), 0.0)
        await self.recognise(prepare_request(page, self._recipe, max_tokens=_WARM_TOKENS))
        self._warm = True


class ChatReplica:
    """One chat model."""

    def __init__(self, config: ChatConfig, events_per_s: float) -> None:
        self._model = chat.build(config)
        self._streams = 0
        self._events_per_s = events_per_s

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer in one piece.

        Raises:
            ApiError: The request is wrong, or the engine failed.
        """
        answer = await self._model.answer(body)
        assert isinstance(answer, dict)  # noqa: S101 - the body asks for no stream
        return answer

    async def stream(self, body: dict[str, Any]) -> AsyncIterator[str]:
        """Answer as the events of an event stream, under load several in one piece.

        Raises:
            ApiError: The request is wrong, or the engine failed.
        """
        answer = await self._model.answer(body)
        assert not isinstance(answer, dict)  # noqa: S101 - the body asks for one
        self._streams += 1
        try:
            async with aclosing(streaming.joined(answer, self._pause_s)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._streams -= 1

    def _pause_s(self) -> float:
        return self._streams / self._events_per_s

    async def check_health(self) -> None:
        """Serve ends a replica whose engine is dead, and starts another."""
        if not await self._model.healthy():
            raise RuntimeError("the chat engine is dead")


class _OcrBackend:
    """The OCR replicas, as `serving.ocr.service` wants them."""

    def __init__(self, handle: DeploymentHandle, replicas: Replicas) -> None:
        self._handle = handle
        self._replicas = replicas

    async def recognise(self, request: Request) -> Recognition:
        return await self._replicas.call(lambda: self._handle.recognise.remote(request))


class _ChatBackend:
    """The chat replicas, as `serving.http.routes` wants them."""

    def __init__(self, handle: DeploymentHandle, replicas: Replicas) -> None:
        # By value, over gRPC: through the object store a token takes four times as long.
        self._handle = handle.options(_by_reference=False)
        self._streaming = handle.options(stream=True, _by_reference=False)
        self._replicas = replicas

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._replicas.call(lambda: self._handle.complete.remote(body))

    def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        return self._replicas.stream(lambda: self._streaming.stream.remote(body))


@serve.ingress()
class Ingress:
    """Answers HTTP. The application is built on the replica, from what it was given."""

    def __init__(
        self,
        config: ServeConfig,
        recipe: Recipe | None,
        ocr: DeploymentHandle | None,
        chat_model: DeploymentHandle | None,
    ) -> None:
        _log_to_stderr()
        self._metrics = Metrics()
        self._keys = Keys(config.auth, os.environ)
        self._states = States({OCR: config.scale.ocr, CHAT: config.scale.chat})
        self._config = config
        self._service = routes.Service(
            limits=config.limits,
            ocr=self._ocr(ocr, recipe) if ocr and recipe else None,
            chat=self._chat(chat_model) if chat_model else None,
            states=self._states.by_name,
        )

    def _ocr(self, handle: DeploymentHandle, recipe: Recipe) -> OcrModel:
        config = self._config
        names = ocr_names(config, recipe)
        backend = _OcrBackend(handle, self._replicas(OCR, names[0]))
        readers = Readers(config.ingress.readers, config.read, config.render, config.input)
        waiting = partial(self._metrics.waiting, names[0])
        ocr = Ocr(readers, backend, config.limits, Routes(recipe), waiting)
        return OcrModel(names, recipe, ocr, Fetcher(config.fetch), config, self._metrics.page)

    def _chat(self, handle: DeploymentHandle) -> ChatModel:
        config = self._config.chat
        backend = _ChatBackend(handle, self._replicas(CHAT, config.name))
        names = tuple(dict.fromkeys((config.name, config.model)))
        return ChatModel(names, backend, self._config)

    def _replicas(self, deployment: str, name: str) -> Replicas:
        self._states.names[deployment] = name
        running = partial(self._states.running, deployment)
        retries = self._config.ingress.retries
        return Replicas(name, running, self._config.limits.cold_wait_s, retries)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Called by Serve on the replica, after the constructor."""
        config = self._config
        gate = Gate(config.auth)
        app = RequestMiddleware(
            routes.build(self._service), self._keys, gate, config.limits, config.http, self._done
        )
        if not config.http.cors_origins:
            return app
        # Outside of the door: a browser asks without a key whether it may send one.
        origins, methods = list(config.http.cors_origins), ["GET", "POST"]
        return CORSMiddleware(
            app, allow_origins=origins, allow_methods=methods, allow_headers=["*"]
        )

    def _done(self, record: Record) -> None:
        if record.path not in OPEN_PATHS:  # probes would be most of the log
            _requests.info(record.line())
        self._metrics.request(record)


class States:
    """Counts replicas by asking Serve's controller, which wakes nobody."""

    def __init__(self, scales: dict[str, ScaleConfig]) -> None:
        self.names: dict[str, str] = {}
        self._scales = scales
        self._app = serve.get_replica_context().app_name

    async def by_name(self) -> dict[str, routes.ModelState]:
        """The state of every model that is served."""
        counts = await asyncio.to_thread(self._counts)
        return {
            name: routes.ModelState(
                counts.get(deployment, 0), self._scales[deployment].min_replicas
            )
            for deployment, name in self.names.items()
        }

    async def running(self, deployment: str) -> int | None:
        """Replicas of a deployment that answer now; None where nobody knows."""
        counts = await asyncio.to_thread(self._counts)
        return counts.get(deployment) if counts else None

    def _counts(self) -> dict[str, int]:
        app = serve.status().applications.get(self._app)
        if app is None:
            return {}
        return {
            name: deployment.replica_states.get("RUNNING", 0)
            for name, deployment in app.deployments.items()
        }


def ocr_names(config: ServeConfig, recipe: Recipe) -> tuple[str, ...]:
    """What the OCR model is called in requests. No engine goes by the name of another."""
    name = config.ocr.name or SPECS[recipe.engine].online_name(config.engine)
    return tuple(dict.fromkeys((name, recipe.model)))


def build(config: ServeConfig) -> Application:
    """The application of a config: Serve's `import_path` is ``serving.app:build``.

    Args:
        config: Serve passes its `args`, which have the shape of `ServeConfig`.

    Raises:
        ConfigError: The engine is not there, or does not know the task.
    """
    recipe, ocr, chat_model = None, None, None
    if "ocr" in config.models:
        kind = choose_engine(config.engine, has_gpu=_has_gpu())
        engine = config.engine.model_copy(update={"kind": kind})
        recipe = make_recipe(config, kind)
        gpus = spec_of(engine).resources(engine).gpus
        options = _options(OCR, config.scale.ocr, pages_in_flight(engine), gpus)
        ocr = serve.deployment(OcrReplica, **options).bind(engine, recipe, config.self_test)
    if "chat" in config.models:
        gpus = config.chat.num_gpus if config.chat.kind == "vllm" else 0.0
        options = _options(CHAT, config.scale.chat, config.chat.max_num_seqs, gpus)
        options["ray_actor_options"]["runtime_env"] = {"env_vars": _ONE_LOOP}
        chat_model = serve.deployment(ChatReplica, **options).bind(
            config.chat, config.ingress.events_per_s
        )
    ingress = serve.deployment(
        Ingress,
        name=INGRESS,
        num_replicas=config.ingress.replicas,
        max_ongoing_requests=config.ingress.max_ongoing_requests,
        graceful_shutdown_timeout_s=config.limits.request_s,
        logging_config=QUIET,
        ray_actor_options=_ingress_resources(config.ingress),
    )
    return ingress.bind(config, recipe, ocr, chat_model)


def _options(name: str, scale: ScaleConfig, suits: int, gpus: float) -> dict[str, Any]:
    """The options of a model's deployment.

    Args:
        name: The deployment.
        scale: How many replicas.
        suits: Requests at a time that suit the engine.
        gpus: GPUs that the engine needs.
    """
    at_a_time = scale.max_ongoing_requests or max(suits, math.ceil(scale.target_ongoing_requests))
    return {
        "name": name,
        "max_ongoing_requests": at_a_time,
        "max_queued_requests": scale.max_queued_requests,
        "graceful_shutdown_timeout_s": scale.drain_s,
        "health_check_period_s": _HEALTH_S,
        "logging_config": QUIET,
        "ray_actor_options": {
            "num_cpus": scale.num_cpus,
            "num_gpus": gpus if scale.num_gpus is None else scale.num_gpus,
        },
        "autoscaling_config": AutoscalingConfig(
            min_replicas=scale.min_replicas,
            max_replicas=scale.max_replicas,
            target_ongoing_requests=scale.target_ongoing_requests,
            upscale_delay_s=scale.upscale_delay_s,
            downscale_delay_s=scale.downscale_delay_s,
            look_back_period_s=scale.look_back_s,
            metrics_interval_s=min(_METRICS_S, scale.look_back_s / 2),
        ),
    }


def _ingress_resources(config: IngressConfig) -> dict[str, Any]:
    # On a worker it would go with the worker when that is scaled away.
    place = {"resources": {"node:__internal_head__": _A_LITTLE}} if config.on_head else {}
    return {"num_cpus": config.num_cpus, "runtime_env": {"env_vars": _ONE_LOOP}, **place}


def _has_gpu() -> bool:
    return ray.is_initialized() and ray.cluster_resources().get("GPU", 0) > 0 and has_gpu_engine()


def _log_to_stderr() -> None:
    """One line of JSON for each request, and nothing around it."""
    if not _requests.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        _requests.addHandler(handler)
        _requests.setLevel(logging.INFO)
        _requests.propagate = False
