"""`jobs.ocr` over generated PDF files on one GPU, measured from its first page to its last.

    python -m benchmarks.gpu_job --out job.jsonl --name job --load pages,1000,1024,3

Each repeat is a job of its own, engine start included; the pages' time begins with the first page
in the engine, self-test included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import gpu_setup
from benchmarks.gpu_pages import documents, model
from benchmarks.gpu_results import append
from benchmarks.gpu_rows import Load, weights_parser
from benchmarks.gpu_watch import GpuMonitor


def main() -> None:
    options = _options()
    for name, value in gpu_setup.ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    load: Load = options.load[0] if options.load else Load()  # a job's engine reads one load
    for repeat in range(load.repeats):
        append(options.out, options.name, run(options, load, work) | {"repeat": repeat})


def _options() -> argparse.Namespace:
    parser = weights_parser(__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--flag", action="append", default=[], metavar="NAME[=VALUE]", help="a flag for jobs.ocr"
    )
    return parser.parse_args()


def run(options: argparse.Namespace, load: Load, work: Path) -> dict[str, Any]:
    """One job.

    Raises:
        SystemExit: It failed.
    """
    import pyarrow.parquet as pq

    documents(work, load.pages)
    output = Path(tempfile.mkdtemp(prefix="out-", dir=work))
    command = [sys.executable, "-m", "jobs.ocr", str(work / f"pdf-{load.pages}")]
    command += [f"--output={output}", *_flags(options, load.tokens, work)]
    begin = time.time()
    with GpuMonitor() as watch:
        # Answers cut off at their limit give exit code 3.
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        end = time.time()
    if finished.returncode not in (0, 3) or not (output / "receipt.json").exists():
        raise SystemExit(f"the job failed: {finished.stdout}")
    receipt = json.loads((output / "receipt.json").read_text(encoding="utf-8"))
    rows = pq.read_table(output / "pages")
    reading_s = receipt["busy"]["recognise"] * receipt["run_s"]
    tokens = sum(rows["output_tokens"].to_pylist())
    return gpu_setup.speed(rows.num_rows, tokens, reading_s) | {
        "kind": load.kind,
        "tokens": load.tokens,
        "flags": options.flag,
        "rows": receipt["rows"],
        "prompt_tokens": rows["prompt_tokens"][0].as_py(),
        "wall_s": round(end - begin, 1),
        "first_page_s": receipt["first_page_s"],
        "last_page_s": receipt["last_page_s"],
        "engines": receipt["workers"]["recognise"],
        "stages_busy": receipt["busy"],
        "ms": _times(rows),
        "write_ms": _write_ms(rows, work),
        "gpu_busy": watch.mean(end - reading_s, end),
        "busy": watch.series(end - reading_s, end),
    }


def _flags(options: argparse.Namespace, tokens: str, work: Path) -> list[str]:
    engine = {
        "model": model(work),
        "family": "deepseek-ocr",
        "load-format": options.weights,
        "max-tokens": tokens,
        "gpu-memory-utilization": gpu_setup.MEMORY,
        "max-num-seqs": gpu_setup.SEATS,
        "max-num-batched-tokens": gpu_setup.BATCHED_TOKENS,
    }
    for name, value in (pair.split("=", 1) for pair in options.set):
        engine[name.replace("_", "-")] = value
    flags = [flag(f"engine.vllm.{name}", str(value)) for name, value in engine.items()]
    # Every page goes to the engine; random weights give no good answer, and the peer asks once.
    flags += ["--engine.vllm.ignore-eos"]
    flags += ["--engine.kind=vllm", "--text-layer=never", "--no-ladder.enabled"]
    return [*flags, "--stages.buffer-mib=16384", *(f"--{flag}" for flag in options.flag)]


def flag(name: str, value: str) -> str:
    """A flag of `jobs.ocr`, whose switches take no value."""
    switch = {"true": f"--{name}", "false": f"--no-{name}"}
    return switch.get(value, f"--{name}={value}")


def _times(rows: Any) -> dict[str, float]:
    """Mean milliseconds of a page in each step."""
    import pyarrow.compute as pc

    names = ("render", "prepare", "input", "queue", "prefill", "decode", "generate")
    return {name: round(pc.mean(rows[f"{name}_ms"]).as_py() or 0.0, 1) for name in names}


def _write_ms(rows: Any, work: Path) -> float:
    """Milliseconds of a page to write the rows once more, as the sink does."""
    from pipeline.config import OutputConfig
    from pipeline.output import shards

    begin = time.perf_counter()
    shards.write_pages(str(work / "again.parquet"), OutputConfig(), rows)
    return round((time.perf_counter() - begin) * 1000 / rows.num_rows, 3)


if __name__ == "__main__":
    main()
