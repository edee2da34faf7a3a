"""The vLLM engine alone, part by part of the plugin: pages/s, tokens/s, where the time goes.

    python -m benchmarks.gpu_engine --out engine.jsonl --name all --repeat 3
    python -m benchmarks.gpu_engine --out engine.jsonl --name stock --set plugin=off

Pages are drawn beforehand and go through what a job's engine does with them: cut up in threads,
submitted, answered. With `--kind text` there are no pictures, with `prefill` one token is
written. Each run appends one line of JSON. `--barrier` lets several of these, on one GPU or on
several, measure at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_profile
from benchmarks.gpu import BATCHED_TOKENS, ENVIRONMENT, MEMORY, SEATS, host
from benchmarks.gpu_pages import documents, model, pictures
from benchmarks.gpu_watch import GpuMonitor

_SPARE = 32
"""Pages in flight beyond the seats: they are prepared meanwhile."""
_TEXT_TOKENS = 910
_SMALL_PX = 640
_FILLED_S = 9
"""By then all seats are taken and the first pages are not yet finished."""


def main() -> None:
    options = _options()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    asyncio.run(_run(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help="results, added to")
    parser.add_argument("--name", required=True, help="name of this configuration")
    parser.add_argument("--work", default="/tmp/rayscribe-gpu")
    parser.add_argument("--pages", type=int, default=512)
    parser.add_argument("--tokens", default="1000", help="tokens of each answer, or `drawn`")
    parser.add_argument("--kind", action="append", choices=("pages", "small", "text", "prefill"))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", metavar="FILE.json", help="write the token ids of all answers")
    parser.add_argument("--barrier", metavar="FOLDER", help="wait there for `--parties` of these")
    parser.add_argument("--parties", type=int, default=2)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--functions", metavar="FILE", help="the core's Python, at the end")
    parser.add_argument("--profile", metavar="FOLDER", help="at the end: where the time goes")
    return parser.parse_args()


def config(options: argparse.Namespace) -> Any:
    from pipeline.config import VllmConfig

    values: dict[str, Any] = {
        "model": str(model(Path(options.work))),
        "family": "deepseek-ocr",
        "load_format": "random",
        "ignore_eos": True,
        "gpu_memory_utilization": MEMORY,
        "max_num_seqs": SEATS,
        "max_num_batched_tokens": BATCHED_TOKENS,
        "prepare_threads": 8,
    }
    return VllmConfig(**values | dict(pair.split("=", 1) for pair in options.set))


async def _run(options: argparse.Namespace) -> None:
    from pipeline.engines.deepseek_ocr.engine import VllmCore

    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    chosen = config(options)
    begin = time.time()
    if options.profile:
        _profiled(Path(options.profile))
    core: Any = VllmCore.start(chosen, options.self_test)
    await core.check()
    start_s = round(time.time() - begin, 1)
    print("started", options.name, start_s, flush=True)
    pages = [np.asarray(page) for page in pictures(documents(work, min(options.pages, 64)))]
    await _measure(core, pages, options, "pages", 16, 16)
    _wait(options)
    for number in range(options.repeat):
        for kind in options.kind or ["pages"]:
            found = await _measure(core, pages, options, kind, options.pages, None)
            found |= {"name": options.name, "repeat": number, "start_s": start_s, "host": host()}
            found |= {"set": options.set, "parts": str(core.parts)}
            with Path(options.out).open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            shown = {k: v for k, v in found.items() if k not in ("host", "parts")}
            print("RESULT", json.dumps(shown), flush=True)
    if options.functions:
        await _functions(core, pages, options)
    if options.profile:
        await _profile(core, pages, options)
    core.close()


async def _functions(core: Any, pages: list[Any], options: argparse.Namespace) -> None:
    """Print where the core's Python goes while text is decoded with all seats taken."""
    work = asyncio.create_task(
        _measure(core, pages, options, "text", core.config.max_num_seqs, 500)
    )
    await asyncio.sleep(2.5)
    try:
        for name, share in await gpu_profile.functions(3, Path(options.functions)):
            print("FUNCTION", share, name, flush=True)
    except Exception as error:
        print("NO FUNCTIONS", repr(error)[:300], flush=True)
    await work


