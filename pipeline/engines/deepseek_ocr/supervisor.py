"""Restarts an engine whose process died, and reads the pages again that were in flight.

When vLLM's core dies, every page in flight fails with it, and nothing says which one caused it.
So those pages are read again one by one, the latest first, on a new core, while new pages wait.
If the core dies again, the page that was alone on it is the cause and fails; the others go back
to be read together.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import ConfigError, EngineError, JobError
from pipeline.types import Generation, Request

_log = logging.getLogger(__name__)

_pause = asyncio.sleep
_RESET_PAGES = 256
"""Pages finished since the last death after which restarts are counted from 0 again."""


class EngineDied(Exception):  # noqa: N818 - an event, mapped from the engine's own error
    """The core cannot answer any more, this page or another."""


class Core(Protocol):
    """An engine that may die."""

    async def check(self) -> None:
        """Test it once, before the first page.

        Raises:
            ConfigError: It would not give the right answers.
        """
        ...

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: This page failed; the core goes on.
            EngineDied: The core is dead.
        """
        ...

    def close(self) -> None:
        """End it and free its memory. May block."""
        ...


@dataclass(slots=True)
class _Interrupted:
    """A page that was in flight when a core died."""

    number: int
    request: Request
    answer: asyncio.Future[Generation | None]
    """The answer of the replay; None where the page is to be read again with the others."""

    def set_answer(self, answer: Generation | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def set_error(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Supervisor:
    """An engine that survives the death of its core.

    Args:
        start: Makes a core; blocks until it is ready. Called here for the first one, and in a
            thread for its successors.
        max_restarts: Cores that may be started after the first without 256 pages in between.
    """

    def __init__(self, start: Callable[[], Core], max_restarts: int) -> None:
        self._start = start
        self._max_restarts = max_restarts
        self._core: Core | None = start()
        self._dead: Core | None = None
        self._checked = False
        self._restarts = 0
        self._finished = 0
        self._numbers = itertools.count()
        self._starting = asyncio.Lock()
        self._accepts = asyncio.Event()
        self._accepts.set()
        self._in_flight = 0
        self._interrupted: list[_Interrupted] = []
        self._replay: asyncio.Task[None] | None = None

    async def generate(self, request: Request) -> Generation:
        """Recognise one page, on a second core if the first one dies.

        Raises:
            EngineError: The page failed, or ended the core twice.
            ConfigError: The core did not pass its test.
            JobError: The core died too often.
        """
        number = next(self._numbers)
        while True:
            await self._accepts.wait()
            try:
                return await self._attempt(request)
            except EngineDied:
                answer = await self._after_death(number, request)
            if answer is not None:
                return answer

    def close(self) -> None:
        """End the core."""
        if self._core is not None:
            self._core.close()
            self._core = None

    async def _attempt(self, request: Request) -> Generation:
        self._in_flight += 1
        core = self._core
        try:
            core = await self._running()
            answer = await core.generate(request)
        except EngineDied:
            self._retire(core)
            raise
        finally:
            self._in_flight -= 1
        self._finished += 1
        if self._finished >= _RESET_PAGES:
            self._restarts = 0
        return answer

    def _retire(self, core: Core | None) -> None:
        """Stop using a dead core; many pages report the same death."""
        if core is not None and self._core is core:
            self._core, self._dead = None, core
            self._finished = 0

    async def _running(self) -> Core:
        async with self._starting:
            while self._core is None:
                self._core = await self._restarted()
            if not self._checked:
                await _check(self._core)
                self._checked = True
            return self._core

    async def _restarted(self) -> Core | None:
        if self._restarts >= self._max_restarts:
            raise JobError(
                f"the engine died {self._restarts + 1} times; its log says why. Pages that are done"
                " are kept: start the job again to go on (engine.vllm.max_restarts allows more)"
            )
        self._restarts += 1
        try:
            return await asyncio.to_thread(self._replace)
        except ConfigError:
            raise
        except Exception:
            # Most often the memory of the dead core is not free yet: counts as a death.
            _log.exception("the engine did not start again")
            await _pause(self._restarts)
            return None

    def _replace(self) -> Core:
        if self._dead is not None:
            # Closing a dead core may fail; its processes end either way.
            with contextlib.suppress(Exception):
                self._dead.close()
            self._dead = None
        _log.warning("the engine died; starting it again (%d)", self._restarts)
        return self._start()

    async def _after_death(self, number: int, request: Request) -> Generation | None:
        self._accepts.clear()
        answer = asyncio.get_running_loop().create_future()
        self._interrupted.append(_Interrupted(number, request, answer))
        if self._replay is None:
            self._replay = asyncio.create_task(self._replay_pages())
        generation: Generation | None = await answer
        return generation

    async def _replay_pages(self) -> None:
        while self._in_flight:  # every page of the dead core reports before the first replay
            await asyncio.sleep(0.01)
        pages = sorted(self._interrupted, key=lambda page: page.number)
        self._interrupted = []
        try:
            while pages:
                if await self._kills_core(pages.pop()):
                    break
        except Exception as error:
            for page in pages:
                page.set_error(error)
        finally:
            for page in pages:
                page.set_answer(None)
            self._replay = None
            self._accepts.set()

    async def _kills_core(self, page: _Interrupted) -> bool:
        if page.answer.done():  # its caller has gone
            return False
        try:
            page.set_answer(await self._attempt(page.request))
        except EngineDied:
            page.set_error(EngineError("the page ended the engine twice, the second time alone"))
            return True
        except EngineError as error:
            page.set_error(error)
        except Exception as error:
            page.set_error(error)
            raise
        return False


async def _check(core: Core) -> None:
    try:
        await core.check()
    except EngineDied:
        raise ConfigError(
            "the engine died while it read its test page; its log says why (often too little"
            " memory: lower engine.vllm.max_num_seqs or max_num_batched_tokens)"
        ) from None
