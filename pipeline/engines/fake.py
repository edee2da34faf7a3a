"""An engine without a model, for tests and for measuring everything around the model.

One handler per behaviour, named for it. It ships with the product: a job that is to be
tried on real documents without a GPU runs with ``--engine.kind fake``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import replace

from pipeline.config import FakeConfig, Recipe
from pipeline.engines.base import BAD_OUTCOMES, EngineSpec, Resources, wider_ngram
from pipeline.errors import EngineError
from pipeline.imaging.transform import resize
from pipeline.types import (
    Block,
    FinishReason,
    Generation,
    Instruction,
    PageImage,
    Request,
    Rung,
    Task,
)

_STEP_PX = 16
"""Every 16th pixel of every 16th row: of all of them the digest would cost more than Ray
does."""

_MIB = 1 << 20
_DYING_MIB = 64
"""What the handler `dies` allocates, MiB: enough to be measured, too little to do harm."""

_PAGES_IN_FLIGHT = 64

Handler = Callable[[Request], Generation]


class FakeEngine:
    """Answers with a function of the request.

    Args:
        handler: Makes the answer.
        delay_ms: Milliseconds that each answer takes.
    """

    def __init__(self, handler: Handler, delay_ms: float = 0.0) -> None:
        self._handler = handler
        self._delay_s = delay_ms / 1000

    @classmethod
    def from_config(cls, config: FakeConfig) -> FakeEngine:
        """The engine with the handler that the config names."""
        delay_ms = max(config.delay_ms, 1000.0) if config.handler == "slow" else config.delay_ms
        return cls(HANDLERS[config.handler], delay_ms)

    async def generate(self, request: Request) -> Generation:
        """Wait, then answer with the handler."""
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        return self._handler(request)


def prepare(page: PageImage, recipe: Recipe, instruction: Instruction) -> Request:
    """Pass the page on as it is."""
    height_px, width_px = page.pixels.shape[:2]
    return Request(page.pixels, width_px, height_px, task=instruction.task)


def read(generation: Generation, request: Request) -> tuple[str, tuple[Block, ...]]:
    """The answer as one block of plain text."""
    text = generation.text
    return (text, (Block("text", text),)) if text.strip() else ("", ())


def plain_text(request: Request, recipe: Recipe) -> Request | None:
    """The request of rung `plain_text`: another task."""
    return None if request.task is Task.TEXT else replace(request, task=Task.TEXT)


def other_view(request: Request, recipe: Recipe) -> Request:
    """The request of rung `other_view`: the page at half the size."""
    height_px, width_px = request.image.shape[:2]
    half = resize(request.image, max(1, width_px // 2), max(1, height_px // 2))
    return replace(request, image=half)


def echo(request: Request) -> Generation:
    """Return the page's size and a digest of some of its pixels: equal pages, equal text."""
    some = request.image[::_STEP_PX, ::_STEP_PX].tobytes()
    digest = hashlib.blake2b(some, digest_size=8).hexdigest()
    text = f"page of {request.page_width_px}x{request.page_height_px} px, pixels {digest}"
    return Generation(text, output_tokens=len(text.split()))


def truncates(request: Request) -> Generation:
    """Stop in mid-sentence because of the token limit."""
    return Generation("a text that has no", finish_reason=FinishReason.LENGTH, output_tokens=5)


def repeats(request: Request) -> Generation:
    """Loop until the tokens run out."""
    text = "the same words again and " * 200
    return Generation(text, finish_reason=FinishReason.LENGTH, output_tokens=1000)


def loops_far(request: Request) -> Generation:
    """Loop over more words than the n-gram rule searches, unless it searches more."""
    if request.sampling.ngram_window:
        return echo(request)
    words = " ".join(
        f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(200)
    )
    text = f"{words}. " * 7
    return Generation(text, finish_reason=FinishReason.LENGTH, output_tokens=2000)


def loops_in_cells(request: Request) -> Generation:
    """Write empty cells, which the n-gram rule allows, and stop; plain text has none."""
    if request.task is Task.TEXT:
        return echo(request)
    return Generation("<table><tr>" + "<td></td>" * 500 + "</tr></table>", output_tokens=1000)


def needs_small_view(request: Request) -> Generation:
    """Reach the token limit, unless the image is smaller than the page."""
    if request.image.shape[0] < request.page_height_px:
        return echo(request)
    return truncates(request)


def finds_nothing(request: Request) -> Generation:
    """Find no text at all."""
    return Generation("", output_tokens=1)


def crashes(request: Request) -> Generation:
    """Fail on every page."""
    raise EngineError("the fake engine fails on purpose (handler 'crashes')")


def dies(request: Request) -> Generation:
    """Allocate memory, then be killed by SIGKILL, on a page wider than it is high."""
    if request.page_width_px <= request.page_height_px:
        return echo(request)
    taken = [b"1" * _MIB for _ in range(_DYING_MIB)]
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(f"alive after SIGKILL with {len(taken)} MiB")


HANDLERS: dict[str, Handler] = {
    "echo": echo,
    "truncates": truncates,
    "repeats": repeats,
    "crashes": crashes,
    "slow": echo,
    "loops_far": loops_far,
    "loops_in_cells": loops_in_cells,
    "needs_small_view": needs_small_view,
    "finds_nothing": finds_nothing,
    "dies": dies,
}

SPEC = EngineSpec(
    name="fake",
    scripts=lambda recipe: (),
    settings=lambda config: config.fake,
    model=lambda config: "fake",
    revision=lambda config: config.fake.handler,
    online_name=lambda config: "fake",
    tasks=lambda recipe: tuple(Task),
    takes_prompts=False,
    check=lambda instruction, recipe: None,
    prepare=prepare,
    read=read,
    has_lines=False,
    max_tokens=lambda recipe: 0,
    rungs={
        Rung.NGRAM: lambda request, recipe: wider_ngram(request, recipe.ladder),
        Rung.PLAIN: plain_text,
        Rung.VIEW: other_view,
    },
    has_second=False,
    second_helps=BAD_OUTCOMES,
    empty_is_error=True,
    adapt=None,
    keeps_bounds=False,
    resources=lambda config: Resources(),
    workers=lambda config, cpus, gpus: cpus,
    page_s=lambda config: 0.02 + config.fake.delay_ms / 1000,
    pages_in_flight=lambda config: _PAGES_IN_FLIGHT,
    calls_factor=1,
    parts=lambda config: {},
    check_installed=lambda config: None,
    build=lambda config, self_test: FakeEngine.from_config(config.fake),
)
