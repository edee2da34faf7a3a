"""Keeps an engine alive that can die: starts it again and replays what was in flight.

When vLLM's core dies, every page in flight fails with it and nothing says which one was to
blame. So the pages that were in flight are replayed one by one, the latest first, on a fresh
core, while new pages wait. A page during whose lone replay the core dies again is the culprit
and fails; the rest of the suspects are cleared and go on together.
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
_PAGES_THAT_FORGIVE = 256
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
class _Suspect:
    number: int
    request: Request
    verdict: asyncio.Future[Generation | None]
    """The answer of the replay, or None: cleared, to be run again with the others."""

    def acquit(self, answer: Generation | None) -> None:
        if not self.verdict.done():
            self.verdict.set_result(answer)

    def convict(self, error: Exception) -> None:
        if not self.verdict.done():
            self.verdict.set_exception(error)


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
        self._open = asyncio.Event()
        self._open.set()
        self._in_flight = 0
        self._suspects: list[_Suspect] = []
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
            await self._open.wait()
            try:
                return await self._attempt(request)
            except EngineDied:
                answer = await self._as_suspect(number, request)
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
        if self._finished >= _PAGES_THAT_FORGIVE:
            self._restarts = 0
        return answer

    def _retire(self, core: Core | None) -> None:
        """Take a dead core away, once: many pages report the same death."""
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
            # A dead core may fail at its own end; its processes go with it either way.
            with contextlib.suppress(Exception):
                self._dead.close()
            self._dead = None
        _log.warning("the engine died; starting it again (%d)", self._restarts)
        return self._start()

    async def _as_suspect(self, number: int, request: Request) -> Generation | None:
        self._open.clear()
        verdict = asyncio.get_running_loop().create_future()
        self._suspects.append(_Suspect(number, request, verdict))
        if self._replay is None:
            self._replay = asyncio.create_task(self._replay_suspects())
        answer: Generation | None = await verdict
        return answer

    async def _replay_suspects(self) -> None:
        while self._in_flight:  # every page of the dead core reports before the first replay
            await asyncio.sleep(0.01)
        suspects = sorted(self._suspects, key=lambda suspect: suspect.number)
        self._suspects = []
        try:
            while suspects:
                if await self._is_culprit(suspects.pop()):
                    break
        except Exception as error:
            for suspect in suspects:
                suspect.convict(error)
        finally:
            for suspect in suspects:
                suspect.acquit(None)
            self._replay = None
            self._open.set()

    async def _is_culprit(self, suspect: _Suspect) -> bool:
        if suspect.verdict.done():  # its caller has gone
            return False
        try:
            suspect.acquit(await self._attempt(suspect.request))
        except EngineDied:
            suspect.convict(EngineError("the page ended the engine twice, the second time alone"))
            return True
        except EngineError as error:
            suspect.convict(error)
        except Exception as error:
            suspect.convict(error)
            raise
        return False


async def _check(core: Core) -> None:
    try:
        await core.check()
    except EngineDied:
        raise ConfigError(
            "the engine died of its own test page; its log says why (often too little memory:"
            " lower engine.vllm.max_num_seqs or max_num_batched_tokens)"
        ) from None
