"""Requests for DeepSeek-OCR: of a page, and of a page that is read again in another way. Pure."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import Recipe, VllmConfig
from pipeline.engines import base
from pipeline.engines.deepseek_ocr.model import family
from pipeline.engines.deepseek_ocr.prompts import prompt_for, task_prompt
from pipeline.engines.deepseek_ocr.views import fitted_size, image_tokens, other_size
from pipeline.imaging.transform import resize
from pipeline.types import Instruction, PageImage, Request, Task


def prepare(page: PageImage, recipe: Recipe, instruction: Instruction) -> Request:
    """Make a request of an upright page.

    Raises:
        ConfigError: The model has no prompt for it.
    """
    return make_request(page, instruction, settings(recipe))


def settings(recipe: Recipe) -> VllmConfig:
    """The model's settings in a recipe."""
    return recipe.vllm or VllmConfig()


def make_request(page: PageImage, instruction: Instruction, config: VllmConfig) -> Request:
    """Fit a page to the model and add the prompt.

    vLLM cuts the tiles itself, from `Request.image`: the page, shrunk to what the model can use.

    Raises:
        ConfigError: The model has no prompt for it.
    """
    model = family(config)
    height_px, width_px = page.pixels.shape[:2]
    size = fitted_size(width_px, height_px, model)
    return Request(
        image=resize(page.pixels, *size),
        page_width_px=width_px,
        page_height_px=height_px,
        prompt=prompt_for(instruction, model, config.find),
        task=instruction.task,
        max_tokens=config.max_tokens,
        image_tokens=image_tokens(*size, model),
    )


def wider_ngram(request: Request, recipe: Recipe) -> Request | None:
    """The request of rung `wider_ngram`, None where the recipe's own window is as wide."""
    if settings(recipe).ngram_window >= recipe.ladder.ngram_window:
        return None
    return base.wider_ngram(request, recipe.ladder)


def plain_text(request: Request, recipe: Recipe) -> Request | None:
    """The request of rung `plain_text`, None where the page had that prompt already."""
    prompt = task_prompt(Task.TEXT, family(settings(recipe)))
    if (prompt, Task.TEXT) == (request.prompt, request.task):
        return None
    return replace(request, prompt=prompt, task=Task.TEXT)


def other_view(request: Request, recipe: Recipe) -> Request:
    """The request of rung `other_view`: tiles for none, none for tiles."""
    model = family(settings(recipe))
    height_px, width_px = request.image.shape[:2]
    size = other_size(width_px, height_px, model)
    return replace(
        request, image=resize(request.image, *size), image_tokens=image_tokens(*size, model)
    )
