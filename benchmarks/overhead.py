"""What the pipeline costs around the engine: ``python -m benchmarks.overhead``.

The same documents, repeated under other names until there are enough pages, go

- through the job with the fake engine, which does nothing with a page, and
- through a plain loop that draws them with PyMuPDF in as many processes as there are cores,

in turns, in one run. The job's pages/s is that of its second pass (the receipt's `run_s`); the
start of Ray and the plan are in its wall time. CPU time is that of all processes of a command.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path

from benchmarks.processes import Usage, monitor

ROOT = Path(__file__).parent.parent
DPI = 150


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--docs", default="../shared/corpus/throughput", help="folder of PDFs")
    parser.add_argument("--pages", type=int, nargs="+", default=[200, 2000], help="sizes to run")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the smallest size")
    arguments = parser.parse_args(argv)
    print(
        f"{'pages':>6} {'way':<6} {'pages/s':>8} {'wall s':>7} {'CPU ms/page':>12} "
        f"{'private MiB':>12} {'shared MiB':>11}"
    )
    for number, pages in enumerate(arguments.pages):
        rounds = arguments.rounds if number == 0 else 1
        with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
            count = lay_out(Path(arguments.docs), Path(folder, "in"), pages)
            ratios = [compare(Path(folder), count, turn) for turn in range(rounds)]
        spread = f" (from {min(ratios):.2f} to {max(ratios):.2f})" if rounds > 1 else ""
        print(f"{count:>6} job / plain loop: {statistics.median(ratios):.2f}{spread}\n")
    return 0


def lay_out(docs: Path, folder: Path, pages: int) -> int:
    """Copy the documents into a folder until they have `pages` pages; how many they have.

    Each copy has a comment at its end: the same bytes would be read once.
    """
    import pymupdf

    folder.mkdir()
    found = [path for path in sorted(docs.glob("*.pdf")) if len(pymupdf.open(path)) > 0]
    count, copy = 0, 0
    while count < pages:
        for path in found:
            if count >= pages:
                break
            content = path.read_bytes() + f"\n% {copy}\n".encode()
            (folder / f"{copy:03}-{path.name}").write_bytes(content)
            count += len(pymupdf.open(path))
        copy += 1
    return count


def compare(folder: Path, pages: int, turn: int) -> float:
    """Run both ways once; pages/s of the job over that of the plain loop."""
    output = folder / f"out-{turn}"
    command = [sys.executable, "-m", "jobs.ocr", str(folder / "in"), "--output", str(output)]
    # Every page is drawn, as in the plain loop, also where its text layer could be trusted.
    job = monitor([*command, "--engine.kind", "fake", "--text-layer", "never"], str(ROOT))
    receipt = json.loads((output / "receipt.json").read_text())
    show(pages, "job", receipt["pages_per_s"], job)
    script = [sys.executable, "-m", "benchmarks.overhead_plain", str(folder / "in")]
    plain = monitor([*script, str(folder / "plain.json")], str(ROOT))
    speed = json.loads((folder / "plain.json").read_text())["pages_per_s"]
    show(pages, "plain", speed, plain)
    print(
        f"{'':>6} Ray and the rest cost {1000 * (job.cpu_s - plain.cpu_s) / pages:.1f} CPU ms/page"
    )
    return float(receipt["pages_per_s"] / speed)


def show(pages: int, way: str, speed: float, usage: Usage) -> None:
    if usage.returncode not in (0, 3):
        raise SystemExit(f"the {way} run ended with {usage.returncode}")
    print(
        f"{pages:>6} {way:<6} {speed:>8.1f} {usage.wall_s:>7.1f} "
        f"{1000 * usage.cpu_s / pages:>12.1f} {usage.peak_mib:>12.0f} "
        f"{usage.peak_shared_mib:>11.0f}",
        flush=True,
    )


def draw(path: str) -> int:
    """Draw every page of a document; how many there are."""
    import pymupdf

    document = pymupdf.open(path)
    for page in document:
        page.get_pixmap(dpi=DPI)
    return len(document)


def plain(folder: str) -> float:
    """Draw all documents in as many processes as there are cores; pages/s."""
    paths = sorted(str(path) for path in Path(folder).iterdir())
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(abs, range(64))  # the processes are up before the clock starts
        begin = time.perf_counter()
        pages = sum(pool.imap_unordered(draw, paths))
        return pages / (time.perf_counter() - begin)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
