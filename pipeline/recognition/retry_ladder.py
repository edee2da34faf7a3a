"""The retry ladder: which way to read a page comes next, and which answer is kept. Pure.

A page climbs from the first rung (`base`) upwards and never back; each rung is tried once at
most, changes one thing of the first request, and is left out where it cannot help:

| rung | changes | helps against |
| --- | --- | --- |
| wider_ngram | window of the rule against repetition; cells are no exception | loops |
| plain_text | the prompt | loops, cut off, empty |
| other_view | tiles or none | loops, cut off, empty |
| second_engine | who reads | loops, cut off, empty, failed |
| text_layer | nobody reads | loops, cut off, empty, failed |

An engine that failed on a page is not asked for it again: a page may have ended it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.config import LadderConfig, OnnxConfig, Recipe
from pipeline.engines.deepseek_ocr import model as prompts
from pipeline.errors import ErrorKind
from pipeline.imaging import transform
from pipeline.rungs import Attempt, Outcome, Rung
from pipeline.types import Failure, Recognition, Request, Source, Status, Task

BESIDE = (Rung.SECOND, Rung.LAYER)
"""Rungs that the first engine has no part in."""
_BY_MODEL = (Rung.PLAIN, Rung.VIEW)
_HELPS: dict[Outcome, tuple[Rung, ...]] = {
    Outcome.GOOD: (),
    Outcome.LOOPED: (Rung.NGRAM, *_BY_MODEL, *BESIDE),
    Outcome.TRUNCATED: (*_BY_MODEL, *BESIDE),
    Outcome.EMPTY: (*_BY_MODEL, *BESIDE),
    Outcome.FAILED: BESIDE,
}
_WORTH = {
    Outcome.GOOD: 4,
    Outcome.TRUNCATED: 3,
    Outcome.LOOPED: 2,
    Outcome.EMPTY: 1,
    Outcome.FAILED: 0,
}
_READING = (Task.MARKDOWN, Task.TEXT)
"""Tasks that ask for the page's text: another prompt or engine answers them as well."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way to read a page: which rung, and what the engine is asked there."""

    rung: Rung
    request: Request


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt and what came of it, still without a word on the other attempts."""

    attempt: Attempt
    recognition: Recognition


def next_step(attempts: Sequence[Attempt], request: Request, recipe: Recipe | None) -> Step | None:
    """Where a page goes next, None where it stays as it is.

    Args:
        attempts: What was tried so far, at least the first.
        request: The first request, which every rung changes.
        recipe: Engine, rungs and caps. None: there is no ladder.
    """
    last = attempts[-1]
    if recipe is None or len(attempts) >= recipe.ladder.max_attempts:
        return None
    if _asked_for(last.outcome, request, recipe):
        return None
    spent = sum(attempt.output_tokens or 0 for attempt in attempts)
    for rung in _above(last.rung, recipe.ladder):
        affordable = rung in BESIDE or spent < recipe.ladder.max_tokens
        if affordable and rung in _HELPS[last.outcome]:
            changed = _changed(rung, request, recipe)
            if changed is not None:
                return Step(rung, changed)
    return None


def _asked_for(outcome: Outcome, request: Request, recipe: Recipe) -> bool:
    """Whether an answer is bad because bounds of its caller's own cut it."""
    if outcome is Outcome.EMPTY:
        return bool(request.sampling.stop)
    bounded = recipe.vllm is not None and request.max_tokens < recipe.vllm.max_tokens
    return outcome is Outcome.TRUNCATED and bounded


def _above(rung: Rung, config: LadderConfig) -> tuple[Rung, ...]:
    rungs = (Rung.BASE, *(Rung(name) for name in config.rungs))
    return rungs[rungs.index(rung) + 1 :]


def _changed(rung: Rung, request: Request, recipe: Recipe) -> Request | None:
    """The request of a rung, None where the page or the engine has no such rung."""
    if rung is Rung.LAYER:
        has_text = request.layer is not None and bool(request.layer.strip())
        return request if has_text and request.task in _READING else None
    if rung is Rung.SECOND:
        return _for_second(request, recipe)
    if recipe.engine == "onnx":
        return None
    changed = {Rung.NGRAM: _wider, Rung.PLAIN: _plain, Rung.VIEW: _other_view}[rung](
        request, recipe
    )
    if changed is None:
        return None
    return replace(changed, max_tokens=min(changed.max_tokens, recipe.ladder.rung_tokens))


