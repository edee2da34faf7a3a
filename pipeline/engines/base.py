"""The seam between the pipeline and whatever reads the pages."""

from __future__ import annotations

from typing import Protocol

from pipeline import prompts
from pipeline.config import EngineConfig, EngineKind, OcrOptions, Recipe
from pipeline.engines import vllm_args
from pipeline.types import Generation, PageImage, Request, Task


class Engine(Protocol):
    """Reads prepared pages. One async method and no sync twin."""

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: The engine could not answer.
        """
        ...


def choose(config: EngineConfig, *, gpu: bool) -> EngineKind:
    """The engine that `auto` stands for: vllm where there is a GPU for it, else onnx."""
    if config.kind != "auto":
        return config.kind
    return "vllm" if gpu else "onnx"


def recipe(options: OcrOptions, kind: EngineKind) -> Recipe:
    """All that can change the text of a page under these options.

    Raises:
        ConfigError: The model has no prompt for the task.
    """
    task = Task(options.task)
    if kind == "onnx":
        from pipeline.engines import onnx

        return Recipe(
            engine=kind,
            model=onnx.MODEL,
            revision=onnx.revision(),
            task=task,
            render=options.render,
            onnx=options.engine.onnx,
        )
    if kind == "fake":
        return Recipe(
            engine=kind,
            model="fake",
            revision=options.engine.fake.handler,
            task=task,
            render=options.render,
            fake=options.engine.fake,
        )
    vllm = options.engine.vllm
    prompts.prompt(task, prompts.family(vllm), vllm.find)
    return Recipe(
        engine=kind,
        model=vllm.model,
        revision=prompts.revision(vllm),
        task=task,
        render=options.render,
        vllm=vllm,
    )


def pages_in_flight(config: EngineConfig) -> int:
    """Pages that one engine works on at a time."""
    suits = {"onnx": 1, "fake": 64, "vllm": vllm_args.pages_in_flight(config.vllm)}
    return config.pages_in_flight or suits[config.kind]


def prepare(page: PageImage, recipe: Recipe) -> Request:
    """Turn a page image into what the recipe's engine takes. Pure; runs on CPU workers."""
    if recipe.engine == "onnx":
        from pipeline.engines import onnx

        return onnx.prepare(page, recipe)
    if recipe.engine == "vllm":
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
