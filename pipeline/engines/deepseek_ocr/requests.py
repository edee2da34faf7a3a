"""Requests for DeepSeek-OCR: of a page, and of a page that is read again in another way. Pure."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import Recipe, VllmConfig
from pipeline.engines import base
from pipeline.engines.deepseek_ocr.model import ModelFamily, family
from pipeline.engines.deepseek_ocr.prompts import prompt_for, task_prompt
from pipeline.engines.deepseek_ocr.views import (
    BASE_PX,
    fitted_size,
    grid,
    image_tokens,
    other_size,
)
from pipeline.imaging.transform import resize
from pipeline.types import Instruction, PageImage, Pixels, Request, Task
from pipeline.vllm_plugin import choice
from pipeline.vllm_plugin.encoder import tiles


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

    `Request.image` is the page, shrunk to what the model can use. VLLM or the engine cuts it up;
    with `plugin_tiles` that is done here.

    Raises:
        ConfigError: The model has no prompt for it.
    """
    model = family(config)
    height_px, width_px = page.pixels.shape[:2]
    size = fitted_size(width_px, height_px, model)
    image = resize(page.pixels, *size)
    request = Request(
        image=image,
        page_width_px=width_px,
        page_height_px=height_px,
        prompt=prompt_for(instruction, model, config.find),
        task=instruction.task,
        max_tokens=config.max_tokens,
        image_tokens=image_tokens(*size, model),
    )
    if not (config.plugin_tiles and choice.asks_for_encoder(config, model.name)):
        return request
    made = cut(image, model)
    return replace(request, view=made.view[0], tiles=made.tiles, grid=grid(*size, model))


def cut(image: Pixels, model: ModelFamily) -> tiles.Tiles:
    """The global view and the tiles of a fitted page."""
    height_px, width_px = image.shape[:2]
    return tiles.cut(image, grid(width_px, height_px, model), BASE_PX, model.tile_px)


def pieces(request: Request, model: ModelFamily) -> tiles.Tiles:
    """The global view and the tiles of a request: its own, or cut now where it has none.

    The image decides how many there are: vLLM's core would end with another number.
    """
    height_px, width_px = request.image.shape[:2]
    fits = request.grid == grid(width_px, height_px, model)
    if request.view is None or request.tiles is None or not fits:
        return cut(request.image, model)
    # Copied, since what comes out of Arrow's memory is read-only, which torch does not take.
    view, many = request.view[None].copy(), request.tiles.copy()
    return tiles.Tiles(view, many, request.grid if len(many) else tiles.NO_GRID)


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
        request,
        image=resize(request.image, *size),
        view=None,
        tiles=None,
        grid=(0, 0),
        image_tokens=image_tokens(*size, model),
    )
