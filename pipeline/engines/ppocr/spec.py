"""PP-OCR as an engine of the pipeline: requests, answers, resources."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec

from pipeline.config import EngineConfig, OnnxConfig, Recipe
from pipeline.engines.base import Engine, EngineSpec, Resources
from pipeline.engines.line_answers import read
from pipeline.errors import ConfigError
from pipeline.imaging.transform import fit, resize
from pipeline.types import (
    Instruction,
    Outcome,
    PageImage,
    Request,
    Sampling,
    Task,
)

MODEL = "PP-OCRv6-small"
"""The models for detection and recognition."""
SCRIPTS = ("Latin", "Han", "Hiragana", "Katakana")
"""The scripts whose letters the recogniser has. Of Greek it has those of formulas, without accents
and without final sigma; of Vietnamese it lacks the vowels with two accents."""


def revision() -> str:
    """The release of RapidOCR whose wheel carries the models, such as "rapidocr 3.10.0"."""
    return f"rapidocr {version('rapidocr')}"


def prepare(page: PageImage, recipe: Recipe, instruction: Instruction) -> Request:
    """Shrink a page so that its longest side is at most `recipe.onnx.max_side_px`. Pure."""
    height_px, width_px = page.pixels.shape[:2]
    size = fit(width_px, height_px, max_side_px=_config(recipe).max_side_px)
    return Request(resize(page.pixels, *size), width_px, height_px, task=instruction.task)


def adapt(request: Request, recipe: Recipe) -> Request:
    """A request that was prepared for another engine, as this one takes it."""
    height_px, width_px = request.image.shape[:2]
    size = fit(width_px, height_px, max_side_px=_config(recipe).max_side_px)
    return replace(
        request,
        image=resize(request.image, *size),
        view=None,
        tiles=None,
        grid=(0, 0),
        image_tokens=0,
        prompt="",
        max_tokens=0,
        sampling=Sampling(),
    )


def _config(recipe: Recipe) -> OnnxConfig:
    return recipe.onnx or OnnxConfig()


def _check_installed(config: EngineConfig) -> None:
    if find_spec("rapidocr") is None:
        raise ConfigError("the engine onnx needs the package rapidocr: pip install rapidocr")


def _build(config: EngineConfig, self_test: bool) -> Engine:
    from pipeline.engines.ppocr.engine import OnnxEngine

    return OnnxEngine(config.onnx)


SPEC = EngineSpec(
    name="onnx",
    scripts=lambda recipe: SCRIPTS,
    settings=lambda config: config.onnx,
    model=lambda config: MODEL,
    revision=lambda config: revision(),
    online_name=lambda config: "pp-ocrv6",
    tasks=lambda recipe: (Task.MARKDOWN, Task.TEXT),  # its lines are the same for both
    takes_prompts=False,
    check=lambda instruction, recipe: None,
    prepare=prepare,
    read=read,
    has_lines=True,
    max_tokens=lambda recipe: 0,
    # It finds lines and then reads them: it cannot loop and takes no prompt, and a page without
    # lines is a photograph or a drawing more often than an error.
    rungs={},
    has_second=True,
    # Another engine finds "text" in photographs: it is asked only where lines were not read.
    second_helps=frozenset({Outcome.UNREAD, Outcome.FAILED}),
    empty_is_error=False,
    adapt=adapt,
    keeps_bounds=False,
    resources=lambda config: Resources(threads=config.onnx.threads),
    workers=lambda config, cpus, gpus: cpus // config.onnx.threads,
    page_s=lambda config: 4.0 / config.onnx.threads,
    pages_in_flight=lambda config: 1,
    calls_factor=1,
    parts=lambda config: {},
    check_installed=_check_installed,
    build=_build,
)