def _profiled(folder: Path) -> None:
    """Let vLLM start with its profiler."""
    from pipeline.engines.deepseek_ocr import engine

    plain = engine.engine_args
    engine.engine_args = lambda config: plain(config) | gpu_profile.arguments(folder)


async def _profile(core: Any, pages: list[Any], options: argparse.Namespace) -> None:
    """Print where time goes once the batch is full and pages only decode."""
    folder = Path(options.profile)
    kind = (options.kind or ["pages"])[-1]
    work = asyncio.create_task(
        _measure(core, pages, options, "text" if kind == "prefill" else kind, options.pages, None)
    )
    await asyncio.sleep(_FILLED_S)
    print(await gpu_profile.kernels(core._llm, folder, 1.0), flush=True)
    await work


def _wait(options: argparse.Namespace) -> None:
    if not options.barrier:
        return
    folder = Path(options.barrier)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < options.parties:
        time.sleep(0.1)


async def _measure(
    core: Any,
    pages: list[Any],
    options: argparse.Namespace,
    kind: str,
    count: int,
    limit: int | None,
) -> dict[str, Any]:
    lengths = _lengths(options.tokens, count) if limit is None else [limit] * count
    if kind == "prefill":
        lengths = [1] * count
    seats = asyncio.Semaphore(core.config.max_num_seqs + _SPARE)

    async def one(number: int) -> Any:
        async with seats:
            return await _answer(core, pages, kind, number, lengths[number])

    cpu = os.times()
    with GpuMonitor() as watch:
        begin = time.time()
        outputs = await asyncio.gather(*(one(number) for number in range(count)))
        end = time.time()
    spent = os.times()
    if options.keep and limit is None and kind != "prefill":
        ids = [list(output.outputs[0].token_ids) for output in outputs]
        Path(options.keep).write_text(json.dumps(ids), encoding="utf-8")
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    seconds = end - begin
    return {
        "kind": kind,
        "pages": count,
        "seconds": round(seconds, 2),
        "begin": round(begin, 2),
        "pages_per_s": round(count / seconds, 2),
        "tokens_per_s": round(tokens / seconds),
        "prompt_tokens": len(outputs[0].prompt_token_ids),
        "front_cores": round((spent.user + spent.system - cpu.user - cpu.system) / seconds, 2),
        "gpu_busy": watch.mean(begin, end),
    }


async def _answer(core: Any, pages: list[Any], kind: str, number: int, tokens: int) -> Any:
    from pipeline.engines.deepseek_ocr import model, requests
    from pipeline.types import Instruction, PageImage, Task

    rule = model.ngram_args(core.config, core.vocabulary.whitelist)
    if kind == "text":
        ids = [0, *(300 + (number * 7 + at) % 5000 for at in range(_TEXT_TOKENS))]
        rendered: Any = {"prompt_token_ids": ids}
    else:
        page = pages[number % len(pages)]
        if kind == "small":
            page = page[:_SMALL_PX, :_SMALL_PX]
        request = requests.make_request(
            PageImage(page, dpi=150), Instruction(Task.MARKDOWN), core.config
        )
        rendered = await core.render(replace(request, max_tokens=tokens))
    return await core.complete(rendered, max_tokens=tokens, ignore_eos=True, extra_args=rule)


def _lengths(tokens: str, count: int) -> list[int]:
    """Tokens of each answer: all alike, or spread as real pages are (log-normal, mean 1,000)."""
    if tokens != "drawn":
        return [int(tokens)] * count
    rng = np.random.default_rng(0)
    sigma = 0.7
    drawn = rng.lognormal(np.log(1000) - sigma**2 / 2, sigma, count)
    return [int(length) for length in np.clip(drawn, 20, 6000)]


if __name__ == "__main__":
    main()
