"""Configurations of vLLM's fused mixture-of-experts kernel for the decoder's sizes, timed.

    python -m benchmarks.gpu_moe --out FOLDER

For each number of tokens in a step: the kernel (both products and what lies between) with vLLM's
default configuration and with some dozens of others, in a CUDA graph, median of some replays. The
fastest go into a file that vLLM finds by `VLLM_TUNED_CONFIG_FOLDER`, one line a number of tokens;
where the gain is less than 2 %, the default is kept.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

EXPERTS, CHOSEN, HIDDEN, WIDTH = 64, 6, 1280, 896
TOKENS = (1, 16, 64, 128, 256, 512, 1024, 4096, 16384)
_LEAST_GAIN = 0.02
_RUNS, _REPLAYS = 5, 8
_LAYERS = 2
"""Different weights that take turns, so that none stays in the cache (each is 440 MB)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=150, help="time for all of it")
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS)
    options = parser.parse_args()
    import torch

    with torch.inference_mode():
        found = tune(options.tokens, options.seconds)
    write(Path(options.out), found)


def tune(tokens: tuple[int, ...], seconds: float) -> list[dict[str, Any]]:
    """Time configurations for each number of tokens; each number gets its part of the time."""
    import torch

    torch.manual_seed(0)
    weights = [
        tuple(
            torch.randn(EXPERTS, *shape, device="cuda", dtype=torch.bfloat16) * 0.02
            for shape in ((2 * WIDTH, HIDDEN), (HIDDEN, WIDTH))
        )
        for _ in range(_LAYERS)
    ]
    found = []
    for at, count in enumerate(tokens):
        end = time.monotonic() + seconds / len(tokens)
        row = _best(count, weights, end)
        print("MOE", at, json.dumps(row), flush=True)
        found.append(row)
    return found


def _best(count: int, weights: list[Any], end: float) -> dict[str, Any]:
    import torch
    from vllm.model_executor.layers.fused_moe.fused_moe import try_get_optimal_moe_config

    default = try_get_optimal_moe_config(
        weights[0][0].size(), weights[0][1].size(), CHOSEN, None, count
    )
    x = torch.randn(count, HIDDEN, device="cuda", dtype=torch.bfloat16)
    scores = torch.rand(count, EXPERTS, device="cuda").softmax(-1)
    chances, ids = scores.topk(CHOSEN)
    run = _runner(x, weights, chances.float(), ids.to(torch.int32))
    default_ms = run(default)
    tried, best = 1, (default_ms, default)
    for config in _candidates(count):
        if time.monotonic() > end:
            break
        tried += 1
        try:
            best = min(best, (run(config), config), key=lambda pair: pair[0])
        except Exception as error:  # does not fit the chip
            print("NO", count, config, repr(error)[:80], flush=True)
    again_ms, best_ms = run(default), run(best[1])
    return {
        "tokens": count,
        "tried": tried,
        "default": default,
        "default_ms": [default_ms, again_ms],
        "best": best[1],
        "best_ms": [best[0], best_ms],
        "gain": round(1 - best_ms / again_ms, 4),
    }


def _candidates(count: int) -> Iterator[dict[str, int]]:
    """Configurations worth a try, the likeliest first."""
    rows = (16, 32, 64) if count <= 512 else (64, 128)
    shapes = itertools.product(rows, (64, 128, 256), (64, 128))
    for (m, n, k), warps, stages, group in itertools.product(shapes, (4, 8), (3, 4, 5), (1, 16)):
        if m * n > 128 * 128 and warps == 4:
            continue
        if stages * (m + n) * k * 2 > 220_000:  # bytes of shared memory
            continue
        yield {
            "BLOCK_SIZE_M": m,
            "BLOCK_SIZE_N": n,
            "BLOCK_SIZE_K": k,
            "GROUP_SIZE_M": group,
            "num_warps": warps,
            "num_stages": stages,
        }


def _runner(x: Any, weights: list[Any], chances: Any, ids: Any) -> Callable[[Any], float]:
    """What times a configuration: median milliseconds of one layer, in a CUDA graph."""
    import torch
    from vllm.model_executor.layers.fused_moe import override_config
    from vllm.model_executor.layers.fused_moe.fused_moe import fused_experts

    def all_layers() -> None:
        for first, second in weights:
            fused_experts(x, first, second, chances, ids)

    def run(config: Any) -> float:
        with override_config(config):
            all_layers()
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for _ in range(_REPLAYS):
                    all_layers()
        graph.replay()
        spent = []
        for _ in range(_RUNS):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            graph.replay()
            end.record()
            torch.cuda.synchronize()
            spent.append(begin.elapsed_time(end) / _REPLAYS / len(weights))
        return round(statistics.median(spent), 5)

    return run


def write(folder: Path, found: list[dict[str, Any]]) -> None:
    """The file that vLLM reads, and beside it what was measured."""
    from vllm.model_executor.layers.fused_moe.fused_moe import get_config_file_name

    folder.mkdir(parents=True, exist_ok=True)
    chosen = {
        str(row["tokens"]): row["best" if row["gain"] >= _LEAST_GAIN else "default"]
        for row in found
    }
    name = get_config_file_name(EXPERTS, WIDTH, None, None)
    (folder / name).write_text(json.dumps(chosen, indent=1), encoding="utf-8")
    (folder / "measured.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
