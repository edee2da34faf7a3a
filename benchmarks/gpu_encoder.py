"""The encoder's first half (SAM) on one GPU: vLLM's code against the plugin's, part by part.

    python -m benchmarks.gpu_encoder --out encoder.json

Random weights of the real sizes. For each batch: milliseconds by device events (median of some
runs), and the distance to the same in float32, relative: both are as far as bfloat16 is.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_BATCHES = ((1024, 1), (1024, 2), (1024, 8), (640, 6), (640, 12), (640, 48))
_RUNS = 7
_SIDES = (1024, 640)
_SHAPES = (("view", 1, 64, 192), ("tiles", 6, 40, 160), ("windows", 79, 14, 96))
"""Name, pictures or windows, side in tokens, width of a head with its positions."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="FILE.json")
    options = parser.parse_args()
    import torch

    found: list[dict[str, Any]] = []
    with torch.inference_mode():
        for measure in (kernels, towers):
            try:
                found += measure()
            except Exception as error:
                print("FAILED", measure.__name__, repr(error)[:500], flush=True)
    Path(options.out).write_text(json.dumps(found, indent=1), encoding="utf-8")


def kernels() -> list[dict[str, Any]]:
    """Attention with relative positions at the encoder's shapes, by several kernels."""
    import torch

    found = []
    for name, batch, side, wide in _SHAPES:
        shape = (batch, side * side, 12)
        q, k, v = (
            torch.randn(*shape, width, device="cuda", dtype=torch.bfloat16)
            for width in (wide, wide, 64)
        )
        for way, run in _ways(q, k, v, side).items():
            try:
                ms = timed(run)
            except RuntimeError as error:
                print("NO", name, way, str(error)[:200], flush=True)
                continue
            print("KERNEL", name, way, ms, flush=True)
            found.append({"what": "attention", "shape": name, "way": way, "ms": ms})
    return found


def _ways(q: Any, k: Any, v: Any, side: int) -> dict[str, Callable[[], Any]]:
    from torch.nn.functional import scaled_dot_product_attention as sdpa

    from pipeline.vllm_plugin.encoder.attention import cudnn_attention, flash_attention
    from pipeline.vllm_plugin.encoder.sam import plain_attention

    plain = [t[..., :64].transpose(1, 2).contiguous() for t in (q, k, v)]
    rows = q.new_empty(q.shape[0], q.shape[2], side * side, side, 1).normal_()

    def with_bias() -> Any:
        bias = (rows + rows.transpose(-1, -2)).view(*rows.shape[:3], -1)
        return sdpa(*plain, attn_mask=bias)

    return {
        "with bias": with_bias,
        "torch": partial(plain_attention, q, k, v),
        "cudnn": partial(cudnn_attention, q, k, v),
        "flash 3": partial(flash_attention, q, k, v),
    }


def towers() -> list[dict[str, Any]]:
    """SAM as a whole: vLLM's, ours, compiled, each also in a graph."""
    import torch

    from pipeline.vllm_plugin.encoder.attention import choose
    from pipeline.vllm_plugin.encoder.encoder import block_runner
    from pipeline.vllm_plugin.encoder.sam import Sam, plain_attention, run_block

    exact, stock = _modules()
    best = choose(stock.pos_embed)
    print("ATTENTION", getattr(best, "__name__", best), flush=True)
    ways: dict[str, Any] = {
        "vllm": stock,
        "ours, torch": Sam(stock, _SIDES, plain_attention, run_block),
        "ours": Sam(stock, _SIDES, best, run_block),
        "ours, compiled": Sam(stock, _SIDES, best, block_runner(True)),
    }
    found = []
    for side, batch in _BATCHES:
        x = torch.randn(batch, 3, side, side, device="cuda")
        true = exact(x[:2])
        for way, run in ways.items():
            try:
                row = {"what": "sam", "side": side, "batch": batch, "way": way}
                row |= _tower(run, x.bfloat16(), true)
            except Exception as error:
                print("FAILED", way, side, batch, repr(error)[:600], flush=True)
                continue
            print("SAM", json.dumps(row), flush=True)
            found.append(row)
    return found


def _modules() -> tuple[Any, Any]:
    """VLLM's SAM with the same random weights in float32 and in bfloat16."""
    import torch
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.model_executor.models.deepencoder import build_sam_vit_b

    with set_current_vllm_config(VllmConfig()):
        exact, stock = (build_sam_vit_b().cuda().eval() for _ in range(2))
    torch.backends.cudnn.allow_tf32 = False  # the reference is to be float32
    torch.manual_seed(0)
    for name, weight in exact.named_parameters():
        torch.nn.init.normal_(weight, 1.0 if "norm" in name and "weight" in name else 0.0, 0.04)
    stock.load_state_dict(exact.state_dict())
    return exact, stock.bfloat16()


def _tower(run: Callable[[Any], Any], x: Any, true: Any) -> dict[str, float]:
    import torch

    from pipeline.vllm_plugin.encoder.graphs import Graphs

    few = run(x[:2]).float()
    graph = Graphs(run, (x.shape[0],), torch.cuda.graph_pool_handle())
    return {
        "ms": timed(partial(run, x)),
        "ms_graph": timed(partial(graph, x)),
        "distance": ((few - true).norm() / true.norm()).item(),
    }


def timed(run: Callable[[], Any]) -> float:
    """Median milliseconds of a run on the device."""
    import torch

    for _ in range(2):
        run()
    torch.cuda.synchronize()
    spent = []
    for _ in range(_RUNS):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        spent.append(begin.elapsed_time(end))
    return round(statistics.median(spent), 3)


if __name__ == "__main__":
    main()
