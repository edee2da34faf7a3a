"""All rows on one GPU, one after the other: bare vLLM, the engine part by part, the whole job.

    python -m benchmarks.gpu --out gpu.jsonl                    every row of `gpu_rows`
    python -m benchmarks.gpu --out gpu.jsonl --row bare --row "all parts"
    python -m benchmarks.gpu --out gpu.jsonl --table            what the file holds, as Markdown

Both sides read the same generated Letter pages with a DeepSeek-OCR of the real sizes and random
weights: the speed is that of the real model, the text is noise, so every answer is let run to
its limit (`ignore_eos`). Each row runs in a process of its own, since vLLM gives a GPU back only
when its process ends: it loads the model once, runs the pages as often as the row says, and adds
a line to the file each time, so that rows can be run in separate calls on a machine lent by the
minute.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks import gpu_results, gpu_table
from benchmarks.gpu_rows import Load, Row, named

_MODULES = {"bare": "gpu_bare", "engine": "gpu_engine", "job": "gpu_job"}


def main() -> int:
    options = _options()
    failed = []
    if not options.table:
        for row in named(options.row):
            print("ROW", row.name, flush=True)
            if not _run(row, options):
                failed.append(row.name)
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
    parser.add_argument(
        "--load", action="append", type=Load.parse, help="kind,tokens,pages,repeats, not the row's"
    )
    return parser.parse_args()


def _run(row: Row, options: argparse.Namespace) -> bool:
    """Run a row; whether it succeeded. What it measured before it failed is in the file."""
    command = command_of(row, options.out, options.work, options.load or row.loads)
    return subprocess.run(command, check=False, env=os.environ | row.environment).returncode == 0


def command_of(row: Row, out: str, work: str, loads: tuple[Load, ...] | list[Load]) -> list[str]:
    """The command that measures a row."""
    command = [sys.executable, "-m", f"benchmarks.{_MODULES[row.side]}"]
    command += [f"--out={out}", f"--name={row.name}", f"--work={work}"]
    command += [f"--load={load}" for load in loads]
    return command + [f"--set={name}={value}" for name, value in row.settings.items()]


if __name__ == "__main__":
    raise SystemExit(main())
