"""All rows on one GPU, one after the other: bare vLLM, the engine part by part, the whole job.

    python -m benchmarks.gpu --out gpu.jsonl                    every row of `gpu_rows`
    python -m benchmarks.gpu --out gpu.jsonl --row bare --row "all parts"
    python -m benchmarks.gpu --out gpu.jsonl --gpus 4           four rows side by side
    python -m benchmarks.gpu --out gpu.jsonl --table            what the file holds, as Markdown

Both sides read the same generated Letter pages with a DeepSeek-OCR of the real sizes and random
weights: the speed is that of the real model, the text is noise, so every answer is let run to
its limit (`ignore_eos`). Each row runs in a process of its own, since vLLM gives a GPU back only
when its process ends: it loads the model once, runs the pages as often as the row says, and adds
a line to the file each time, so that rows can be run in separate calls on a machine lent by the
minute. With `--gpus` each row has a GPU and an equal part of the cores for itself; rows that are
compared should then be run with the same number of GPUs, as all of them load the host.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import gpu_lanes, gpu_pages, gpu_results, gpu_table
from benchmarks.gpu_lanes import Lane
from benchmarks.gpu_rows import Load, Row, named

_MODULES = {"bare": "gpu_bare", "engine": "gpu_engine", "job": "gpu_job"}


def main() -> int:
    options = _options()
    failed = [] if options.table else _failed(options)
    print(gpu_table.render(gpu_results.read(options.out)))
    for name in failed:
        print(f"FAILED: {name}", file=sys.stderr)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help="results, added to")
    parser.add_argument("--row", action="append", default=[], help="only this one, by its name")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--work", default="/tmp/rayscribe-gpu")
    parser.add_argument("--gpus", type=int, default=1, help="rows side by side, one on each")
    parser.add_argument(
        "--load", action="append", type=Load.parse, help="kind,tokens,pages,repeats, not the row's"
    )
    return parser.parse_args()


def _failed(options: argparse.Namespace) -> list[str]:
    """Run the rows; the names of those that failed."""
    rows = {row.name: row for row in named(options.row)}
    if options.gpus == 1:
        return [row.name for row in rows.values() if not _run(row, options)]
    found = gpu_lanes.lanes(options.gpus, os.sched_getaffinity(0))
    _prepare(list(rows.values()), options)
    return gpu_lanes.side_by_side(
        list(rows), found, lambda name, lane: _run(rows[name], options, lane)
    )


def _prepare(rows: list[Row], options: argparse.Namespace) -> None:
    """Make what rows read before the first: two of them must not write one file."""
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    gpu_pages.model(work)
    gpu_pages.model_2(work)
    loads = [load for row in rows for load in options.load or row.loads]
    for pages in sorted({gpu_pages.DRAWN, *(load.pages for load in loads)}):
        gpu_pages.documents(work, pages)


def _run(row: Row, options: argparse.Namespace, lane: Lane | None = None) -> bool:
    """Run a row; whether it succeeded. What it measured before it failed is in the file."""
    print("ROW", row.name, f"on GPU {lane.gpu}" if lane else "", flush=True)
    command = command_of(row, options.out, options.work, options.load or row.loads, lane)
    environment = {**os.environ, **row.environment, **(lane.environment() if lane else {})}
    return subprocess.run(command, check=False, env=environment).returncode == 0


def command_of(
    row: Row,
    out: str,
    work: str,
    loads: tuple[Load, ...] | list[Load],
    lane: Lane | None = None,
) -> list[str]:
    """The command that measures a row, on all of the machine or on one lane of it."""
    command = lane.prefix() if lane else []
    command += [sys.executable, "-m", f"benchmarks.{_MODULES[row.side]}"]
    command += [f"--out={out}", f"--name={row.name}", f"--work={work}"]
    command += [f"--load={load}" for load in loads]
    command += [f"--set={name}={value}" for name, value in row.settings.items()]
    if lane and row.side == "job":
        command.append(f"--flag=ray.cpus={len(lane.cores)}")
    return command


if __name__ == "__main__":
    raise SystemExit(main())
