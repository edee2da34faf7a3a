"""What the service costs around its models: ``python -m benchmarks.serving``.

The service runs as `jobs.serve` runs it, on a Ray of its own, with the fake engine and the fake
chat model, which take no time. Clients on the same machine ask it

- in closed loops: so many clients, each of which asks again as soon as it has its answer, and
- in open loops: requests that arrive at random times, whether the earlier are answered or not.

Then one image is read in three ways, one request after the other: through the service, through
Serve's handle of the engine's deployment, and by the engine in this process. The differences are
the costs of the ingress (whose reader process decodes the image) and of Serve. Last, the private
memory of every part is measured before and after many requests. Numbers are medians over
rounds, with the range in brackets.

    python -m benchmarks.serving --vllm --out FILE.json

compares with `vllm serve` instead: see `benchmarks.serving_vllm`.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import serving_app, serving_load, serving_vllm
from benchmarks.serving_app import App
from benchmarks.serving_load import Kind, Load
from pipeline.config import EngineConfig, Recipe
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_engine
from pipeline.engines.request import prepare_request
from pipeline.recognition.recognise import recognise
from pipeline.types import PageImage, Request
from serving import run
from serving.config import ServeConfig
from serving.deployments import OCR
from tests.support import sample_documents
from tests.support.live_service import image

CLIENTS = (1, 8, 32)
RATES_PER_S = (20.0, 60.0)
WORDS = 8
"""Of a chat answer."""
SETTINGS: dict[str, Any] = {
    "models": ["ocr", "chat"],
    "engine": {"kind": "fake"},
    "chat": {"kind": "fake", "name": "chat"},
    "scale": {
        # Nothing here may wait for a start, or for a CPU that Ray holds for somebody else.
        "ocr": {"min_replicas": 1, "max_replicas": 1, "max_ongoing_requests": 64, "num_cpus": 0},
        "chat": {"min_replicas": 1, "max_replicas": 1, "num_cpus": 0},
    },
    "ray": {"cpus": 2},
}


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.vllm:
        return serving_vllm.compare(arguments)
    with serving_app.running(ServeConfig.model_validate(SETTINGS)) as app:
        for kind in kinds():
            serving_load.closed(app.url, kind, 4, 40)  # everything is imported and connected
        closed_loops(app, arguments)
        open_loops(app, arguments)
        ways(app, arguments)
        memory(app, arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving")
    parser.add_argument("--requests", type=int, default=300, help="requests of a closed loop")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every loop")
    parser.add_argument("--memory", type=int, default=10_000, help="requests of the memory test")
    parser.add_argument("--vllm", action="store_true", help="compare with vllm serve instead")
    serving_vllm.add_arguments(parser)
    return parser


def kinds() -> list[Kind]:
    """The requests that are measured."""
    words: dict[str, Any] = {"role": "user", "content": "word " * WORDS}
    talk = {"model": "chat", "messages": [words]}
    page = {
        "model": "fake",
        "messages": [{"role": "user", "content": [image(sample_documents.saved(drawn(), "PNG"))]}],
    }
    path = "/v1/chat/completions"
    return [
        Kind("health", "/health"),
        Kind("chat", path, talk),
        Kind("chat, streamed", path, talk | {"stream": True}, is_stream=True),
        Kind("OCR of a PNG", path, page),
    ]


def drawn() -> Image.Image:
    """A small image."""
    return sample_documents.corner_picture(200, 100)


# --- loops


def closed_loops(app: App, arguments: argparse.Namespace) -> None:
    print(f"\nClosed loops of {arguments.requests} requests, {arguments.rounds} rounds")
    _head("clients")
    for kind in kinds():
        for clients in CLIENTS:
            call = partial(serving_load.closed, app.url, kind, clients, arguments.requests)
            _row(kind, f"{clients}", _rounds(call, arguments.rounds))


def open_loops(app: App, arguments: argparse.Namespace) -> None:
    print(f"\nOpen loops of {arguments.requests} requests, {arguments.rounds} rounds")
    _head("arrivals/s")
    for kind in kinds():
        for rate in RATES_PER_S:
            call = partial(serving_load.arriving, app.url, kind, rate, arguments.requests)
            _row(kind, f"{rate:g}", _rounds(call, arguments.rounds))


def _rounds(call: Callable[[], Load], rounds: int) -> list[Load]:
    loads = [call() for _ in range(rounds)]
    for load in loads:
        if set(load.statuses) != {200}:
            raise SystemExit(f"not all were answered: {dict(load.statuses)}")
    return loads


def _head(column: str) -> None:
    names = ("requests/s", "p50 ms", "p95 ms", "p99 ms", "first event ms")
    print(f"{'request':16}{column:>11}" + "".join(f"{name:>22}" for name in names))


def _row(kind: Kind, column: str, loads: Sequence[Load]) -> None:
    cells = [spread([load.per_s for load in loads])]
    cells += [spread([load.total_ms(part) for load in loads]) for part in (0.5, 0.95, 0.99)]
    if kind.is_stream:
        cells.append(spread([load.first_ms(0.5) for load in loads]))
    print(f"{kind.name:16}{column:>11}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def spread(values: Sequence[float]) -> str:
    """The median, and the range in brackets."""
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


# --- three ways to read one image


def ways(app: App, arguments: argparse.Namespace) -> None:
    """Print what a request costs more than a call of the deployment, and of the engine."""
    print(f"\nOne image after the other, p50 ms, {arguments.rounds} rounds of 100")
    rounds = [asyncio.run(_ways(app)) for _ in range(arguments.rounds)]
    for name in rounds[0]:
        print(f"{name:44}{spread([found[name] for found in rounds]):>22}")
    service, handle, engine = (
        statistics.median(found[name] for found in rounds) for name in rounds[0]
    )
    print(f"{'the ingress and the proxy cost':44}{service - handle:>10.1f}")
    print(f"{'Serve between ingress and engine costs':44}{handle - engine:>10.1f}")


async def _ways(app: App) -> dict[str, float]:
    from ray import serve

    handle = serve.get_deployment_handle(OCR, run.APP)
    engine = build_engine(EngineConfig(kind="fake"))
    recipe = make_recipe(app.config, "fake")
    request = _request(recipe)

    async def through_handle() -> None:
        await handle.recognise.remote(request, {})

    kind = kinds()[-1]
    service = await serving_load.asked(app.url, kind, 1, 100)
    loads = {
        "through the service": service,
        "a call of the deployment": await serving_load.timed(through_handle, 1, 100),
        "a call of the engine in this process": await serving_load.timed(
            lambda: recognise(engine, request, recipe), 1, 100
        ),
    }
    return {name: load.total_ms(0.5) for name, load in loads.items()}


def _request(recipe: Recipe) -> Request:
    return prepare_request(PageImage(np.asarray(drawn()), 0.0), recipe)


# --- memory


def memory(app: App, arguments: argparse.Namespace) -> None:
    """Print the private memory of each part before, on the way and after many requests."""
    steps = 4
    count = max(4, arguments.memory // steps // len(kinds()))
    print(f"\nPrivate memory, MiB, over {count * steps * len(kinds())} requests of all kinds")
    found = [app.private_mib()]
    for _ in range(steps):
        for kind in kinds():
            _rounds(partial(serving_load.closed, app.url, kind, 16, count), 1)
        found.append(app.private_mib())
    done = [step * count * len(kinds()) for step in range(steps + 1)]
    print(f"{'part':12}" + "".join(f"{number:>10}" for number in done) + f"{'per 1,000*':>12}")
    for part in found[0]:
        values = [sample[part] for sample in found]
        slope = 1000 * (values[-1] - values[1]) / (done[-1] - done[1])
        print(f"{part:12}" + "".join(f"{value:>10.1f}" for value in values) + f"{slope:>12.2f}")
    print("* after the first quarter")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
