"""The retry ladder: which way to read a page comes next, and which answer is kept. Pure.

A page goes from the first rung (`base`) upwards and never back; each rung is tried once at
most, changes one thing of the first request, and is left out where it cannot help:

| rung | changes | helps against |
| --- | --- | --- |
| wider_ngram | window of the rule against repetition; table cells are no exception | loops |
| plain_text | the prompt | loops, cut off, empty |
| other_view | tiles or none | loops, cut off, empty |
| second_engine | the engine | loops, cut off, empty, unread script, failed |
| text_layer | the text is the PDF's own | loops, cut off, empty, unread script, failed |
| error_row | nothing is read: an answer that stayed empty becomes an error | empty |

How the first engine's rungs change a request is in its spec (`EngineSpec.rungs`). An engine that
failed on a page does not get it again: a page may have ended it. After an answer in an unread
script the text layer is taken only where it is legible in that script: one in another script was
refused for its doubts, and what the engine did read is worth more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.config import LadderConfig, Recipe
from pipeline.engines.registry import SPECS, reading_engine, second_of
from pipeline.errors import ErrorKind
from pipeline.text.scripts import is_written_in, unread_script
from pipeline.types import (
    Attempt,
    Failure,
    Outcome,
    Recognition,
    Request,
    Rung,
    Source,
    Status,
    Task,
)

WITHOUT_FIRST_ENGINE: Final = (Rung.SECOND, Rung.LAYER)
"""Rungs on which the first engine does nothing."""
_OTHER_REQUESTS: Final = (Rung.PLAIN, Rung.VIEW)
_HELPS: Final[dict[Outcome, tuple[Rung, ...]]] = {
    Outcome.GOOD: (),
    Outcome.LOOPED: (Rung.NGRAM, *_OTHER_REQUESTS, *WITHOUT_FIRST_ENGINE),
    Outcome.TRUNCATED: (*_OTHER_REQUESTS, *WITHOUT_FIRST_ENGINE),
    Outcome.UNREAD: WITHOUT_FIRST_ENGINE,
    Outcome.EMPTY: (*_OTHER_REQUESTS, *WITHOUT_FIRST_ENGINE),
    Outcome.FAILED: WITHOUT_FIRST_ENGINE,
}
_RANK: Final = {
    Outcome.GOOD: 5,
    Outcome.TRUNCATED: 4,
    Outcome.LOOPED: 3,
    Outcome.UNREAD: 2,
    Outcome.EMPTY: 1,
    Outcome.FAILED: 0,
}
_NOTHING_READ: Final = (
    "lines were found and none could be read: perhaps a script that the engine does not read;"
    " another engine may (--engine.kind tesseract or vllm, or --ladder.second-engine tesseract)"
)
_TEXT_TASKS: Final = (Task.MARKDOWN, Task.TEXT)
"""Tasks that ask for the page's text: the prompt for plain text, the second engine and the text
layer answer them as well."""
_FOR_TEXT: Final = (Rung.PLAIN, *WITHOUT_FIRST_ENGINE)


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """An attempt that is still to be made: its rung, and the request that the engine gets."""

    rung: Rung
    request: Request


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """An attempt that was made, and what was read."""

    attempt: Attempt
    recognition: Recognition


def first_attempt(request: Request, recipe: Recipe) -> NextAttempt:
    """How a page is read first: by the second engine where only that one has its script.

    Args:
        request: The page, prepared for the first engine.
        recipe: Engines and rungs.
    """
    hint = request.script_hint
    if hint and hint.is_certain and Rung.SECOND.value in recipe.ladder.rungs:
        first, second = SPECS[recipe.engine].scripts(recipe), second_of(recipe).scripts(recipe)
        is_for_second = bool(first) and hint.script not in first and hint.script in second
        changed = _changed(Rung.SECOND, request, recipe) if is_for_second else None
        if changed is not None:
            return NextAttempt(Rung.SECOND, changed)
    return NextAttempt(Rung.BASE, request)


def next_attempt(
    attempts: Sequence[Attempt], request: Request, recipe: Recipe
) -> NextAttempt | None:
    """How a page is read next, None where its answers stay as they are.

    Args:
        attempts: What was tried so far, at least the first.
        request: The first request, which every rung changes.
        recipe: Engine, rungs and limits.
    """
    last, ladder = attempts[-1], recipe.ladder
    if len(attempts) >= ladder.max_attempts or _is_wanted(last.outcome, request, recipe):
        return None
    spent = sum(attempt.output_tokens or 0 for attempt in attempts)
    for rung in _above(last.rung, ladder):
        is_affordable = rung in WITHOUT_FIRST_ENGINE or spent < ladder.max_tokens
        if is_affordable and _helps(rung, last.outcome, recipe):
            changed = _changed(rung, request, recipe)
            if changed is not None and not _is_foreign(rung, attempts, changed, recipe):
                return NextAttempt(rung, changed)
    return None


def _helps(rung: Rung, outcome: Outcome, recipe: Recipe) -> bool:
    if rung is Rung.SECOND and outcome not in SPECS[recipe.engine].second_helps:
        return False
    return rung in _HELPS[outcome]


def _is_foreign(rung: Rung, attempts: Sequence[Attempt], request: Request, recipe: Recipe) -> bool:
    """Whether a rung takes a layer that does not have the script which an engine did not read."""
    unread = [attempt.rung for attempt in attempts if attempt.outcome is Outcome.UNREAD]
    if rung is not Rung.LAYER or not unread:
        return False
    layer, hint = request.layer or "", request.script_hint
    if hint and hint.is_certain:
        return not is_written_in(layer, hint.script)
    readable = reading_engine(recipe, unread[0]).scripts(recipe)
    return unread_script(layer, readable) is None


def _is_wanted(outcome: Outcome, request: Request, recipe: Recipe) -> bool:
    """Whether an answer is empty or cut off because the caller's own bounds made it so."""
    if outcome is Outcome.EMPTY:
        return bool(request.sampling.stop)
    is_bounded = request.max_tokens < SPECS[recipe.engine].max_tokens(recipe)
    return outcome is Outcome.TRUNCATED and is_bounded


