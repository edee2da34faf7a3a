"""Tests an engine before its first page, for faults that give wrong text without an error.

It reads a generated page and checks the tokenizer. Faults that have occurred: a release that
skipped the n-gram rule in greedy decoding, a model runner that refuses it, tokenizers that lost
the start token or the spaces between words.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import numpy as np
from PIL import Image, ImageDraw

from pipeline.config import VllmConfig
from pipeline.engines.deepseek_ocr import model, requests
from pipeline.engines.deepseek_ocr.tokens import PromptTokenizer
from pipeline.errors import ConfigError, EngineError
from pipeline.types import Instruction, PageImage, Request, Task

_WORDS = "Two words and a third."
_TOKENS = 6
"""Length of the test answers: three equal tokens, and some in which the rule must forbid more."""
_NGRAM = 3
_BIAS = 100.0
"""The largest logit bias that vLLM takes: it forces a token whatever the weights are."""
_SKIP = "--no-self-test goes on regardless"


class Subject(Protocol):
    """What is tested: `pipeline.engines.deepseek_ocr.engine.VllmCore`."""

    config: VllmConfig
    vocabulary: PromptTokenizer
    architecture: str

    async def render(self, request: Request) -> dict[str, Any]:
        """Turn a page into the model's input."""
        ...

    async def complete(
        self,
        prompt: dict[str, Any],
        *,
        max_tokens: int,
        extra_args: dict[str, object],
        ignore_eos: bool = False,
        logit_bias: dict[int, float] | None = None,
    ) -> Any:
        """Let the model answer."""
        ...


async def run(subject: Subject) -> None:
    """Run every test.

    Raises:
        ConfigError: One failed; the message says what to change.
    """
    check_model(subject)
    check_tokens(subject.vocabulary)
    small = await check_placeholders(subject)
    await check_ngram_rule(subject, small)


def page(width_px: int, height_px: int) -> PageImage:
    """A page with a few lines of black text on white."""
    image = Image.new("RGB", (width_px, height_px), "white")
    draw = ImageDraw.Draw(image)
    for line, y_px in enumerate(range(40, height_px - 40, 40)):
        draw.text((40, y_px), f"{line}. {_WORDS}", fill="black")
    return PageImage(np.asarray(image), dpi=72)


def check_model(subject: Subject) -> None:
    """The model folder must hold the architecture of the family."""
    expected = model.family(subject.config)
    if subject.architecture != expected.architecture:
        raise ConfigError(
            f"self-test: {subject.config.model} is a {subject.architecture}, and the prompts of"
            f" {expected.name} need {expected.architecture}; set engine.vllm.family, or {_SKIP}"
        )


def check_tokens(vocabulary: PromptTokenizer) -> None:
    """A prompt must have one start token and one image token, and keep its spaces."""
    ids = vocabulary.encode(f"{model.IMAGE_TOKEN}\n{_WORDS}")
    images, starts = ids.count(vocabulary.image), ids.count(vocabulary.start)
    if (images, starts) != (1, 1):
        raise ConfigError(
            f"self-test: the prompt holds {images} images and {starts} start tokens where one"
            f" of each belongs; take the tokenizer files of the model's repository, or {_SKIP}"
        )
    if (text := vocabulary.decode(vocabulary.plain(_WORDS)).strip()) != _WORDS:
        raise ConfigError(
            f"self-test: the tokenizer turns {_WORDS!r} into {text!r}; the installed transformers"
            f" does not read this tokenizer: change tokenizer_class in its files, or {_SKIP}"
        )


async def check_placeholders(subject: Subject) -> dict[str, Any]:
    """As many image tokens must come from vLLM as we count, with tiles and without.

    Returns:
        The input made of the page without tiles.
    """
    small = requests.make_request(page(600, 600), Instruction(Task.TEXT), subject.config)
    tiled = requests.make_request(page(1275, 1650), Instruction(Task.MARKDOWN), subject.config)
    try:
        await subject.render(tiled)
        return await subject.render(small)
    except EngineError as error:
        raise ConfigError(
            f"self-test: {error}; vLLM and engine.vllm.family disagree about the model: install a"
            f" vLLM in range, set the family, or {_SKIP}"
        ) from error


async def check_ngram_rule(subject: Subject, prompt: dict[str, Any]) -> None:
    """The rule must stop a token that is forced repeatedly, and not one on the whitelist."""
    plain = subject.vocabulary.plain("a")[0]
    free = subject.vocabulary.whitelist[0]
    looped, allowed = await asyncio.gather(
        _forced(subject, prompt, plain), _forced(subject, prompt, free)
    )
    if looped.count(plain) == _TOKENS:
        raise ConfigError(
            "self-test: the n-gram rule does nothing, so that pages would repeat themselves to the"
            " end: this vLLM skips its logits processors; install another in range (unset"
            f" VLLM_USE_V2_MODEL_RUNNER and speculative decoding), or {_SKIP}"
        )
    if looped[:_NGRAM] != [plain] * _NGRAM or allowed != [free] * _TOKENS:
        raise ConfigError(
            f"self-test: forced tokens came out as {looped} and {allowed}: the n-gram rule does not"
            f" work as its arguments say; install another vLLM in range, or {_SKIP}"
        )


async def _forced(subject: Subject, prompt: dict[str, Any], token: int) -> list[int]:
    rule = model.ngram_args(subject.config, subject.vocabulary.whitelist)
    output = await subject.complete(
        prompt,
        max_tokens=_TOKENS,
        ignore_eos=True,
        extra_args={**rule, "ngram_size": _NGRAM, "window_size": 2 * _TOKENS},
        logit_bias={token: _BIAS},
    )
    return list(output.outputs[0].token_ids)
