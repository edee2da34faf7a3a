"""PP-OCR as an engine of the pipeline: requests, answers, resources."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

from pipeline.config import EngineConfig, OnnxConfig, Recipe
from pipeline.engines.base import Engine, EngineSpec, Resources
from pipeline.imaging.transform import fit, resize
from pipeline.text import layout
from pipeline.types import (
    Block,
    Box,
    Generation,
    Instruction,
    Line,
    PageImage,
    Request,
    Sampling,
    Task,
)

MODEL = "PP-OCRv6-small"
"""The models for detection and recognition."""


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


def read(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    """The lines of an answer as blocks in reading order, boxes inside the page."""
    lines = _on_page(generation.lines, request)
    blocks = layout.blocks(lines, request.page_width_px, request.page_height_px)
    return "\n\n".join(block.text for block in blocks), blocks


def _on_page(lines: tuple[Line, ...], request: Request) -> list[Line]:
    height_px, width_px = request.image.shape[:2]
    x = request.page_width_px / max(width_px, 1)
    y = request.page_height_px / max(height_px, 1)
    return [Line(line.text, _scaled(line.box, x, y, request), line.score) for line in lines]


def _scaled(box: Box, x: float, y: float, request: Request) -> Box:
    """The box in page pixels, inside the page."""
    width_px, height_px = float(request.page_width_px), float(request.page_height_px)
    x0, x1 = (min(max(value * x, 0.0), width_px) for value in (box[0], box[2]))
    y0, y1 = (min(max(value * y, 0.0), height_px) for value in (box[1], box[3]))
    return x0, y0, x1, y1


def _build(config: EngineConfig, self_test: bool) -> Engine:
    from pipeline.engines.ppocr.engine import OnnxEngine

    return OnnxEngine(config.onnx)


SPEC = EngineSpec(
    name="onnx",
    scripts=("Latin", "Han", "Hiragana", "Katakana", "Greek"),  # the recogniser's characters
    model=lambda config: MODEL,
    revision=lambda config: revision(),
    online_name=lambda config: "pp-ocrv6",
    tasks=lambda recipe: (Task.MARKDOWN, Task.TEXT),  # its text is the same for both
    check=lambda instruction, recipe: None,
    prepare=prepare,
    read=read,
    max_tokens=lambda recipe: 0,
    # It finds lines and then reads them: it cannot loop and takes no prompt, and a page without
    # lines is a photograph or a drawing more often than an error.
    rungs={},
    has_second=False,
    empty_is_error=False,
    adapt=adapt,
    keeps_bounds=False,
    resources=lambda config: Resources(threads=config.onnx.threads),
    workers=lambda config, cpus, gpus: cpus // config.onnx.threads,
    pages_in_flight=lambda config: 1,
    calls_factor=1,
    parts=lambda config: {},
    check_installed=lambda: None,  # a dependency of the package itself
    build=_build,
)
