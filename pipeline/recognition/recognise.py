"""From a prepared page to its text: the code path that batch and online share."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from pipeline.config import Recipe
from pipeline.engines.base import Engine, EngineSpec
from pipeline.engines.registry import reading_engine
from pipeline.engines.request import read_answer, read_lines
from pipeline.errors import ConfigError, EngineError, ErrorKind, JobError
from pipeline.imaging.ink import ink_ppm
from pipeline.recognition import answer, retry_ladder
from pipeline.recognition.mixed_pages import with_layer
from pipeline.recognition.page_layout import with_layout
from pipeline.recognition.retry_ladder import AttemptResult, NextAttempt
from pipeline.recognition.script_check import UnreadScript, unread_script
from pipeline.recognition.text_score import image_parts
from pipeline.text import scripts
from pipeline.text.repetition import repetition
from pipeline.types import (
    Attempt,
    Block,
    Failure,
    Generation,
    Recognition,
    Request,
    Rung,
    ScoreParts,
    ScriptHint,
    Status,
)

_log = logging.getLogger(__name__)


async def recognise(
    engine: Engine, request: Request, recipe: Recipe, second: Engine | None = None
) -> Recognition:
    """Read one page, and again in other ways while the answer is not good.

    Args:
        engine: The recipe's engine.
        request: The page, prepared for this engine.
        recipe: How answers are read, and what is tried after a bad one.
        second: The recipe's second engine.

    Returns:
        Text, blocks and status of the best attempt; where no engine answered, a result with
        status `failed`.

    Raises:
        ConfigError: The engine does not do what its model needs (the self-test).
        JobError: The engine died too often.
    """
    planned: NextAttempt | None = retry_ladder.first_attempt(request, recipe)
    results: list[AttemptResult] = []
    while planned is not None:
        used = second if planned.rung is Rung.SECOND else engine
        results.append(await _attempt(used, planned, recipe))
        request = _with_script(request, results[-1].recognition)
        planned = _next(results, request, recipe)
    read = retry_ladder.final_recognition(results, recipe)
    return _whole(read, request)


def _whole(read: Recognition, request: Request) -> Recognition:
    """The result of a page of which the engine got the pictures only; that of others as it is."""
    mixed = request.mixed
    return read if mixed is None else with_layer(read, mixed, request.turned_deg)


def _with_script(request: Request, read: Recognition) -> Request:
    """The request with the script that an engine was found not to read, for the next engine."""
    script = scripts.unread_page(read.warnings)
    if script is None or script == scripts.UNKNOWN:
        return request
    return replace(request, script_hint=ScriptHint(script, is_certain=True))


def _next(results: list[AttemptResult], request: Request, recipe: Recipe) -> NextAttempt | None:
    attempts = [result.attempt for result in results]
    try:
        return retry_ladder.next_attempt(attempts, request, recipe)
    except Exception:  # an error of ours must not discard what was read so far
        _log.exception("the next rung could not be prepared")
        return None


async def _attempt(engine: Engine | None, planned: NextAttempt, recipe: Recipe) -> AttemptResult:
    begin = time.perf_counter()
    if planned.rung is Rung.LAYER:
        recognition = _from_layer(planned.request)
    else:
        spec = reading_engine(recipe, planned.rung)
        recognition = await _from_engine(engine, spec, planned.request, recipe)
    ms = (time.perf_counter() - begin) * 1000
    return AttemptResult(_assess(planned, recognition, recipe, ms), recognition)


async def _from_engine(
    engine: Engine | None, spec: EngineSpec, request: Request, recipe: Recipe
) -> Recognition:
    try:
        if engine is None:
            raise EngineError("there is no second engine here")
        generation = await with_layout(await engine.generate(request), request, recipe)
        return _read(generation, request, spec, spec.scripts(recipe))
    except EngineError as error:
        return failed(ErrorKind.ENGINE, str(error))
    except (ConfigError, JobError):
        raise  # not the page's fault: every other page would fail too
    except Exception as error:
        return failed(ErrorKind.INTERNAL, repr(error))


def _read(
    generation: Generation, request: Request, spec: EngineSpec, readable: tuple[str, ...]
) -> Recognition:
    text, blocks = read_answer(generation, request, spec)
    unread = unread_script(generation, text, request, readable)
    return Recognition(
        status=answer.status(generation, text),
        text=text,
        blocks=blocks,
        raw=generation.text or None,
        generation=replace(generation, text="", lines=(), layout=None),
        warnings=(_unread_warning(unread, spec),) if unread else (),
        score_parts=image_parts(generation, text, blocks, request),
        lines=read_lines(generation, request),
    )


def _unread_warning(script: UnreadScript, spec: EngineSpec) -> str:
    message = f"the engine {spec.name} lacks its letters: text is missing or wrong"
    if script.is_partial or script.name == scripts.UNKNOWN:
        message = f"lines were found that the engine {spec.name} could not read"
    return scripts.warning(script.name, message, in_part=script.is_partial)


def _assess(planned: NextAttempt, read: Recognition, recipe: Recipe, ms: float) -> Attempt:
    generation = read.generation
    score = None if read.raw is None else repetition(read.raw)
    ink = ink_ppm(planned.request.image) if read.status is Status.BLANK else 0.0
    unread = scripts.unread_page(read.warnings)
    return Attempt(
        rung=planned.rung,
        outcome=answer.outcome(read.status, score or 0.0, ink, recipe.ladder, unread),
        finish_reason=generation.finish_reason if generation else None,
        repetition=score,
        output_tokens=generation.output_tokens if generation else None,
        ms=ms,
        error=read.failure.message if read.failure else None,
    )


def _from_layer(request: Request) -> Recognition:
    text = request.layer or ""
    block = Block("text", text)
    return Recognition(Status.OK, text, (block,), generation=Generation(), score_parts=ScoreParts())


def failed_page(request: Request, kind: ErrorKind, message: str) -> Recognition:
    """The result of a page that the engine cannot be given: what its layer has, if anything."""
    return _whole(failed(kind, message), request)


def failed(kind: ErrorKind, message: str) -> Recognition:
    """The result of a page that could not be read."""
    return Recognition(Status.FAILED, failure=Failure(kind, message))
