"""Memory of a job against the number of its pages: ``python -m benchmarks.memory``.

Small pages with a few lines each, rendered at 36 dpi and given to the fake engine, so that 20,000
of them are many rows and little work. Printed are, from the receipt, the most memory of the driver
(resident, its libraries included), the most private memory of the worst worker of each stage (and
all of its reader's), and the most private memory of all processes at one time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import monitor
from tests.support import sample_documents

ROOT = Path(__file__).parent.parent
_PAGES_PER_FILE = 50
_FIRST = 577
"""The text of the first page. It looks as if it may have to be turned, one of a thousand at this
size: the worker that draws it loads the models that tell, in the shortest job as in the longest."""
_COLUMNS = ("driver", "plan", "render", "recognise")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--pages", type=int, nargs="+", default=[200, 2000, 20_000])
    arguments = parser.parse_args(argv)
    print(f"| pages | pages/s | {' MiB | '.join(_COLUMNS)} MiB | all MiB |")
    print(f"| --- | --- | {' | '.join('---' for _ in _COLUMNS)} | --- |")
    for pages in arguments.pages:
        with tempfile.TemporaryDirectory(prefix="memory-") as folder:
            measure(Path(folder), pages)
    return 0


def measure(folder: Path, pages: int) -> None:
    """Run a job and print its line."""
    lay_out(folder / "in", pages)
    command = [sys.executable, "-m", "jobs.ocr", str(folder / "in"), "--output"]
    settings = ["--engine.kind", "fake", "--text-layer", "never", "--render.dpi", "36"]
    settings += ["--stages.local-pages", "0"]  # a job of any size on Ray
    usage = monitor([*command, str(folder / "out"), *settings], str(ROOT))
    receipt = json.loads((folder / "out" / "receipt.json").read_text())
    if usage.returncode or receipt["rows"] != {"ok": pages}:
        raise SystemExit(f"the job ended with {usage.returncode} and {receipt['rows']}")
    peaks = " | ".join(f"{receipt['peak_mib'][name]:.0f}" for name in _COLUMNS)
    print(
        f"| {pages} | {receipt['pages_per_s']:.0f} | {peaks} | {usage.peak_mib:.0f} |", flush=True
    )


def lay_out(folder: Path, pages: int) -> None:
    """Write so many pages, every document another one."""
    folder.mkdir()
    for start in range(0, pages, _PAGES_PER_FILE):
        numbers = range(start, min(pages, start + _PAGES_PER_FILE))
        sheets = [
            sample_documents.Page(
                sample_documents.text_content(sample_documents.text_lines(_FIRST + number, 6), 24)
            )
            for number in numbers
        ]
        (folder / f"{start:06}.pdf").write_bytes(sample_documents.pdf(sheets))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
