"""Where greedy answers of two engines part, and how near the two tokens were: near-ties, counted.

    python -m benchmarks.gpu_ties --save stock.json --work /tmp/rayscribe-gpu --set plugin=off
    python -m benchmarks.gpu_ties --save plugin.json --work /tmp/rayscribe-gpu
    python -m benchmarks.gpu_ties --compare stock.json plugin.json

In bfloat16 a sum depends on how it was split up, so the same engine gives other logits when other
requests are in the batch. Each engine answers the pages twice, with all of them in flight and with
a few, so that vLLM against itself shows what that alone does. At the first place where two
answers differ, what came before is equal: the gap there is the difference of the two tokens'
logits as the first engine saw them. How far the logits of two engines lie from each other is
read from the tokens before, which both chose.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gpu_engine
from benchmarks.gpu_pages import documents, pictures
from benchmarks.gpu_setup import ENVIRONMENT

Answer = dict[str, Any]
"""`ids`: the tokens; `tops`: for each of them the likeliest tokens with their log chances."""

_TOP = 5


def main() -> None:
    options = _options()
    if options.compare:
        print(json.dumps(report(*(_read(path) for path in options.compare)), indent=1))
        return
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    asyncio.run(_save(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--save", metavar="FILE.json", help="answers of one engine")
    parser.add_argument("--compare", nargs=2, metavar="FILE.json", help="answers of two engines")
    parser.add_argument("--work", default="/tmp/rayscribe-gpu")
    parser.add_argument("--pages", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--few", type=int, default=8, help="pages in flight the second time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args()


def _read(path: str) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


# --- answers of an engine


async def _save(options: argparse.Namespace) -> None:
    from pipeline.engines.deepseek_ocr.engine import VllmCore

    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    core: Any = VllmCore.start(gpu_engine.config(options), self_test=False)
    pages = [np.asarray(page) for page in pictures(documents(work, options.pages))]
    found = {}
    for name, flight in (("many", options.pages), ("few", options.few)):
        seats = asyncio.Semaphore(flight)
        asked = (
            _answer(core, page, options.tokens, f"{name}-{number}", seats)
            for number, page in enumerate(pages)
        )
        found[name] = await asyncio.gather(*asked)
    core.close()
    Path(options.save).write_text(json.dumps(found), encoding="utf-8")


async def _answer(core: Any, page: Any, tokens: int, name: str, seats: asyncio.Semaphore) -> Answer:
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    from pipeline.engines.deepseek_ocr import model, requests
    from pipeline.types import Instruction, PageImage, Task

    params = SamplingParams(
        temperature=0,
        max_tokens=tokens,
        ignore_eos=True,
        logprobs=_TOP,
        extra_args=model.ngram_args(core.config, core.vocabulary.whitelist),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    request = requests.make_request(
        PageImage(page, dpi=150), Instruction(Task.MARKDOWN), core.config
    )
    async with seats:
        rendered = await core.render(request)
        outputs = [out async for out in core._llm.generate(rendered, params, name)]
    (answer,) = outputs[-1].outputs
    tops = [
        {str(token): round(chance.logprob, 6) for token, chance in at.items()}
        for at in answer.logprobs
    ]
    return {"ids": list(answer.token_ids), "tops": tops}


# --- comparing


def report(first: dict[str, list[Answer]], second: dict[str, list[Answer]]) -> dict[str, Any]:
    """The first engine against the second, and against itself with few pages in flight."""
    return {
        "itself, many and few in flight": compare(first["many"], first["few"]),
        "the other, many in flight": compare(first["many"], second["many"]),
        "the other, few in flight": compare(first["few"], second["few"]),
    }


def compare(first: Sequence[Answer], second: Sequence[Answer]) -> dict[str, Any]:
    """Partings of two engines' answers to the same pages.

    Returns:
        `noise`: differences of log chances of tokens that both chose, before the parting.
        `gaps`: at the parting, by the first engine; `far`: partings whose second token is not
        even among the first engine's likeliest. `near`: gaps within the largest difference that
        was seen twice over, since each of two logits may move that far.
    """
    partings = [_parting(a["ids"], b["ids"]) for a, b in zip(first, second, strict=True)]
    noise, gaps, far = list[float](), list[float](), 0
    for a, b, at in zip(first, second, partings, strict=True):
        noise += [
            abs(x[str(token)] - y[str(token)])
            for token, x, y in zip(a["ids"][:at], a["tops"], b["tops"], strict=False)
        ]
        if at == len(a["ids"]):
            continue
        own, other = (a["tops"][at].get(str(side["ids"][at])) for side in (a, b))
        if other is None or own is None:
            far += 1
        else:
            gaps.append(own - other)
    near = sum(abs(gap) <= 2 * max(noise, default=0.0) for gap in gaps)
    return {
        "pages": len(partings),
        "equal to the end": sum(at == len(a["ids"]) for a, at in zip(first, partings, strict=True)),
        "tokens until they part": _spread(partings),
        "noise": _spread(noise),
        "gaps": _spread(gaps),
        "near": near,
        "not near": len(gaps) - near,
        "far": far,
    }


def _parting(a: Sequence[int], b: Sequence[int]) -> int:
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), len(a))


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    ordered = sorted(values)
    return {
        "least": round(ordered[0], 5),
        "median": round(statistics.median(ordered), 5),
        "p99": round(ordered[int(0.99 * (len(ordered) - 1))], 5),
        "most": round(ordered[-1], 5),
    }


if __name__ == "__main__":
    main()
