"""The vLLM engine alone, part by part of the plugin: pages/s, tokens/s, where the time goes.

    python -m benchmarks.gpu_engine --out engine.jsonl --name all --load pages,1000,512,3
    python -m benchmarks.gpu_engine --out engine.jsonl --name stock --set plugin=off

Pages are drawn beforehand and go through what a job's engine does with them: cut up in threads,
submitted, answered. Each run appends one line of JSON. `--barrier` lets several of these, on one
GPU or on several, measure at the same time.
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

from benchmarks import gpu_profile, gpu_results
from benchmarks.gpu_pages import DRAWN, documents, model, model_2, pictures
from benchmarks.gpu_rows import Load, row_parser
from benchmarks.gpu_setup import BATCHED_TOKENS, ENVIRONMENT, MEMORY, SEATS, speed
from benchmarks.gpu_watch import GpuMonitor

_SPARE = 32
"""Pages in flight beyond the seats: they are prepared meanwhile."""
_TEXT_TOKENS = 910
_SMALL_PX = 640
_SPREAD = 0.63
_ANSWERED = 0.5
"""Answers by the seats after which a profile begins: pages end and enter one by one then."""
_PROFILED_S = 2.0


def main() -> None:
    options = _options()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    asyncio.run(_run(options))


def _options() -> argparse.Namespace:
    parser = row_parser(__doc__)
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

    changes = dict(pair.split("=", 1) for pair in options.set)
    folder = model_2 if changes.get("family") == "deepseek-ocr-2" else model
    values: dict[str, Any] = {
        "model": str(folder(Path(options.work))),
        "family": "deepseek-ocr",
        "load_format": "random",
        "ignore_eos": True,
        "gpu_memory_utilization": MEMORY,
        "max_num_seqs": SEATS,
        "max_num_batched_tokens": BATCHED_TOKENS,
        "prepare_threads": 8,
    }
    return VllmConfig(**values | changes)


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
    loads = options.load or [Load()]
    most = min(max(load.pages for load in loads), DRAWN)
    pages = [np.asarray(page) for page in pictures(documents(work, most))]
    await _measure(core, pages, Load(tokens="16", pages=16), None)
    _wait(options)
    for load in loads:
        for repeat in range(load.repeats):
            found = await _measure(core, pages, load, options.keep)
            found |= {"repeat": repeat, "start_s": start_s, "set": options.set}
            gpu_results.append(options.out, options.name, found | {"parts": str(core.parts)})
    if options.functions:
        await _functions(core, pages, options)
    if options.profile:
        await _profile(core, pages, Path(options.profile))
    core.close()


async def _functions(core: Any, pages: list[Any], options: argparse.Namespace) -> None:
    """Print where the core's Python goes while text is decoded with all seats taken."""
    work = asyncio.create_task(
        _measure(core, pages, Load("text", "500", core.config.max_num_seqs), None)
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


async def _profile(core: Any, pages: list[Any], folder: Path) -> None:
    """Print kernels by their time, once the batch is full and pages come one by one."""
    seats = core.config.max_num_seqs
    answered = asyncio.Semaphore(0)
    load = Load(tokens="drawn", pages=4 * seats)
    work = asyncio.create_task(_measure(core, pages, load, None, answered))
    for _ in range(int(_ANSWERED * seats)):
        await answered.acquire()
    print(await gpu_profile.kernels(core._llm, folder, _PROFILED_S), flush=True)
    work.cancel()
    await asyncio.wait([work])


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
    load: Load,
    keep: str | None,
    answered: asyncio.Semaphore | None = None,
) -> dict[str, Any]:
    """Answer all requests of a load; at most `_SPARE` wait for a seat, prepared already.

    `answered` is released once for each answer.
    """
    lengths = _lengths("1" if load.kind == "prefill" else load.tokens, load.pages)
    seats = asyncio.Semaphore(core.config.max_num_seqs + _SPARE)

    async def one(number: int) -> Any:
        async with seats:
            output = await _answer(core, pages, load.kind, number, lengths[number])
        if answered:
            answered.release()
        return output

    cpu = os.times()
    with GpuMonitor() as watch:
        begin = time.time()
        outputs = await asyncio.gather(*(one(number) for number in range(load.pages)))
        end = time.time()
    spent = os.times()
    if keep:
        ids = [list(output.outputs[0].token_ids) for output in outputs]
        Path(keep).write_text(json.dumps(ids), encoding="utf-8")
    made = sum(len(output.outputs[0].token_ids) for output in outputs)
    cores = (spent.user + spent.system - cpu.user - cpu.system) / (end - begin)
    return speed(load.pages, made, end - begin) | {
        "kind": load.kind,
        "tokens": load.tokens,
        "begin": round(begin, 2),
        "prompt_tokens": len(outputs[0].prompt_token_ids),
        "front_cores": round(cores, 2),
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
    """Tokens of each answer: all alike, or spread as real pages are.

    `drawn`: log-normal with the spread of the 79 pages of `../shared/corpus/accuracy/truth`,
    whose logarithm of characters has a standard deviation of 0.63 (shortest 336, median 2,342,
    longest 6,390). The mean is set to 1,000 tokens, so that the rate compares with other rows.
    """
    if tokens != "drawn":
        return [int(tokens)] * count
    rng = np.random.default_rng(0)
    drawn = rng.lognormal(np.log(1000) - _SPREAD**2 / 2, _SPREAD, count)
    return [int(length) for length in np.clip(drawn, 20, 6000)]


if __name__ == "__main__":
    main()