def _wider(request: Request, recipe: Recipe) -> Request | None:
    ladder = recipe.ladder
    if recipe.vllm is not None and recipe.vllm.ngram_window >= ladder.ngram_window:
        return None
    sampling = replace(
        request.sampling, ngram_window=ladder.ngram_window, cells_repeat=ladder.cells_repeat
    )
    return replace(request, sampling=sampling)


def _plain(request: Request, recipe: Recipe) -> Request | None:
    """The prompt for plain text, None where the page had it already."""
    if request.task not in _READING:
        return None
    words = request.prompt
    if recipe.vllm is not None:
        words = prompts.prompt(Task.TEXT, prompts.family(recipe.vllm))
    if (words, Task.TEXT) == (request.prompt, request.task):
        return None
    return replace(request, prompt=words, task=Task.TEXT)


def _other_view(request: Request, recipe: Recipe) -> Request:
    if recipe.vllm is not None:
        return other_view(request, prompts.family(recipe.vllm))
    from pipeline.engines import fake

    return fake.other_view(request)


def other_view(request: Request, model: prompts.Family) -> Request:
    """The same page seen otherwise by DeepSeek-OCR.

    A page with tiles goes in without, as the global view alone: 273 tokens for 903, which leaves
    more of the context for the answer. A page that had no tiles is enlarged until it has some.
    """
    height_px, width_px = request.image.shape[:2]
    has_tiles = prompts.grid(width_px, height_px, model) != (0, 0)
    scale = model.tile_px * (1 if has_tiles else 2) / max(width_px, height_px)
    width_px, height_px = (max(1, round(side_px * scale)) for side_px in (width_px, height_px))
    size = prompts.fitted_size(width_px, height_px, model)
    return replace(
        request,
        image=transform.resize(request.image, *size),
        image_tokens=prompts.image_tokens(*size, model),
    )


def _for_second(request: Request, recipe: Recipe) -> Request | None:
    if not recipe.second or request.task not in _READING:
        return None
    from pipeline.engines.ppocr import engine

    return engine.second(request, recipe.onnx or OnnxConfig())


def best(tries: Sequence[Try]) -> Try:
    """The try whose answer is kept.

    A good answer before one that was cut off, before one that repeats itself, before an empty
    one, before none. Among equals the one that repeats itself less (by tenths), then the one
    with more text, then the earlier.
    """
    return max(tries, key=_merit)  # of equal ones the first


def _merit(one: Try) -> tuple[int, float, int]:
    attempt = one.attempt
    repetition = round(attempt.repetition or 0.0, 1)
    return _WORTH[attempt.outcome], -repetition, len(one.recognition.text)


def settled(tries: Sequence[Try], recipe: Recipe | None) -> Recognition:
    """What became of a page after all its attempts.

    A page that stayed empty in spite of its ink is an error where the ladder ends with
    `error_row`, else it is blank.
    """
    kept = best(tries)
    attempts = tuple(one.attempt for one in tries)
    ends_as_error = recipe is not None and Rung.ERROR.value in recipe.ladder.rungs
    if kept.attempt.outcome is Outcome.EMPTY and ends_as_error:
        return Recognition(Status.FAILED, failure=_nothing(attempts), attempts=attempts)
    rung = None if kept.recognition.failure else kept.attempt.rung
    return replace(kept.recognition, rung=rung, attempts=attempts)


def source(recognition: Recognition, seen: Source | None) -> Source | None:
    """Where the text of a page is from at last.

    Args:
        recognition: What became of the page.
        seen: Where it was to come from when the page was looked at.
    """
    if recognition.failure:
        return None
    return Source.TEXT_LAYER if recognition.rung is Rung.LAYER else seen


def _nothing(attempts: Sequence[Attempt]) -> Failure:
    rungs = ", ".join(attempt.rung for attempt in attempts)
    return Failure(ErrorKind.ENGINE, f"no text was found where there is ink (tried: {rungs})")
