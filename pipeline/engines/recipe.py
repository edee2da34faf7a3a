"""The recipe: all that can change the text of a page, made of options and one engine's spec."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

from pipeline.config import (
    EngineConfig,
    EngineKind,
    LadderConfig,
    QualityConfig,
    Recipe,
    RenderConfig,
    RouteConfig,
    StructureMode,
    TaskName,
    TextLayerMode,
)
from pipeline.documents import layout_model
from pipeline.engines.base import EngineSpec
from pipeline.engines.registry import SPECS, reading_engine
from pipeline.errors import ConfigError
from pipeline.types import Instruction, Rung, Task


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
    def structure(self) -> StructureMode:
        """How the structure of pages is found."""

    @property
    def route(self) -> RouteConfig:
        """Which pages need no engine, and which are turned."""

    @property
    def engine(self) -> EngineConfig:
        """Which engine, and how it is run."""

    @property
    def ladder(self) -> LadderConfig:
        """What is tried after a bad answer."""

    @property
    def quality(self) -> QualityConfig:
        """What is said of texts that may be wrong."""


def make_recipe(options: Options, kind: EngineKind) -> Recipe:
    """All that can change the text of a page under these options.

    Raises:
        ConfigError: The engine does not know the task; or the second engine that is asked for is
            not installed.
    """
    spec, engine = SPECS[kind], options.engine
    ladder = _ladder(options, spec)
    sections: dict[str, Any] = {spec.name: spec.settings(engine)}
    if Rung.SECOND.value in ladder.rungs:
        second = SPECS[ladder.second_engine]
        sections |= {second.name: second.settings(engine), "second": second.revision(engine)}
    has_lines = spec.has_lines or any(
        each.has_lines for each in SPECS.values() if each.name in sections
    )
    recipe = Recipe(
        engine=kind,
        model=spec.model(engine),
        revision=spec.revision(engine),
        task=Task(options.task),
        render=options.render,
        text_layer=options.text_layer,
        structure=_structure(options, has_lines),
        route=_route(options.route),
        ladder=ladder,
        quality=options.quality,
        **sections,
    )
    check(Instruction(recipe.task), recipe)
    return recipe


def _structure(options: Options, has_lines: bool) -> StructureMode:
    """`plain` where the task is not Markdown.

    Args:
        options: The options.
        has_lines: Whether an engine of the recipe gives lines, of which `auto` asks the model.

    Raises:
        ConfigError: The layout model would be asked, and is not installed.
    """
    if Task(options.task) is not Task.MARKDOWN or options.structure == "plain":
        return "plain"
    if has_lines or options.structure == "layout":
        layout_model.check_installed()
    return options.structure


def _route(config: RouteConfig) -> RouteConfig:
    """Orientation is found with RapidOCR: without it no page is turned."""
    if find_spec("rapidocr") is None:
        return config.model_copy(update={"turn": False})
    return config


def _ladder(options: Options, spec: EngineSpec) -> LadderConfig:
    """The ladder with the rungs that the engine has. The recipe's hash knows no others."""
    config = options.ladder
    known = {Rung.LAYER, *spec.rungs}
    if spec.has_second and _has_second(options, spec):
        known.add(Rung.SECOND)
    if spec.empty_is_error:
        known.add(Rung.ERROR)
    rungs = tuple(rung for rung in config.rungs if config.enabled and rung in known)
    return config.model_copy(update={"rungs": rungs, "enabled": bool(rungs)})


def _has_second(options: Options, spec: EngineSpec) -> bool:
    """Whether there is a second engine beside this one.

    Raises:
        ConfigError: It was asked for by its name and is not installed.
    """
    config = options.ladder
    if not config.enabled or config.second_engine == spec.name:
        return False
    try:
        SPECS[config.second_engine].check_installed(options.engine)
    except ConfigError:
        if "second_engine" in config.model_fields_set:
            raise
        return False
    return True


def tasks(recipe: Recipe) -> tuple[Task, ...]:
    """The tasks that the recipe's engine knows."""
    return SPECS[recipe.engine].tasks(recipe)


def check(instruction: Instruction, recipe: Recipe) -> None:
    """Refuse what the recipe's engine does not know.

    Raises:
        ConfigError: It does not know the task; or `locate` has nothing to look for.
    """
    if instruction.task not in (known := tasks(recipe)):
        raise ConfigError(
            f"{recipe.model} does not know the task {instruction.task}; choose from:"
            f" {', '.join(known)}"
        )
    SPECS[recipe.engine].check(instruction, recipe)


def engine_and_model(recipe: Recipe, rung: Rung | None) -> tuple[str, str]:
    """The engine and model that a row names: the recipe's, or those of the second engine.

    Args:
        recipe: Of the page.
        rung: The rung that the page's text is from.
    """
    spec = reading_engine(recipe, rung)
    if spec.name == recipe.engine:
        return recipe.engine, recipe.model
    return spec.name, spec.model(EngineConfig())
