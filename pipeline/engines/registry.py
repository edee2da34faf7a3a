"""The engines by name, and how one is chosen and built.

Importing this imports no heavy package: vLLM, PyTorch, ONNX Runtime and RapidOCR are imported
when an engine is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.config import EngineConfig, EngineKind, Recipe
from pipeline.engines import fake
from pipeline.engines.base import Engine, EngineSpec, SecondEngine
from pipeline.engines.deepseek_ocr import spec as deepseek_ocr
from pipeline.engines.ppocr import spec as ppocr
from pipeline.engines.tesseract import spec as tesseract
from pipeline.errors import ConfigError
from pipeline.types import Rung

SPECS: Final[Mapping[str, EngineSpec]] = {
    spec.name: spec for spec in (ppocr.SPEC, tesseract.SPEC, deepseek_ocr.SPEC, fake.SPEC)
}
"""Every engine by its `engine.kind`."""

_WITH_GPU, _WITHOUT_GPU = deepseek_ocr.SPEC, ppocr.SPEC


def spec_of(config: EngineConfig) -> EngineSpec:
    """The spec of a config's engine, which must have been chosen."""
    return SPECS[config.kind]


def has_gpu_engine() -> bool:
    """Whether the packages of the engine for GPUs are installed here."""
    try:
        _WITH_GPU.check_installed(EngineConfig())
    except ConfigError:
        return False
    return True


def choose_engine(config: EngineConfig, *, has_gpu: bool) -> EngineKind:
    """The engine that a config means: `auto` is vllm where there is a GPU for it, else onnx."""
    if config.kind != "auto":
        return config.kind
    return (_WITH_GPU if has_gpu else _WITHOUT_GPU).name


def pages_in_flight(config: EngineConfig) -> int:
    """Pages that one engine works on at a time: the config's number, or what suits the engine."""
    return config.pages_in_flight or spec_of(config).pages_in_flight(config)


def build_engine(config: EngineConfig, self_test: bool = True) -> Engine:
    """Build the engine of a config, in the process that will use it.

    Raises:
        ConfigError: The engine's package or device is missing.
        EngineError: It did not start.
    """
    return spec_of(config).build(config, self_test)


def build_second_engine(recipe: Recipe) -> Engine | None:
    """The recipe's second engine, started when a page comes to it; None where it has none.

    It runs on CPUs of the engine's own process, one page at a time.
    """
    if not recipe.second:
        return None
    kind = recipe.ladder.second_engine
    config = EngineConfig.model_validate({"kind": kind, kind: getattr(recipe, kind)})
    return SecondEngine(lambda: build_engine(config))


def reading_engine(recipe: Recipe, rung: Rung | None) -> EngineSpec:
    """The engine that reads a page on a rung: the recipe's, or the second one."""
    return second_of(recipe) if rung is Rung.SECOND else SPECS[recipe.engine]


def second_of(recipe: Recipe) -> EngineSpec:
    """The engine of the retry ladder's rung `second_engine`. It needs no GPU."""
    return SPECS[recipe.ladder.second_engine]


def engine_scripts(recipe: Recipe) -> tuple[str, ...]:
    """The scripts that the recipe's engine reads; () where no limit is known."""
    return SPECS[recipe.engine].scripts(recipe)


def ladder_scripts(recipe: Recipe) -> tuple[str, ...]:
    """The scripts that the engine reads or its second one; () where no limit is known."""
    first = engine_scripts(recipe)
    if not first or not recipe.second:
        return first
    second = second_of(recipe).scripts(recipe)
    return (*first, *second) if second else ()
