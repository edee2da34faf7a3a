"""What an engine is to the rest of the pipeline: `Engine` reads pages, `EngineSpec` says the rest.

All that differs from engine to engine is a field of its `EngineSpec`, defined in the engine's own
folder and found by name in `pipeline.engines.registry`. No module outside `pipeline.engines`
compares the kind of an engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from pipeline.config import EngineConfig, EngineKind, LadderConfig, Recipe, Settings
from pipeline.errors import ConfigError, EngineError
from pipeline.types import (
    Block,
    Generation,
    Instruction,
    Outcome,
    PageImage,
    Request,
    Rung,
    Task,
)

_CPUS_PER_THREAD: Final = 0.7
"""Less than 1, so that the other stages find CPUs beside the engines."""


class Engine(Protocol):
    """Reads prepared pages. One async method and no sync twin."""

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: The engine could not answer.
            ConfigError: It does not do what its model needs, whatever the page.
            JobError: It cannot go on.
        """
        ...


BAD_OUTCOMES: Final = frozenset(Outcome) - {Outcome.GOOD}

RequestChange = Callable[[Request, Recipe], Request | None]
"""Makes another request of one; None where that would change nothing or cannot be done."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What one engine reserves.

    Attributes:
        threads: CPU threads that it computes with.
        gpus: GPUs that Ray reserves for it, 0 for none; a fraction shares one.
    """

    threads: int = 1
    gpus: float = 0.0

    @property
    def cpus(self) -> float:
        """CPUs that Ray reserves for it."""
        return _CPUS_PER_THREAD * self.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """All that the pipeline has to know of one engine.

    Attributes:
        name: The value of `engine.kind`, and the name of its section in `EngineConfig` and
            `Recipe`.
        scripts: The scripts that it reads (`pipeline.text.scripts`); () where no limit is known.
        settings: Its section of the config, for the recipe; what depends on the machine is settled
            there. Raises `ConfigError` for what is missing.
        model: The model's name, for the recipe.
        revision: The model's commit or release, for the recipe.
        online_name: What the model is called in requests, unless the config names it.
        tasks: The tasks that it knows.
        takes_prompts: Whether it can be given a caller's own words (`Instruction.verbatim`).
        check: Refuses an instruction that it cannot be given for another reason than its task,
            with a `ConfigError`.
        prepare: Makes a request of an upright page. Pure; runs on CPU workers.
        read: The Markdown and the blocks of an answer, boxes in pixels of the upright page.
        has_lines: Whether its answers are lines, whose structure is found afterwards.
        max_tokens: Most tokens of an answer, 0 for an engine without tokens.
        rungs: How each rung of the retry ladder changes the first request.
        has_second: Whether the ladder's rung `second_engine` may follow.
        second_helps: The outcomes after which it does.
        empty_is_error: Whether the ladder's rung `error_row` holds: an answer without text is
            an error where there is ink.
        adapt: Makes a request of one that was prepared for another engine; None where it does
            not serve as second engine.
        keeps_bounds: Whether it keeps a request's token limit and stop strings by itself.
        resources: What it reserves.
        workers: Engines that run side by side on a cluster with so many CPUs and GPUs.
        page_s: Seconds that a page takes one engine, roughly: tells which jobs need no Ray
            (`pipeline.job.local_engine`). Infinite for one that takes minutes to start.
        pages_in_flight: Pages that one engine should be given at a time.
        calls_factor: How many times the calls that hold `pages_in_flight` pages an actor gets. A
            call ends with its slowest page: more than 1 where answers differ much in length.
        parts: What of its optional parts will run, by name: "on", or what else. Called in the
            process that will use the engine; for the receipt.
        check_installed: Raises `ConfigError` where a package or model that it needs is missing.
        build: Builds it in the process that will use it, with or without its self-test. May take
            minutes, and raise `ConfigError` or `EngineError`.
    """

    name: EngineKind
    scripts: Callable[[Recipe], tuple[str, ...]]
    settings: Callable[[EngineConfig], Settings]
    model: Callable[[EngineConfig], str]
    revision: Callable[[EngineConfig], str]
    online_name: Callable[[EngineConfig], str]
    tasks: Callable[[Recipe], tuple[Task, ...]]
    takes_prompts: bool
    check: Callable[[Instruction, Recipe], None]
    prepare: Callable[[PageImage, Recipe, Instruction], Request]
    read: Callable[[Generation, Request], tuple[str, tuple[Block, ...]]]
    has_lines: bool
    max_tokens: Callable[[Recipe], int]
    rungs: Mapping[Rung, RequestChange]
    has_second: bool
    second_helps: frozenset[Outcome]
    empty_is_error: bool
    adapt: RequestChange | None
    keeps_bounds: bool
    resources: Callable[[EngineConfig], Resources]
    workers: Callable[[EngineConfig, int, float], int]
    page_s: Callable[[EngineConfig], float]
    pages_in_flight: Callable[[EngineConfig], int]
    calls_factor: int
    parts: Callable[[EngineConfig], Mapping[str, str]]
    check_installed: Callable[[EngineConfig], None]
    build: Callable[[EngineConfig, bool], Engine]


def wider_ngram(request: Request, ladder: LadderConfig) -> Request:
    """The request of rung `wider_ngram`: the n-gram rule searches more tokens."""
    sampling = replace(
        request.sampling, ngram_window=ladder.ngram_window, cells_repeat=ladder.cells_repeat
    )
    return replace(request, sampling=sampling)


class LazyEngine:
    """An engine that is built when the first page needs it, once, in a thread.

    Pages that come while it starts wait for it. Where it does not start, that page and all
    others get the same error; it is not tried again.

    Args:
        build: Builds the engine.
    """

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._engine: Engine | None = None
        self._error: Exception | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> Engine:
        """Build the engine, unless that was done before.

        Raises:
            ConfigError: Its package, device or model is missing.
            EngineError: It did not start.
        """
        async with self._starting:
            if self._error is not None:
                raise self._error
            if self._engine is None:
                try:
                    self._engine = await asyncio.to_thread(self._build)
                except Exception as error:
                    self._error = error
                    raise
            return self._engine

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            ConfigError: As `start`.
            EngineError: As `start`, or the engine failed on the page.
        """
        return await (await self.start()).generate(request)


class SecondEngine:
    """The second engine of a recipe, built when the first page comes to it.

    That it cannot be built costs a page its rung, and the job nothing.

    Args:
        build: Builds the engine.
    """

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._engine = LazyEngine(build)

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: The engine cannot be built, or failed on the page.
        """
        try:
            return await self._engine.generate(request)
        except ConfigError as error:
            raise EngineError(str(error)) from error
