"""Requests of `benchmarks.serving_faults`, and whether each was answered, refused or lost."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import aiohttp

from benchmarks.serving_app import App
from tests.support import sample_documents
from tests.support.live_service import image

CHAT_PATH = "/v1/chat/completions"
TIMEOUT_S = 60.0


class Fate(Enum):
    """What became of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(slots=True)
class Row:
    """A line of the table.

    Attributes:
        fault: What was done.
        allowed: Requests that may be lost: those that the killed process held.
        tries: How often it was done.
        fates: What became of the requests.
        seconds: Until each was settled.
        lost: What callers got whose requests are lost.
        remark: What else was seen.
        failed: Whether something else went wrong.
    """

    fault: str
    allowed: bool = False
    tries: int = 0
    fates: list[Fate] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    remark: str = ""
    failed: bool = False

    def add(self, fate: Fate, seconds: float, got: str) -> None:
        """Count a request."""
        self.fates.append(fate)
        self.seconds.append(seconds)
        if fate is Fate.LOST:
            self.lost[got] += 1

    @property
    def is_bad(self) -> bool:
        """Whether it is worse than it has to be."""
        return self.failed or (not self.allowed and Fate.LOST in self.fates)

    def line(self) -> str:
        """The line in Markdown."""
        counts = [self.fates.count(fate) for fate in Fate]
        worst = max(self.seconds, default=0.0)
        got = [f"{count} got {what}" for what, count in self.lost.most_common()]
        remark = "; ".join(filter(None, [self.remark, *got]))
        cells = [self.fault, self.tries, len(self.fates), *counts, f"{worst:.1f}", remark]
        return f"| {' | '.join(map(str, cells))} |"


def talk(words: int, **more: Any) -> dict[str, Any]:
    """A conversation whose answer has so many words."""
    messages = [{"role": "user", "content": "word " * words}]
    return {"model": "chat", "messages": messages} | more


def page() -> dict[str, Any]:
    """A chat completion with one page."""
    content = image(sample_documents.saved(sample_documents.corner_picture(), "PNG"))
    return {"model": "fake", "messages": [{"role": "user", "content": [content]}]}


async def settled(session: aiohttp.ClientSession, body: Any) -> tuple[Fate, float, str]:
    """Ask, and say what became of it, how long it took and what came; no body: for the health."""
    begin = time.perf_counter()
    try:
        if body is None:
            async with session.get("/health") as answer:
                fate, got = _fate(answer.status, await answer.read())
        else:
            async with session.post(CHAT_PATH, json=body) as answer:
                fate, got = _fate(answer.status, await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        fate, got = Fate.LOST, type(error).__name__
    return fate, time.perf_counter() - begin, got


def _fate(status: int, content: bytes) -> tuple[Fate, str]:
    if status == 200:
        return Fate.ANSWERED, ""
    try:
        code = json.loads(content)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return Fate.LOST, f"{status} {content[:40]!r}"
    return (Fate.LOST if code == "internal" else Fate.REFUSED), code


def connect(app: App) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    return aiohttp.ClientSession(app.url, connector=connector, timeout=timeout)


def address(app: App) -> tuple[str, int]:
    host, port = app.url.removeprefix("http://").split(":")
    return host, int(port)
