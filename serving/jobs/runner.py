"""Works on what is in the store: one runner in each ingress replica.

A job is worked on by the process that holds its lock (`pipeline.job.lock`). A process that ends
leaves locks that others take over: those of this machine at once, others after `lock.stale_s`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, cast

from pipeline.errors import ConfigError, RayscribeError
from pipeline.job import lock
from serving.config import JobConfig
from serving.jobs.records import Problem
from serving.jobs.store import Key, Kind, Store
from serving.jobs.store_calls import to_thread

_MIB: Final = 1 << 20
_PAUSE_S: Final = 30.0
"""Seconds after which work is begun again that ended with an unexpected error."""
_MAX_FAULTS: Final = 3
"""Unexpected errors after which a job has failed."""
_SWEEP_S: Final = 600.0
_LOOKS: Final = 16
"""Records that are looked at at a time: each look waits for the store."""
_INTERNAL: Final = Problem(code="internal", message="the server failed on this; please report it")
_log = logging.getLogger(__name__)


class Work(Protocol):
    """What is done for records of one kind."""

    def ended_at(self, key: Key) -> float | None:
        """When it ended, Unix time in seconds; None where there is something to do. Blocks."""

    async def run(self, key: Key, check: Callable[[], None]) -> None:
        """Do it to its end, from where it is. Cancelled where the process stops or it is removed.

        Only one process calls it at a time, unless one was paused for longer than `lock.stale_s`.

        Args:
            key: What is to be done.
            check: Raises `JobError` where another process has taken its lock. Blocks.
        """

    def is_read(self, key: Key) -> bool:
        """Whether what is left to do reads nothing and needs no model. Blocks."""

    def awaits(self, key: Key) -> bool:
        """Whether a record of this data may still be written, by work that goes on. Blocks."""

    def fail(self, key: Key, problem: Problem, check: Callable[[], None]) -> None:
        """End it, with what there is of a result. `check` is that of `run`. Blocks."""


class _GoneError(Exception):
    """The record was removed."""


class _FullError(Exception):
    """The owner has more than it may keep."""


@dataclass(slots=True)
class _Run:
    is_read: bool
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Runner:
    """Takes what is to be done, and removes what is kept no longer.

    Args:
        store: Where it is.
        works: What is done, by kind. Kinds without are only kept.
        config: How much at a time, and how long it is kept.
    """

    def __init__(self, store: Store, works: Mapping[Kind, Work], config: JobConfig) -> None:
        self._store = store
        self._works = works
        self._config = config
        self._wake = asyncio.Event()
        self._runs: dict[Key, _Run] = {}
        self._ended: dict[Key, float] = {}
        self._not_before: dict[Key, float] = {}
        self._faults: Counter[Key] = Counter()
        self._swept_at_s = 0.0
        self._said: set[Key | None] = set()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.ensure_future(self._look_again_and_again())

    async def close(self) -> None:
        """Stop. What is being done goes on when a runner is started."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait({self._loop})
        await asyncio.gather(*(self.end(key) for key in list(self._runs)))

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    async def end(self, key: Key) -> None:
        """Stop what this process does for a record, and give up its lock."""
        run = self._runs.get(key)
        if run is not None and run.task is not None:
            run.stop.set()
            await asyncio.wait({run.task})

    # --- what there is to do

    async def _look_again_and_again(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._look()
                self._said.discard(None)
            except (RayscribeError, OSError, ValueError):
                self._say_once(None, "the jobs cannot be listed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.poll_s):
                    await self._wake.wait()

    async def _look(self) -> None:
        keys = await to_thread(self._store.keys)
        for known in (self._ended, self._not_before, self._faults):
            for key in known.keys() - set(keys):
                known.pop(key)
        self._said &= {None, *keys}
        steps = await self._next_steps(keys)
        waiting = {key: is_read for key, is_read in steps.items() if is_read is not None}
        for is_read, limit in (
            (False, self._config.running),
            (True, self._config.webhooks_in_flight),
        ):
            self._begin([key for key in waiting if waiting[key] is is_read], limit, is_read=is_read)
        if time.monotonic() - self._swept_at_s > _SWEEP_S:
            self._swept_at_s = time.monotonic()
            await to_thread(self._store.remove_orphans, self._is_awaited)

    def _begin(self, waiting: list[Key], limit: int, *, is_read: bool) -> None:
        """Begin with those that wait, each owner in its turn, as long as there is place."""
        running = Counter(key.owner for key, run in self._runs.items() if run.is_read is is_read)
        while waiting and running.total() < limit:
            key = min(waiting, key=lambda key: running[key.owner])  # the oldest of that owner
            waiting.remove(key)
            running[key.owner] += 1
            run = self._runs[key] = _Run(is_read)
            run.task = asyncio.ensure_future(self._run(key, run))

    def _is_awaited(self, key: Key) -> bool:
        try:
            return any(work.awaits(key) for work in self._works.values())
        except ValueError:  # a state that cannot be read: nothing is known
            return True

    async def _next_steps(self, keys: Sequence[Key]) -> dict[Key, bool | None]:
        """What is to be done now for each, in the order of the keys: some are looked at at a time.

        One after the other, thousands that wait would keep free places waiting for minutes.
        """
        places = asyncio.Semaphore(_LOOKS)

        async def next_step(key: Key) -> bool | None:
            async with places:
                return await self._next_step(key)

        found = await asyncio.gather(*map(next_step, keys), return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        return dict(zip(keys, cast(list[bool | None], found), strict=True))

    async def _next_step(self, key: Key) -> bool | None:
        """What is to be done now: nothing (None), or something that `Work.is_read` tells apart."""
        try:
            if not await self._is_waiting(key):
                return None
            is_read = await to_thread(self._works[key.kind].is_read, key)
            self._said.discard(key)
            return is_read
        except (ValueError, OSError):  # of another version, or damaged: no other is concerned
            self._say_once(key, f"{key.id} cannot be read or removed")
            return None

    def _say_once(self, key: Key | None, text: str) -> None:
        """Log the current exception, once until it was seen that it has gone."""
        if key not in self._said:
            self._said.add(key)
            _log.exception(text)

    async def _is_waiting(self, key: Key) -> bool:
        """Whether work can be begun; what is kept no longer is removed."""
        if key in self._runs:
            return False
        work = self._works.get(key.kind)
        if work is not None and key not in self._ended:
            ended_at = await to_thread(work.ended_at, key)
            if ended_at is None:
                return self._not_before.get(key, 0.0) <= time.monotonic()
            self._ended[key] = ended_at
        if time.time() - self._ended.get(key, key.created_at) > self._config.kept_s:
            await to_thread(self._store.remove, key)
        return False

    # --- one job

    async def _run(self, key: Key, run: _Run) -> None:
        work = self._works[key.kind]
        try:
            async with self._held(key) as check:
                if await to_thread(work.ended_at, key) is None:
                    await self._watched(work, key, check, run)
        except ConfigError:  # another process works on it
            self._not_before[key] = time.monotonic() + self._config.poll_s
        except _GoneError:
            with suppress(OSError, RayscribeError):  # else it is an orphan, which is removed later
                await to_thread(self._store.remove_data, key)
        except Exception:
            _log.exception("work on %s failed", key.id)
            self._not_before[key] = time.monotonic() + _PAUSE_S
        finally:
            del self._runs[key]
            if not run.stop.is_set():
                self.wake()

    async def _watched(self, work: Work, key: Key, check: Callable[[], None], run: _Run) -> None:
        """Run the work until it ends, is stopped, or must not go on."""
        running = asyncio.ensure_future(work.run(key, check))
        others = [
            asyncio.ensure_future(self._watch(key, check, run)),
            asyncio.ensure_future(run.stop.wait()),
        ]
        await asyncio.wait({running, *others}, return_when=asyncio.FIRST_COMPLETED)
        is_done = running.done()
        for task in (running, *others):
            task.cancel()
        outcomes = await asyncio.gather(running, *others, return_exceptions=True)
        try:
            for outcome in outcomes[: 1 if is_done else None]:
                if isinstance(outcome, Exception):
                    raise outcome
        except _FullError:
            problem = Problem(
                code="storage_full",
                message=f"this key keeps more than job.max_mib ({self._config.max_mib:g} MiB);"
                " delete jobs or files",
            )
            await to_thread(work.fail, key, problem, check)
        except (_GoneError, RayscribeError, OSError):
            raise  # the store does not answer, or is full: that ends some time
        except Exception:
            await self._count_fault(work, key, check)
            raise

    async def _count_fault(self, work: Work, key: Key, check: Callable[[], None]) -> None:
        self._faults[key] += 1
        if self._faults[key] >= _MAX_FAULTS:
            await to_thread(work.fail, key, _INTERNAL, check)

    async def _watch(self, key: Key, check: Callable[[], None], run: _Run) -> None:
        """Raise as soon as the work must not go on.

        Raises:
            JobError: Another process has taken the lock.
            _GoneError: The record was removed.
            _FullError: The owner keeps too much.
        """
        while True:
            await asyncio.sleep(self._config.poll_s)
            await to_thread(self._check, key, check, run)

    def _check(self, key: Key, check: Callable[[], None], run: _Run) -> None:
        check()
        if not self._store.exists(key):
            raise _GoneError
        if not run.is_read and self._store.size_bytes(key.owner) > self._config.max_mib * _MIB:
            raise _FullError

    @asynccontextmanager
    async def _held(self, key: Key) -> AsyncIterator[Callable[[], None]]:
        """Hold the lock of a job; what checks it. Never cancelled: a lock of nobody stays.

        Raises:
            ConfigError: Another process has it.
        """
        folder = await to_thread(self._store.make_folder, key)
        holding = lock.held(folder, self._config.lock, _log.info)
        held = await to_thread(holding.__enter__)
        try:
            yield held.check if held is not None else _unlocked
        finally:
            await to_thread(holding.__exit__, None, None, None)


def _unlocked() -> None:
    """The check of a store that can have no locks."""
