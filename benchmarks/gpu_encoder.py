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
from pathlib import Path
from typing import Any

_BATCHES = ((1024, 1), (1024, 2), (1024, 8), (640, 6), (640, 12), (640, 48))
_RUNS = 7


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
    from torch.nn.functional import scaled_dot_product_attention as sdpa

    from pipeline.vllm_plugin.attention import cudnn_attention, flash_attention
    from pipeline.vllm_plugin.sam import plain_attention

    found = []
    for name, batch, side, wide in (("view", 1, 64, 192), ("tiles", 6, 40, 160), ("windows", 79, 14, 96)):
        shape = (batch, side * side, 12)
        q, k, v = (torch.randn(*shape, w, device="cuda", dtype=torch.bfloat16) for w in (wide, wide, 64))
        plain_q, plain_k, plain_v = (t[..., :64].transpose(1, 2).contiguous() for t in (q, k, v))

        def bias(side: int = side, shape: Any = shape, batch: int = batch) -> Any:
            made = torch.randn(batch, 12, side * side, side, 1, device="cuda", dtype=torch.bfloat16)
            return (made + made.transpose(-1, -2)).view(batch, 12, side * side, -1)

        ways: dict[str, Callable[[], Any]] = {
            "with bias": lambda: sdpa(plain_q, plain_k, plain_v, attn_mask=bias()),
            "torch flash": lambda: plain_attention(q, k, v),
            "cudnn": lambda: cudnn_attention(q, k, v),
            "flash 3": lambda: flash_attention(q, k, v),
        }
        for way, run in ways.items():
            try:
                ms = timed(run)
            except RuntimeError as error:
                print("NO", name, way, str(error)[:200], flush=True)
                continue
            print("KERNEL", name, way, ms, flush=True)
            found.append({"what": "attention", "shape": name, "way": way, "ms": ms})
    return found


def towers() -> list[dict[str, Any]]:
    """SAM as a whole: vLLM's, ours, compiled, in graphs."""
    import torch
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.model_executor.models.deepencoder import build_sam_vit_b

    from pipeline.vllm_plugin.attention import choose
    from pipeline.vllm_plugin.encoder import block_runner
    from pipeline.vllm_plugin.graphs import Graphs
    from pipeline.vllm_plugin.sam import Sam, plain_attention, run_block

    with set_current_vllm_config(VllmConfig()):
        exact = build_sam_vit_b().cuda().eval()
        stock = build_sam_vit_b().cuda().eval()
    torch.backends.cudnn.allow_tf32 = False  # the reference is to be float32
    torch.manual_seed(0)
    for name, weight in exact.named_parameters():
        torch.nn.init.normal_(weight, 1.0 if "norm" in name and "weight" in name else 0.0, 0.04)
    stock.load_state_dict(exact.state_dict())
    stock.bfloat16()
    sides = (1024, 640)
    best = choose(stock.pos_embed)
    print("ATTENTION", best.__name__, flush=True)
    ways: dict[str, Any] = {
        "vllm": stock,
        "ours, torch flash": Sam(stock, sides, plain_attention, run_block),
        "ours": Sam(stock, sides, best, run_block),
        "ours, compiled": Sam(stock, sides, best, block_runner(True)),
    }
    found = []
    for side, batch in _BATCHES:
        x = torch.randn(batch, 3, side, side, device="cuda")
        few = x[:2]
        true = exact(few)
        for way, run in ways.items():
            try:
                out = run(few.bfloat16()).float()
                far = ((out - true).norm() / true.norm()).item()
                ms = timed(lambda run=run: run(x.bfloat16()))
                graph = Graphs(run, (batch,), torch.cuda.graph_pool_handle())
                y = x.bfloat16()
                in_graph = timed(lambda: graph(y))
            except Exception as error:
                print("FAILED", way, side, batch, repr(error)[:600], flush=True)
                continue
            row = {"what": "sam", "side": side, "batch": batch, "way": way, "ms": ms}
            row |= {"ms_graph": in_graph, "distance": far}
            print("SAM", json.dumps(row), flush=True)
            found.append(row)
            del graph
    return found


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
