"""Finds the fused-MoE kernel's configuration for DeepSeek-OCR's decoder on the running GPU.

    python -m benchmarks.gpu_moe --out pipeline/vllm_plugin/moe --seconds 120

64 experts of 1280 by 896, 6 for each token, bfloat16. vLLM ships configurations for other sizes;
without one it takes a guess. Writes the file that vLLM reads from `VLLM_TUNED_CONFIG_FOLDER`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu_encoder import timed

_EXPERTS, _WIDTH, _INNER, _CHOSEN = 64, 1280, 896, 6
_TOKENS = (8, 32, 64, 128, 256, 512, 1024, 4096)
_LAYERS = 4
"""Weights of this many layers in turn, so that none of them stays in the cache."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    import torch
    from vllm.config import VllmConfig, set_current_vllm_config

    with torch.inference_mode(), set_current_vllm_config(VllmConfig()):
        search(options.seconds, Path(options.out))


def candidates() -> list[dict[str, int]]:
    """Configurations to try, those near vLLM's own choice first."""
    space = itertools.product((16, 32, 64), (64, 128, 256), (64, 128), (1, 16), (4, 8), (3, 4, 5))
    names = ("BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M", "num_warps", "num_stages")
    made = [dict(zip(names, values, strict=True)) | {"SPLIT_K": 1} for values in space]
    made = [one for one in made if _fits(one)]
    random.Random(0).shuffle(made)
    known = {"BLOCK_SIZE_K": 64, "SPLIT_K": 1}
    first = [
        {"BLOCK_SIZE_M": m, "BLOCK_SIZE_N": n, "GROUP_SIZE_M": g, "num_warps": w, "num_stages": s}
        | known
        for m, n, g, w, s in (
            (16, 128, 1, 4, 4), (32, 128, 1, 4, 4), (64, 128, 1, 8, 3), (64, 128, 1, 4, 4),
            (128, 128, 16, 8, 3), (128, 128, 1, 8, 4), (128, 256, 16, 8, 3), (64, 256, 16, 8, 4),
            (16, 64, 1, 4, 5), (32, 64, 1, 4, 5),
        )
    ]
    return first + made


def _fits(one: dict[str, int]) -> bool:
    m, n, k = (one[f"BLOCK_SIZE_{axis}"] for axis in "MNK")
    return (m + n) * k * 2 * one["num_stages"] < 220_000 and m * n >= 1024


def search(seconds: float, folder: Path) -> None:
    import torch
    from vllm.model_executor.layers.fused_moe import override_config
    from vllm.model_executor.layers.fused_moe.fused_moe import (
        fused_experts,
        get_config_file_name,
        get_default_config,
    )

    torch.manual_seed(0)

    def weights(*shape: int) -> Any:
        return torch.randn(_LAYERS, _EXPERTS, *shape, device="cuda", dtype=torch.bfloat16) * 0.02

    up, down = weights(2 * _INNER, _WIDTH), weights(_WIDTH, _INNER)
    inputs = {}
    for count in _TOKENS:
        x = torch.randn(count, _WIDTH, device="cuda", dtype=torch.bfloat16)
        scores = torch.rand(count, _EXPERTS, device="cuda").topk(_CHOSEN)
        inputs[count] = (x, scores.values.float(), scores.indices.int())

    def measure(count: int) -> float:
        x, scores, chosen = inputs[count]

        def run() -> None:
            for layer in range(_LAYERS):
                fused_experts(x, up[layer], down[layer], scores, chosen)

        # As in the engine, where launches cost nothing: by a graph.
        run()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run()
        return timed(graph.replay) / _LAYERS

    # Where nothing is better, the guess is written down: vLLM takes the nearest count of a file.
    best = {
        count: (
            measure(count),
            get_default_config(count, _EXPERTS, _INNER, _WIDTH, _CHOSEN, None),
        )
        for count in _TOKENS
    }
    print("GUESS", {count: round(ms, 4) for count, (ms, _) in best.items()}, flush=True)
    guess = {count: ms for count, (ms, _) in best.items()}
    end, tried = time.monotonic() + seconds, 0
    for one in candidates():
        if time.monotonic() > end:
            break
        tried += 1
        with override_config(one):
            for count in _TOKENS:
                if count > 512 and one["BLOCK_SIZE_M"] < 64:
                    continue
                try:
                    ms = measure(count)
                except Exception:
                    break  # more shared memory than there is
                if ms < best[count][0]:
                    best[count] = (ms, one)
    gains = {count: [round(guess[count], 4), round(ms, 4), one] for count, (ms, one) in best.items()}
    print("TRIED", tried, "BEST", json.dumps(gains), flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    found = {str(count): one for count, (_, one) in best.items()}
    name = get_config_file_name(_EXPERTS, _INNER, None, None)
    (folder / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
