"""From a page image to an engine's request, and from its answer to blocks on the page.

This is where a page is turned upright for the engine, and where boxes are turned back: an engine
sees upright pages only, and all that comes after it the page as displayed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from pipeline.config import Recipe
from pipeline.engines import line_answers
from pipeline.engines.base import EngineSpec
from pipeline.engines.recipe import check, tasks
from pipeline.engines.registry import SPECS
from pipeline.imaging.rotation import turn_back, turn_pixels
from pipeline.types import (
    Block,
    Generation,
    Instruction,
    Line,
    PageImage,
    Request,
    Sampling,
    Task,
)

_Part = TypeVar("_Part", Block, Line)


def prepare_request(
    page: PageImage,
    recipe: Recipe,
    instruction: Instruction | None = None,
    *,
    max_tokens: int | None = None,
    sampling: Sampling | None = None,
) -> Request:
    """Turn a page image into what the recipe's engine takes. Pure; runs on CPU workers.

    Args:
        page: The page as displayed; it is turned upright by its `turned_deg`.
        recipe: The engine, and how it is asked.
        instruction: What the model has to do, None for the recipe's task. Of a page whose pictures
            only are read it is the text.
        max_tokens: The most tokens of the answer, where that is less than the recipe's.
            Engines without tokens do not read it.
        sampling: How tokens are picked, None for the batch's way.

    Raises:
        ConfigError: The engine does not know what is asked for.
    """
    if instruction is None:
        instruction = Instruction(recipe.task)
    else:
        check(instruction, recipe)
    if page.mixed is not None and Task.TEXT in tasks(recipe):
        instruction = Instruction(Task.TEXT)  # as Markdown a chart is a picture without its labels
    upright = replace(page, pixels=turn_pixels(page.pixels, page.turned_deg))
    request = SPECS[recipe.engine].prepare(upright, recipe, instruction)
    request = replace(
        request,
        turned_deg=page.turned_deg,
        layer=page.layer,
        script_hint=page.script_hint,
        mixed=page.mixed,
    )
    if max_tokens is not None:
        request = replace(request, max_tokens=min(request.max_tokens, max_tokens))
    return request if sampling is None else replace(request, sampling=sampling)


def read_answer(
    generation: Generation, request: Request, spec: EngineSpec
) -> tuple[str, tuple[Block, ...]]:
    """The Markdown of a page and its blocks in reading order. Pure and total.

    Args:
        generation: The engine's answer.
        request: What the engine was given.
        spec: The engine.

    Returns:
        The text, and blocks with boxes in pixels of the page as displayed.
    """
    text, blocks = spec.read(generation, request)
    return text, tuple(_as_displayed(block, request) for block in blocks)


def read_lines(generation: Generation, request: Request) -> tuple[Line, ...]:
    """The lines of an answer in the engine's order, boxes in pixels of the page as displayed."""
    lines = line_answers.on_page(generation.lines, request)
    return tuple(_as_displayed(line, request) for line in lines)


def _as_displayed(part: _Part, request: Request) -> _Part:
    if not request.turned_deg or part.box is None:
        return part
    size = (request.page_width_px, request.page_height_px)
    return replace(part, box=turn_back(part.box, *size, request.turned_deg))
