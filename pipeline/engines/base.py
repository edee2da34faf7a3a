"""The seam between the pipeline and whatever reads the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Protocol

from pipeline.config import (
    EngineConfig,
    EngineKind,
    LadderConfig,
    OnnxConfig,
    Recipe,
    RenderConfig,
    RouteConfig,
    TaskName,
    TextLayerMode,
    VllmConfig,
)
from pipeline.engines.deepseek_ocr import engine_args, model
from pipeline.errors import ConfigError, EngineError
from pipeline.imaging.rotation import turn_pixels
from pipeline.rungs import Rung
from pipeline.types import Ask, Generation, PageImage, Request, Sampling, Task


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


class Options(Protocol):
    """What a recipe is made of: the options of a job, or of the service."""

    @property
    def task(self) -> TaskName:
        """What the model is asked for."""

    @property
    def render(self) -> RenderConfig:
        """How pages are drawn."""

    @property
    def text_layer(self) -> TextLayerMode:
        """Which pages take their text from the text layer."""

    @property
    def route(self) -> RouteConfig:
        """Which pages need no engine, and which are turned."""

    @property
    def engine(self) -> EngineConfig:
        """Which engine, and how it is run."""

    @property
    def ladder(self) -> LadderConfig:
        """What is tried after a bad answer."""


def recipe(options: Options, kind: EngineKind) -> Recipe:
    """All that can change the text of a page under these options.

    Raises:
        ConfigError: The engine does not know the task.
    """
    made = _recipe(options, kind)
    check(Ask(made.task), made)
    return made


def _recipe(options: Options, kind: EngineKind) -> Recipe:
    ladder = _ladder(options.ladder, kind)
    shared: dict[str, Any] = {
        "task": Task(options.task),
        "render": options.render,
        "text_layer": options.text_layer,
        "route": _route(options.route),
        "ladder": ladder,
    }
    if kind == "onnx":
        from pipeline.engines.ppocr import engine as onnx

        return Recipe(
            engine=kind,
            model=onnx.MODEL,
            revision=onnx.revision(),
            **shared,
            onnx=options.engine.onnx,
        )
    if kind == "fake":
        return Recipe(
            engine=kind,
            model="fake",
            revision=options.engine.fake.handler,
            **shared,
            fake=options.engine.fake,
        )
    vllm = options.engine.vllm
    second = Rung.SECOND.value in ladder.rungs
    return Recipe(
        engine=kind,
        model=vllm.model,
        revision=model.revision(vllm),
        **shared,
        vllm=vllm,
        onnx=options.engine.onnx if second else None,
        second=_second_release() if second else "",
    )


def _route(config: RouteConfig) -> RouteConfig:
    """Which way up a page lies is read by RapidOCR: without it no page is turned."""
    if find_spec("rapidocr") is None:
        return config.model_copy(update={"turn": False})
    return config


_LINES_RUNGS = {Rung.LAYER.value}
_FAKE_RUNGS = {rung.value for rung in Rung} - {Rung.SECOND.value}


def _ladder(config: LadderConfig, kind: EngineKind) -> LadderConfig:
    """The rungs that an engine has. The recipe's hash knows no others.

    The embedded engine finds lines and then reads them: it cannot loop, takes no prompt, and a
    page without lines is a picture more often than a fault.
    """
    known = {"onnx": _LINES_RUNGS, "fake": _FAKE_RUNGS}.get(kind, set(Rung))
    if kind == "vllm" and find_spec("rapidocr") is None:
        known = known - {Rung.SECOND}
    rungs = tuple(rung for rung in config.rungs if config.on and rung in known)
    return config.model_copy(update={"rungs": rungs, "on": bool(rungs)})


def _second_release() -> str:
    from pipeline.engines.ppocr import engine as onnx

    return onnx.revision()


def tasks(recipe: Recipe) -> tuple[Task, ...]:
    """The tasks that the recipe's engine knows."""
    if recipe.engine == "onnx":
        return Task.MARKDOWN, Task.TEXT  # its text is the same for both
    if recipe.engine == "fake":
        return tuple(Task)
    return tuple(model.family(recipe.vllm or VllmConfig()).prompts)


