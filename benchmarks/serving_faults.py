"""What callers see when something breaks: ``python -m benchmarks.serving_faults``.

The service runs as `jobs.serve` runs it, on a Ray of its own, with the fake engine and the fake
chat model. Each fault is brought about a few times while clients ask. Printed is a Markdown table
of what became of every request: answered, refused with an error in OpenAI's shape, or lost (no
answer within a minute, or one that does not say why). Exit code 1 if one was lost that the killed
process did not hold, or if work for callers who have gone went on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from benchmarks import serving_app
from benchmarks.serving_app import App
from benchmarks.serving_fates import (
    CHAT_PATH,
    TIMEOUT_S,
    Fate,
    Row,
    address,
    connect,
    page,
    settled,
    talk,
)
from serving.config import ServeConfig

SETTINGS: dict[str, Any] = {
    "models": ["ocr", "chat"],
    "engine": {"kind": "fake", "fake": {"delay_ms": 500}},
    "chat": {"kind": "fake", "name": "chat", "fake_ms_per_word": 20},
    "scale": {
        "ocr": {"min_replicas": 2, "max_replicas": 2, "max_ongoing_requests": 4, "num_cpus": 0},
        "chat": {"min_replicas": 1, "max_replicas": 1, "num_cpus": 0},
    },
    "ray": {"cpus": 2},
}
COLD: dict[str, Any] = SETTINGS | {
    "models": ["ocr"],
    "ingress": {"num_replicas": 2},
    "scale": {
        "ocr": {"min_replicas": 0, "downscale_delay_s": 1, "look_back_period_s": 2, "num_cpus": 0}
    },
}
_IDLE = 1000
_SLOW_BYTES = 1024
_SLOW_S = 8.0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_faults")
    parser.add_argument("--tries", type=int, default=3, help="times that each fault is made")
    tries = parser.parse_args(argv).tries
    rows: list[Row] = []
    with serving_app.running(ServeConfig.model_validate(SETTINGS)) as app:
        for fault in (replica_killed, caller_gone, slow_caller, idle_connections, ingress_killed):
            rows.append(asyncio.run(fault(app, tries)))
            print(rows[-1].line(), file=sys.stderr, flush=True)
    with serving_app.running(ServeConfig.model_validate(COLD)) as app:
        for fault in (cold_start, one_ingress_killed):
            rows.append(asyncio.run(fault(app, tries)))
            print(rows[-1].line(), file=sys.stderr, flush=True)
    print("| fault | tries | requests | answered | refused | lost | worst s | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for row in rows:
        print(row.line())
    return int(any(row.is_bad for row in rows))


# --- faults


async def replica_killed(app: App, tries: int) -> Row:
    """Kill -9 one of two OCR replicas while pages are read."""
    row = Row("OCR replica killed under load")
    for _ in range(tries):
        await _until(lambda: _answers(app, page(), count=1), TIMEOUT_S)
        await _until(_there(app, "ocr", 2), TIMEOUT_S)
        await _killed(app, "ocr", row, [page() for _ in range(24)])
    return row


async def ingress_killed(app: App, tries: int) -> Row:
    """Kill -9 the only ingress while pages are read; then it is asked until it is back."""
    row = Row("ingress killed under load", allowed=True)
    away: list[float] = []
    for _ in range(tries):
        await _until(_there(app, "ingress", 1), TIMEOUT_S)
        begin = time.perf_counter()
        await _killed(app, "ingress", row, [page() for _ in range(24)])
        await _until(lambda: _answers(app, page(), count=1), TIMEOUT_S)
        away.append(time.perf_counter() - begin)
    row.remark = f"reading again after {max(away):.1f} s"
    return row


async def one_ingress_killed(app: App, tries: int) -> Row:
    """Kill -9 one of two ingresses: those that come after it must not notice."""
    row = Row("one of two ingresses killed under load", allowed=True)
    later = 0
    for _ in range(tries):
        await _until(lambda: _answers(app, page(), count=1), TIMEOUT_S)
        await _until(_there(app, "ingress", 2), TIMEOUT_S)
        await _killed(app, "ingress", row, [page() for _ in range(24)])
        async with connect(app) as session:
            for _ in range(10):
                later += (await settled(session, page()))[0] is Fate.LOST
    row.failed = later > 0
    row.remark = f"of {10 * tries} that came after it {later} were lost"
    return row


async def _killed(app: App, part: str, row: Row, bodies: Sequence[Any]) -> None:
    row.tries += 1
    async with connect(app) as session:
        asked = [asyncio.ensure_future(settled(session, body)) for body in bodies]
        await asyncio.sleep(0.5)
        os.kill(app.processes(part)[0].pid, signal.SIGKILL)
        for one in asked:
            row.add(*await one)


async def caller_gone(app: App, tries: int) -> Row:
    """Disconnect in the middle of an answer: the model must stop."""
    row = Row("client gone in mid-answer")
    worst_s = 0.0
    for _ in range(tries):
        row.tries += 1
        for body in (talk(2000, stream=True), talk(2000), page()):
            async with connect(app) as session:
                asked = asyncio.ensure_future(settled(session, body))
                await _until(_busy, 20)
                row.failed |= asked.done() or not await _busy()
                asked.cancel()
            begin = time.perf_counter()
            await _until(_idle, 20)
            worst_s = max(worst_s, time.perf_counter() - begin)
        async with connect(app) as session:
            row.add(*await settled(session, talk(2)))
    row.failed |= worst_s > 15
    row.remark = f"its work had ended after {worst_s:.1f} s at most"
    return row


async def slow_caller(app: App, tries: int) -> Row:
    """One reads 1 KB a second of a long stream; the others must not notice."""
    row = Row("slow client (1 KB/s), beside others")
    for _ in range(tries):
        row.tries += 1
        reading = asyncio.ensure_future(asyncio.to_thread(_read_slowly, app))
        async with connect(app) as session:
            while not reading.done():
                row.add(*await settled(session, talk(2)))
                await asyncio.sleep(0.1)
        row.failed |= not await reading
    await _until(_idle, 60)
    return row


def _read_slowly(app: App) -> bool:
    """Whether what came in those seconds was an answer that goes on."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.settimeout(TIMEOUT_S)
        connection.connect(address(app))
        body = json.dumps(talk(3000, stream=True)).encode()
        head = f"POST {CHAT_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got, end = b"", time.monotonic() + _SLOW_S
        while time.monotonic() < end:
            piece = connection.recv(_SLOW_BYTES)
            if not piece:
                return False
            got += piece
            time.sleep(1)
    return got.startswith(b"HTTP/1.1 200") and b'"error"' not in got


