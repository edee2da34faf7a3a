"""Tesseract as an engine of the pipeline: requests, answers, resources."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

from pipeline.config import EngineConfig, Recipe, TesseractConfig
from pipeline.engines.base import Engine, EngineSpec, Resources
from pipeline.engines.line_answers import read
from pipeline.engines.tesseract.languages import readable, settled
from pipeline.imaging.transform import resize
from pipeline.types import Instruction, PageImage, Pixels, Request, Sampling, Task

_MAX_ZOOM = 2.0
"""Tesseract is made for 300 dpi; at 150 dpi it misreads small letters."""


def prepare(page: PageImage, recipe: Recipe, instruction: Instruction) -> Request:
    """Bring a page to about the resolution that Tesseract is made for. Pure."""
    height_px, width_px = page.pixels.shape[:2]
    image = _zoomed(page.pixels, _config(recipe))
    return Request(image, width_px, height_px, task=instruction.task)


def adapt(request: Request, recipe: Recipe) -> Request:
    """A request that was prepared for another engine, as this one takes it."""
    return replace(
        request,
        image=_zoomed(request.image, _config(recipe)),
        tiles=None,
        grid=(0, 0),
        image_tokens=0,
        prompt="",
        max_tokens=0,
        sampling=Sampling(),
    )


def _zoomed(pixels: Pixels, config: TesseractConfig) -> Pixels:
    height_px, width_px = pixels.shape[:2]
    scale = min(_MAX_ZOOM, config.side_px / max(height_px, width_px))
    return resize(pixels, max(1, round(width_px * scale)), max(1, round(height_px * scale)))


def _config(recipe: Recipe) -> TesseractConfig:
    return recipe.tesseract or TesseractConfig()


def _check_installed(config: EngineConfig) -> None:
    settled(config.tesseract)


def _build(config: EngineConfig, self_test: bool) -> Engine:
    from pipeline.engines.tesseract.engine import TesseractEngine

    return TesseractEngine(config.tesseract)


SPEC = EngineSpec(
    name="tesseract",
    scripts=lambda recipe: readable(_config(recipe).languages),
    settings=lambda config: settled(config.tesseract),
    model=lambda config: "tesseract",
    revision=lambda config: f"tesserocr {version('tesserocr')}",
    online_name=lambda config: "tesseract",
    tasks=lambda recipe: (Task.MARKDOWN, Task.TEXT),  # its lines are the same for both
    takes_prompts=False,
    check=lambda instruction, recipe: None,
    prepare=prepare,
    read=read,
    has_lines=True,
    max_tokens=lambda recipe: 0,
    rungs={},
    has_second=False,
    second_helps=frozenset(),
    empty_is_error=False,
    adapt=adapt,
    keeps_bounds=False,
    resources=lambda config: Resources(),
    workers=lambda config, cpus, gpus: cpus,
    page_s=lambda config: 2.5,
    pages_in_flight=lambda config: 1,
    calls_factor=1,
    parts=lambda config: {},
    check_installed=_check_installed,
    build=_build,
)
