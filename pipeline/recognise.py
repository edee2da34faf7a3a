"""The code path that batch and online share, from a prepared page to its text."""

from __future__ import annotations

from dataclasses import replace

from pipeline import quality
from pipeline.engines.base import Engine
from pipeline.errors import ConfigError, EngineError, ErrorKind, JobError
from pipeline.interpret import interpret
from pipeline.types import Failure, Generation, Recognition, Request, Status


async def recognise(engine: Engine, request: Request) -> Recognition:
    """Read one page. Whatever the engine does, there is a result.

    Args:
        engine: Reads the page.
        request: The page, prepared for this engine.

    Returns:
        Text, blocks and status; a failure of the engine is a result with status `failed`.

    Raises:
        ConfigError: The engine does not do what its model needs (the self-test).
        JobError: The engine died too often.
    """
    try:
        return _read(await engine.generate(request), request)
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


def failed(kind: ErrorKind, message: str) -> Recognition:
    """The result of a page that could not be read."""
    return Recognition(Status.FAILED, failure=Failure(kind, message))
