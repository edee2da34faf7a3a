"""DeepSeek-OCR as an engine of the pipeline: which part of this folder does what."""

from __future__ import annotations

from importlib.util import find_spec

from pipeline.config import EngineConfig, Recipe
from pipeline.engines.base import BAD_OUTCOMES, Engine, EngineSpec, Resources
from pipeline.engines.deepseek_ocr import engine_args, output, requests
from pipeline.engines.deepseek_ocr.model import family, revision
from pipeline.engines.deepseek_ocr.prompts import PROMPTS, prompt_for
from pipeline.errors import ConfigError
from pipeline.types import Block, Generation, Instruction, Request, Rung, Task


def _tasks(recipe: Recipe) -> tuple[Task, ...]:
    return tuple(PROMPTS[family(requests.settings(recipe)).name])


def _check(instruction: Instruction, recipe: Recipe) -> None:
    config = requests.settings(recipe)
    prompt_for(instruction, family(config), config.find)


def _read(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    if not generation.text.strip():
        return "", ()
    text, blocks = output.parse(generation.text, request.page_width_px, request.page_height_px)
    return text, blocks or (Block("text", text),)


def _workers(config: EngineConfig, cpus: int, gpus: float) -> int:
    return int(gpus / config.vllm.num_gpus) if config.vllm.num_gpus else 1


def _check_installed() -> None:
    found = find_spec("vllm")
    # A folder that happens to be called vllm counts as a package, but has no origin.
    if found is None or found.origin is None:
        raise ConfigError(
            "engine.kind is vllm and vLLM is not installed: install the extra with "
            "pip install '.[gpu]', or take --engine.kind onnx"
        )


def _build(config: EngineConfig, self_test: bool) -> Engine:
    from pipeline.engines.deepseek_ocr.engine import VllmEngine

    return VllmEngine(config.vllm, self_test)


SPEC = EngineSpec(
    name="vllm",
    scripts=lambda recipe: (),  # trained on about a hundred languages (arXiv 2510.18234)
    settings=lambda config: config.vllm,
    model=lambda config: config.vllm.model,
    revision=lambda config: revision(config.vllm),
    online_name=lambda config: family(config.vllm).name,
    tasks=_tasks,
    check=_check,
    prepare=requests.prepare,
    read=_read,
    max_tokens=lambda recipe: requests.settings(recipe).max_tokens,
    rungs={
        Rung.NGRAM: requests.wider_ngram,
        Rung.PLAIN: requests.plain_text,
        Rung.VIEW: requests.other_view,
    },
    has_second=True,
    second_helps=BAD_OUTCOMES,
    empty_is_error=True,
    adapt=None,
    keeps_bounds=True,
    resources=lambda config: Resources(gpus=config.vllm.num_gpus),
    workers=_workers,
    pages_in_flight=lambda config: engine_args.pages_in_flight(config.vllm),
    calls_factor=2,
    check_installed=lambda config: _check_installed(),
    build=_build,
)
