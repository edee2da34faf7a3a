"""DeepSeek-OCR as an engine of the pipeline: which part of this folder does what."""

from __future__ import annotations

from importlib.util import find_spec
from math import inf

from pipeline.config import EngineConfig, Recipe
from pipeline.engines.base import BAD_OUTCOMES, Engine, EngineSpec, Resources
from pipeline.engines.deepseek_ocr import engine_args, output, requests
from pipeline.engines.deepseek_ocr.model import family, revision
from pipeline.engines.deepseek_ocr.prompts import PROMPTS, prompt_for
from pipeline.errors import ConfigError
from pipeline.types import Block, Generation, Instruction, Request, Rung, Task
from pipeline.vllm_plugin import choice, sharing


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
    vllm = config.vllm
    if vllm.engines_per_gpu > 1:  # no engine lies on two GPUs
        return int(gpus) * vllm.engines_per_gpu
    return int(gpus / vllm.num_gpus) if vllm.num_gpus else 1


def _parts(config: EngineConfig) -> dict[str, str]:
    chosen = choice.choose(config.vllm, family(config.vllm).name)
    tiles = "off: engine.vllm.plugin_tiles is off"
    if config.vllm.plugin_tiles:
        tiles = "on" if chosen.options.encoder else "off: the part encoder is"
    return chosen.report() | {"tiles": tiles} | sharing.report(config.vllm.engines_per_gpu)


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
    takes_prompts=True,
    check=_check,
    prepare=requests.prepare,
    read=_read,
    has_lines=False,
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
    page_s=lambda config: inf,
    pages_in_flight=lambda config: engine_args.pages_in_flight(config.vllm),
    calls_factor=2,
    parts=_parts,
    check_installed=lambda config: _check_installed(),
    build=_build,
)
