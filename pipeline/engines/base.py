"""The seam between the pipeline and whatever reads the pages."""

from __future__ import annotations

from typing import Protocol

from pipeline.config import EngineConfig, Recipe
from pipeline.types import Generation, PageImage, Request


class Engine(Protocol):
    """Reads prepared pages. One async method and no sync twin."""

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: The engine could not answer.
        """
        ...


def prepare(page: PageImage, recipe: Recipe) -> Request:
    """Turn a page image into what the recipe's engine takes. Pure; runs on CPU workers."""
    if recipe.engine == "onnx":
        from pipeline.engines import onnx

        return onnx.prepare(page, recipe)
    if recipe.engine == "vllm":
        from pipeline import prompts

        return prompts.prepare(page, recipe)
    from pipeline.engines import fake

    return fake.prepare(page, recipe)


def build(config: EngineConfig, self_test: bool = True) -> Engine:
    """Build the engine of a config, in the process that will use it.

    Raises:
        ConfigError: The engine's package or device is missing.
    """
    if config.kind == "onnx":
        from pipeline.engines.onnx import OnnxEngine

        return OnnxEngine(config.onnx)
    if config.kind == "vllm":
        from pipeline.engines.vllm import VllmEngine

        return VllmEngine(config.vllm, self_test)
    from pipeline.engines.fake import FakeEngine

    return FakeEngine.from_config(config.fake)
