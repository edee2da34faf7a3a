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
from typing import Any

import numpy as np
import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import AutoscalingConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ApplicationStatusOverview

from pipeline.config import ChatConfig, EngineConfig, EngineKind, Recipe
from pipeline.engines import base
from pipeline.errors import ConfigError, JobError
from pipeline.preflight import has_vllm
from pipeline.recognise import recognise
from pipeline.types import PageImage, Recognition, Request
from serving import api, chat
from serving.config import ScaleConfig, ServeConfig
from serving.errors import ApiError
from serving.metrics import Metrics
from serving.replicas import Replicas

OCR, CHAT, INGRESS = "Ocr", "Chat", "Ingress"
"""Names of the deployments."""

_WARM_PX = 64
_WARM_TOKENS = 8
_HEALTH_S = 10.0


class OcrReplica:
    """One engine. It has read a page of its own before it takes the first of a caller."""

    def __init__(self, engine: EngineConfig, recipe: Recipe, self_test: bool) -> None:
        self._engine = base.build(engine, self_test)
        self._recipe = recipe
        self._fault = ""
        self._warm = False

    async def recognise(self, request: Request) -> Recognition:
        """Read one page."""
        try:
            return await recognise(self._engine, request)
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
        await self.recognise(base.prepare(page, self._recipe, max_tokens=_WARM_TOKENS))
        self._warm = True


class ChatReplica:
    """One chat model."""

    def __init__(self, config: ChatConfig) -> None:
        self._model = chat.build(config)

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer in one piece.

        Raises:
            ApiError: The request is wrong, or the engine failed.
        """
        with api.as_api_error():
            answer = await self._model.answer(body)
        assert isinstance(answer, dict)
        return answer

    async def stream(self, body: dict[str, Any]) -> AsyncIterator[str]:
        """Answer as the lines of an event stream.

        Raises:
            ApiError: The request is wrong, or the engine failed.
        """
        with api.as_api_error():
            answer = await self._model.answer(body)
        assert not isinstance(answer, dict)
        async for line in answer:
            yield line

    async def check_health(self) -> None:
        """Serve ends a replica whose engine is dead, and starts another."""
        if not await self._model.healthy():
            raise RuntimeError("the chat engine is dead")


class _OcrBackend:
    """The OCR replicas, as `serving.ocr` wants them."""

    def __init__(self, handle: DeploymentHandle, replicas: Replicas) -> None:
        self._handle = handle
        self._replicas = replicas

    async def recognise(self, request: Request) -> Recognition:
        return await self._replicas.call(lambda: self._handle.recognise.remote(request))


class _ChatBackend:
    """The chat replicas, as `serving.api` wants them."""

    def __init__(self, handle: DeploymentHandle, replicas: Replicas) -> None:
        # By value, over gRPC: through the object store a token takes four times as long.
        self._handle = handle.options(_by_reference=False)
        self._streaming = handle.options(stream=True, _by_reference=False)
        self._replicas = replicas

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        return await self._replicas.call(lambda: self._handle.complete.remote(body))

    def stream(self, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        return self._replicas.stream(lambda: self._streaming.stream.remote(body))
