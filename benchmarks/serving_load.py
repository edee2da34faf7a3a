"""Clients of the service: closed and open loops over loopback, and what they measured."""

from __future__ import annotations

import asyncio
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, repeat
from typing import Any

import aiohttp

_TEXT = re.compile(rb'"(?:content|reasoning)": ?"[^"]')
_COUNT = re.compile(rb'"choices": ?\[\].*"completion_tokens": ?(\d+)')
_TIMEOUT = aiohttp.ClientTimeout(total=120)


@dataclass(frozen=True, slots=True)
class Kind:
    """A request.

    Attributes:
        name: For tables.
        path: Where it goes.
        body: Sent as JSON; None for a GET.
        is_stream: Read event by event.
    """

    name: str
    path: str
    body: Mapping[str, Any] | None = None
    is_stream: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What one request took.

    Attributes:
        status: HTTP status, 0 where there was no answer.
        total_s: Until its end.
        first_s: Until its first event with text (of an answer in one piece: its end).
        events: Events of a stream.
        tokens: What a stream says of itself, if it was asked.
        gaps_s: Between events that arrived one after the other.
    """

    status: int
    total_s: float
    first_s: float
    events: int = 0
    tokens: int = 0
    gaps_s: tuple[float, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Load:
    """The samples of a loop.

    Attributes:
        samples: One for every request.
        wall_s: From the first request to the last answer.
    """

    samples: Sequence[Sample]
    wall_s: float

    @property
    def per_s(self) -> float:
        """Requests in a second."""
        return len(self.samples) / self.wall_s

    @property
    def tokens_per_s(self) -> float:
        """Tokens of streams in a second."""
        return sum(sample.tokens for sample in self.samples) / self.wall_s

    @property
    def statuses(self) -> Counter[int]:
        """How many had which status."""
        return Counter(sample.status for sample in self.samples)

    def total_ms(self, quantile: float) -> float:
        """A quantile of the time to the end, milliseconds."""
        return 1000 * quantile_of([sample.total_s for sample in self.samples], quantile)

    def first_ms(self, quantile: float) -> float:
        """A quantile of the time to the first event, milliseconds."""
        return 1000 * quantile_of([sample.first_s for sample in self.samples], quantile)

    def gap_ms(self, quantile: float) -> float:
        """A quantile of the time between events, milliseconds."""
        gaps = [gap for sample in self.samples for gap in sample.gaps_s]
        return 1000 * quantile_of(gaps, quantile)

    def token_ms(self) -> float:
        """Median over requests of the mean time between their tokens, milliseconds."""
        means = [
            (sample.total_s - sample.first_s) / (sample.tokens - 1)
            for sample in self.samples
            if sample.tokens > 1
        ]
        return 1000 * statistics.median(means) if means else 0.0


def quantile_of(values: Sequence[float], quantile: float) -> float:
    """The value below which that part of the values lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0


def closed(url: str, kind: Kind, clients: int, count: int) -> Load:
    """As many clients, each of which asks again as soon as it has its answer."""
    return asyncio.run(asked(url, kind, clients, count))


def varied(url: str, kinds: Iterator[Kind], clients: int, count: int) -> Load:
    """As `closed`, every request the next one of many kinds."""
    return asyncio.run(_asked(url, kinds, clients, count))


def arriving(url: str, kind: Kind, per_s: float, count: int, seed: int = 0) -> Load:
    """Requests that arrive at random times (Poisson), whether the earlier are answered or not."""
    return asyncio.run(_arriving(url, kind, per_s, count, seed))


async def asked(url: str, kind: Kind, clients: int, count: int) -> Load:
    """As `closed`, on the running loop."""
    return await _asked(url, repeat(kind), clients, count)


async def _asked(url: str, kinds: Iterator[Kind], clients: int, count: int) -> Load:
    async with _session(url) as session:
        return await _loops(lambda: ask(session, next(kinds)), clients, count)


async def _arriving(url: str, kind: Kind, per_s: float, count: int, seed: int) -> Load:
    dice = random.Random(seed)
    async with _session(url) as session:
        tasks = []
        begin_s = due_s = time.perf_counter()
        for _ in range(count):
            due_s += dice.expovariate(per_s)
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            tasks.append(asyncio.ensure_future(ask(session, kind)))
        samples = await asyncio.gather(*tasks)
        return Load(samples, time.perf_counter() - begin_s)


def _session(url: str) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(url, connector=connector, timeout=_TIMEOUT)


async def ask(session: aiohttp.ClientSession, kind: Kind) -> Sample:
    """SendReport a request and read its answer to the end."""
    begin_s = time.perf_counter()
    method = "GET" if kind.body is None else "POST"
    try:
        async with session.request(method, kind.path, json=kind.body) as answer:
            if kind.is_stream and answer.status == 200:
                return await _events(answer, begin_s)
            await answer.read()
            took_s = time.perf_counter() - begin_s
            return Sample(answer.status, took_s, took_s)
    except (aiohttp.ClientError, TimeoutError):
        took_s = time.perf_counter() - begin_s
        return Sample(0, took_s, took_s)


async def _events(answer: aiohttp.ClientResponse, begin_s: float) -> Sample:
    """Time the events, and take the number of tokens from the one that tells it."""
    times: list[float] = []
    first_s, tokens = 0.0, 0
    async for line in answer.content:
        if not line.startswith(b"data: {"):
            continue
        if counted := _COUNT.search(line):
            tokens = int(counted[1])
            continue
        times.append(time.perf_counter())
        if not first_s and _TEXT.search(line):
            first_s = times[-1]
    end_s = time.perf_counter()
    gaps = tuple(late - early for early, late in pairwise(times))
    took_s = (first_s or end_s) - begin_s
    return Sample(answer.status, end_s - begin_s, took_s, len(times), tokens, gaps)


async def timed(call: Callable[[], Awaitable[Any]], clients: int, count: int) -> Load:
    """The same closed loop over anything that can be awaited."""

    async def one() -> Sample:
        begin_s = time.perf_counter()
        await call()
        took_s = time.perf_counter() - begin_s
        return Sample(200, took_s, took_s)

    return await _loops(one, clients, count)


async def _loops(one: Callable[[], Awaitable[Sample]], clients: int, count: int) -> Load:
    left = iter(range(count))

    async def client() -> list[Sample]:
        return [await one() for _ in left]

    begin_s = time.perf_counter()
    found = await asyncio.gather(*(client() for _ in range(clients)))
    return Load(list(chain.from_iterable(found)), time.perf_counter() - begin_s)
