"""One OCR replica on one GPU, given so many pages at a time: pages/s, and how long a page takes.

    python -m benchmarks.serving_pages --out FILE.json
    python -m benchmarks.serving_pages --out FILE.json --table      (what is there)

This shows the effect of `scale.ocr.target_ongoing_requests`. Clients in closed loops send images of
Letter pages to `/v1/chat/completions`, one page a request, every answer of the same length
(`ignore_eos`). Model and pages are those of `benchmarks.gpu`: the real sizes, random weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import gpu_pages, gpu_setup, serving_app, serving_load
from benchmarks.serving_load import Kind, Load
from serving.config import ServeConfig
from tests.support import live_service, sample_documents

NAME = "measured"
_WARM = 8
_REPLICAS = {"min_replicas": 1, "max_replicas": 1, "num_cpus": 0}


def main() -> None:
    arguments = _options()
    if not arguments.table:
        os.environ.update(gpu_setup.ENVIRONMENT)
        work = Path(tempfile.gettempdir(), "rayscribe-gpu")
        work.mkdir(parents=True, exist_ok=True)
        kinds = _kinds(work, max(arguments.per_client, *arguments.clients))
        with serving_app.running(_config(work, arguments.tokens, arguments.set)) as app:
            _load(app.url, kinds, _WARM, _WARM)
            for clients in arguments.clients:
                count = max(_WARM, clients * arguments.per_client)
                _keep(arguments.out, clients, _load(app.url, kinds, clients, count))
    print(table(json.loads(arguments.out.read_text(encoding="utf-8"))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="results")
    parser.add_argument("--table", action="store_true", help="print what the file holds")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 32, 64, 128])
    parser.add_argument("--per-client", type=int, default=2, help="pages of a client")
    parser.add_argument("--tokens", type=int, default=1000, help="tokens of every answer")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="of `engine.vllm`"
    )
    return parser.parse_args()


def _config(work: Path, tokens: int, changes: list[str]) -> ServeConfig:
    engine: dict[str, Any] = {
        "model": str(gpu_pages.model(work)),
        "family": "deepseek-ocr",
        "load_format": "random",
        "ignore_eos": True,
        "max_tokens": tokens,
        "gpu_memory_utilization": gpu_setup.MEMORY,
        "max_num_seqs": gpu_setup.SEATS,
        "max_num_batched_tokens": gpu_setup.BATCHED_TOKENS,
    } | dict(pair.split("=", 1) for pair in changes)
    return ServeConfig.model_validate(
        {
            "engine": {"kind": "vllm", "vllm": engine},
            "ladder": {"enabled": False},  # random weights give no good answer
            "route": {"turn": False},  # each of them stands upright
            "ocr": {"name": NAME},
            "scale": {"ocr": _REPLICAS | {"max_queued_requests": 1024}},
            "ingress": {"readers": 8},
        }
    )


def _kinds(work: Path, count: int) -> list[Kind]:
    """A request for each of so many pages, no two alike."""
    pages = gpu_pages.pictures(gpu_pages.documents(work, count))
    return [
        Kind(
            "page",
            "/v1/chat/completions",
            {
                "model": NAME,
                "messages": [
                    {
                        "role": "user",
                        "content": [live_service.image(sample_documents.saved(page, "PNG"))],
                    }
                ],
            },
        )
        for page in pages
    ]


def _load(url: str, kinds: list[Kind], clients: int, count: int) -> Load:
    load = serving_load.varied(url, itertools.cycle(kinds), clients, count)
    if set(load.statuses) != {200}:
        raise SystemExit(f"not all were answered: {dict(load.statuses)}")
    return load


def _keep(path: Path, clients: int, load: Load) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known["host"] = gpu_setup.host()
    seconds = [sample.total_s for sample in load.samples]
    result = {
        "pages": len(seconds),
        "pages_per_s": round(load.per_s, 3),
        "page_s": [round(value, 3) for value in sorted(seconds)],
    }
    known.setdefault("clients", {})[str(clients)] = result
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(clients, load.per_s, statistics.median(seconds), flush=True)


def table(found: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    lines = [
        "| pages at a time | pages | pages/s | part of the most | page p50, s | page p95, s |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    runs = found["clients"]
    most = max(run["pages_per_s"] for run in runs.values())
    for clients, run in sorted(runs.items(), key=lambda item: int(item[0])):
        middle, late = (serving_load.quantile_of(run["page_s"], part) for part in (0.5, 0.95))
        share = f"{run['pages_per_s'] / most:.0%}"
        cells = f"{run['pages']} | {run['pages_per_s']:.2f} | {share} | {middle:.1f} | {late:.1f}"
        lines.append(f"| {clients} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