def check(ask: Ask, recipe: Recipe) -> None:
    """Refuse what the recipe's engine does not know.

    Raises:
        ConfigError: It does not know the task; or `locate` has nothing to look for.
    """
    if ask.task not in (known := tasks(recipe)):
        raise ConfigError(
            f"{recipe.model} does not know the task {ask.task}; choose from: {', '.join(known)}"
        )
    if recipe.engine == "vllm":
        config = recipe.vllm or VllmConfig()
        model.wording(ask, model.family(config), config.find)


def pages_in_flight(config: EngineConfig) -> int:
    """Pages that one engine works on at a time."""
    suits = {"onnx": 1, "fake": 64, "vllm": engine_args.pages_in_flight(config.vllm)}
    return config.pages_in_flight or suits[config.kind]


def prepare(
    page: PageImage,
    recipe: Recipe,
    ask: Ask | None = None,
    *,
    max_tokens: int | None = None,
    sampling: Sampling | None = None,
) -> Request:
    """Turn a page image into what the recipe's engine takes. Pure; runs on CPU workers.

    Args:
        page: The page as a picture, as displayed; it is turned here as it says.
        recipe: The engine, and how it is asked.
        ask: What is asked for, None for the recipe's task.
        max_tokens: The most tokens of the answer, where that is less than the recipe's.
            Engines without tokens do not read it.
        sampling: How tokens are picked, None for the batch's way.

    Raises:
        ConfigError: The engine does not know what is asked for.
    """
    if ask is not None:
        check(ask, recipe)
    if page.turned_deg:
        page = replace(page, pixels=turn_pixels(page.pixels, page.turned_deg))
    request = _prepare(page, recipe, ask)
    request = replace(request, turned_deg=page.turned_deg, layer=page.layer)
    if max_tokens is not None:
        request = replace(request, max_tokens=min(request.max_tokens, max_tokens))
    return request if sampling is None else replace(request, sampling=sampling)


def _prepare(page: PageImage, recipe: Recipe, ask: Ask | None) -> Request:
    if recipe.engine == "vllm":
        return model.prepare(page, recipe, ask)
    if ask is not None:
        recipe = recipe.model_copy(update={"task": ask.task})
    if recipe.engine == "onnx":
        from pipeline.engines.ppocr import engine as onnx

        return onnx.prepare(page, recipe)
    from pipeline.engines import fake

    return fake.prepare(page, recipe)


def build(config: EngineConfig, self_test: bool = True) -> Engine:
    """Build the engine of a config, in the process that will use it.

    Raises:
        ConfigError: The engine's package or device is missing.
    """
    if config.kind == "onnx":
        from pipeline.engines.ppocr.engine import OnnxEngine

        return OnnxEngine(config.onnx)
    if config.kind == "vllm":
        from pipeline.engines.deepseek_ocr.engine import VllmEngine

        return VllmEngine(config.vllm, self_test)
    from pipeline.engines.fake import FakeEngine

    return FakeEngine.from_config(config.fake)


class Lazy:
    """An engine that is built with its first page, in a thread.

    Args:
        start: Builds it.
    """

    def __init__(self, start: Callable[[], Engine]) -> None:
        self._start = start
        self._engine: Engine | None = None
        self._starting = asyncio.Lock()

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: The engine cannot be built, or failed on the page.
        """
        async with self._starting:
            if self._engine is None:
                self._engine = await self._built()
        return await self._engine.generate(request)

    async def _built(self) -> Engine:
        try:
            return await asyncio.to_thread(self._start)
        except ConfigError as error:  # costs this page a rung, not the job its end
            raise EngineError(str(error)) from error


def second(recipe: Recipe) -> Engine | None:
    """The recipe's second engine, built when a page comes to it; None where it has none.

    It runs on CPUs of the engine's own process, one page at a time.
    """
    if not recipe.second:
        return None
    from pipeline.engines.ppocr.engine import OnnxEngine

    return Lazy(lambda: OnnxEngine(recipe.onnx or OnnxConfig()))


def reader(recipe: Recipe, rung: Rung | None) -> tuple[str, str]:
    """Engine and model that a row names: the recipe's, or those of the second engine."""
    if rung is not Rung.SECOND:
        return recipe.engine, recipe.model
    from pipeline.engines.ppocr import engine as onnx

    return "onnx", onnx.MODEL