def _above(rung: Rung, config: LadderConfig) -> tuple[Rung, ...]:
    rungs = (Rung.BASE, *(Rung(name) for name in config.rungs))
    return rungs[rungs.index(rung) + 1 :]


def _changed(rung: Rung, request: Request, recipe: Recipe) -> Request | None:
    """The request of a rung, None where the page or the engine has no such rung."""
    if rung in _FOR_TEXT and request.task not in _TEXT_TASKS:
        return None
    if rung is Rung.LAYER:
        return request if (request.layer or "").strip() else None
    if rung is Rung.SECOND:
        return _for_second(request, recipe)
    change = SPECS[recipe.engine].rungs.get(rung)
    changed = change(request, recipe) if change else None
    if changed is None:
        return None
    return replace(changed, max_tokens=min(changed.max_tokens, recipe.ladder.rung_tokens))


def _for_second(request: Request, recipe: Recipe) -> Request | None:
    """The second engine's request, None where there is none or it does not read the script."""
    second = second_of(recipe)
    if not recipe.second or second.adapt is None:
        return None
    hint, readable = request.script_hint, second.scripts(recipe)
    if hint and hint.is_certain and readable and hint.script not in readable:
        return None
    return second.adapt(request, recipe)


def best_result(results: Sequence[AttemptResult]) -> AttemptResult:
    """The result whose answer is kept.

    A good answer before one that was cut off, before one that repeats itself, before an empty
    one, before none. Among equals the one that repeats itself less (by tenths), then the one
    with more text, then the earlier.
    """
    return max(results, key=_rank)  # of equal ones the first


def _rank(result: AttemptResult) -> tuple[int, float, int]:
    attempt = result.attempt
    repetition = round(attempt.repetition or 0.0, 1)
    return _RANK[attempt.outcome], -repetition, len(result.recognition.text)


def final_recognition(results: Sequence[AttemptResult], recipe: Recipe) -> Recognition:
    """What became of a page after all its attempts.

    A page that stayed empty in spite of its ink is an error where the ladder ends with
    `error_row`, else it is blank; one with lines of which none was read is always an error.
    """
    best = best_result(results)
    attempts = tuple(result.attempt for result in results)
    ends_as_error = Rung.ERROR.value in recipe.ladder.rungs
    if best.attempt.outcome is Outcome.EMPTY and ends_as_error:
        return Recognition(Status.FAILED, failure=_no_text(attempts), attempts=attempts)
    if best.attempt.outcome is Outcome.UNREAD and not best.recognition.text.strip():
        return Recognition(
            Status.FAILED,
            failure=Failure(ErrorKind.ENGINE, _NOTHING_READ),
            attempts=attempts,
            warnings=best.recognition.warnings,
        )
    rung = None if best.recognition.failure else best.attempt.rung
    return replace(best.recognition, rung=rung, attempts=attempts)


def text_source(recognition: Recognition, planned: Source | None) -> Source | None:
    """Where the text of a page is from after recognition.

    Args:
        recognition: What became of the page.
        planned: Where it was to come from when the page was looked at. Of a page with its layer's
            text and nothing read in its pictures the rung is that of the layer.
    """
    if recognition.failure:
        return None
    return Source.TEXT_LAYER if recognition.rung is Rung.LAYER else planned


def _no_text(attempts: Sequence[Attempt]) -> Failure:
    rungs = ", ".join(attempt.rung for attempt in attempts)
    return Failure(ErrorKind.ENGINE, f"no text was found where there is ink (tried: {rungs})")