async def idle_connections(app: App, tries: int) -> Row:
    """A thousand connections that say nothing; the service must answer beside them."""
    row = Row(f"{_IDLE:,} idle connections, beside others")
    for _ in range(tries):
        row.tries += 1
        idle = [socket.create_connection(address(app), timeout=10) for _ in range(_IDLE)]
        try:
            async with connect(app) as session:
                for number in range(30):
                    row.add(*await settled(session, talk(2) if number % 2 else None))
        finally:
            for connection in idle:
                connection.close()
    return row


async def cold_start(app: App, tries: int) -> Row:
    """Five pages at once while no replica runs."""
    row = Row("cold start from 0 replicas")
    for _ in range(tries):
        row.tries += 1
        await _until(_there(app, "ocr", 0), TIMEOUT_S)
        async with connect(app) as session:
            for one in await asyncio.gather(*(settled(session, page()) for _ in range(5))):
                row.add(*one)
    return row


# --- waiting


async def _until(ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await ready():
        if time.monotonic() > deadline:
            return  # the caller measures what follows
        await asyncio.sleep(0.2)


async def _answers(app: App, body: Any, count: int) -> bool:
    async with connect(app) as session:
        fates = [(await settled(session, body))[0] for _ in range(count)]
    return set(fates) == {Fate.ANSWERED}


def _there(app: App, part: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def counted() -> bool:
        return len(app.processes(part)) == count

    return counted


async def _idle() -> bool:
    """Whether no replica of a model is answering anything."""
    return await asyncio.to_thread(_ongoing) == 0


async def _busy() -> bool:
    return not await _idle()


def _ongoing() -> int:
    import ray

    found = 0
    for name in ray.util.list_named_actors(all_namespaces=True):
        if name["name"].startswith("SERVE_REPLICA") and "#Ingress#" not in name["name"]:
            replica = ray.get_actor(name["name"], namespace=name["namespace"])
            found += ray.get(replica.get_num_ongoing_requests.remote())
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
