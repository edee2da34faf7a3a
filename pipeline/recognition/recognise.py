"""The code path that batch and online share, from a prepared page to its text."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from pipeline.config import LadderConfig, Recipe
from pipeline.engines.base import Engine
from pipeline.errors import ConfigError, EngineError, ErrorKind, JobError
from pipeline.imaging.ink import ink_ppm
from pipeline.recognition import quality, retry_ladder
from pipeline.recognition.answer import interpret
from pipeline.recognition.retry_ladder import Step, Try
from pipeline.rungs import Attempt, Rung
from pipeline.text.repetition import repetition
from pipeline.types import Block, Failure, Generation, Recognition, Request, Status

_log = logging.getLogger(__name__)


async def recognise(
    engine: Engine, request: Request, recipe: Recipe | None = None, second: Engine | None = None
) -> Recognition:
    """Read one page, in other ways too if the first is no good. There is always a result.

    Args:
        engine: Reads the page.
        request: The page, prepared for this engine.
        recipe: What is tried after a bad answer; None: nothing.
        second: The recipe's second engine.

    Returns:
        Text, blocks and status of the best attempt; where no engine answered, a result with
        status `failed`.

    Raises:
        ConfigError: The engine does not do what its model needs (the self-test).
        JobError: The engine died too often.
    """
    step: Step | None = Step(Rung.BASE, request)
    tries: list[Try] = []
    while step is not None:
        reader = second if step.rung is Rung.SECOND else engine
        tries.append(await _tried(reader, step, recipe))
        step = _next(tries, request, recipe)
    return retry_ladder.settled(tries, recipe)


def _next(tries: list[Try], request: Request, recipe: Recipe | None) -> Step | None:
    try:
        return retry_ladder.next_step([one.attempt for one in tries], request, recipe)
    except Exception:  # a fault of ours must not cost what was read so far
        _log.exception("the next rung could not be prepared")
        return None


async def _tried(reader: Engine | None, step: Step, recipe: Recipe | None) -> Try:
    begin = time.perf_counter()
    from_layer = step.rung is Rung.LAYER
    recognition = _layer(step.request) if from_layer else await _answered(reader, step.request)
    ms = (time.perf_counter() - begin) * 1000
    limits = recipe.ladder if recipe else LadderConfig()
    return Try(_judged(step, recognition, limits, ms), recognition)


async def _answered(reader: Engine | None, request: Request) -> Recognition:
    try:
        if reader is None:
            raise EngineError("there is no second engine here")
        return _read(await reader.generate(request), request)
    except EngineError as error:
        return failed(ErrorKind.ENGINE, str(error))
    except (ConfigError, JobError):
        raise  # no page is to blame, and none would go better
    except Exception as error:
        return failed(ErrorKind.INTERNAL, repr(error))


def _read(generation: Generation, request: Request) -> Recognition:
    text, blocks = interpret(generation, request)
    return Recognition(
        status=quality.status(generation, text),
        text=text,
        blocks=blocks,
        raw=generation.text or None,
        generation=replace(generation, text="", lines=()),
    )


def _judged(step: Step, read: Recognition, limits: LadderConfig, ms: float) -> Attempt:
    generation = read.generation
    score = None if read.raw is None else repetition(read.raw)
    ink = ink_ppm(step.request.image) if read.status is Status.BLANK else 0.0
    return Attempt(
        rung=step.rung,
        outcome=quality.outcome(read.status, score or 0.0, ink, limits),
        finish_reason=generation.finish_reason if generation else None,
        repetition=score,
        output_tokens=generation.output_tokens if generation else None,
        ms=ms,
        error=read.failure.message if read.failure else None,
    )


def _layer(request: Request) -> Recognition:
    text = request.layer or ""
    return Recognition(Status.OK, text, (Block("text", text),), generation=Generation())


def failed(kind: ErrorKind, message: str) -> Recognition:
    """The result of a page that could not be read."""
    return Recognition(Status.FAILED, failure=Failure(kind, message))
