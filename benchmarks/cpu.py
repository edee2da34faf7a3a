"""Readers that need no GPU, by pages for each second of CPU time: ``python -m benchmarks.cpu``.

The pages of the accuracy corpus, drawn at 150 dpi, go turn about through

- `onnx`: the embedded engine, with its reading order,
- `rapidocr`: RapidOCR with its own settings, on the same models,
- `tesseract`: Tesseract as an engine of the pipeline (extra `tesseract`),
- `ocrmypdf`: OCRmyPDF, which the environment variable OCRMYPDF may name.

Each core has one process with one thread. Times are without the start and one page before it. CPU
time is that of all processes of a reader; pages/s are by the slowest process, and mean something on
a quiet machine alone. Needs the extra `evaluate`; measures are those of `benchmarks.accuracy`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.accuracy_pages import Truth, sample, truths
from benchmarks.cpu_reader import DPI, READERS
from pipeline.config import RenderConfig
from pipeline.documents.sandbox import SandboxClient
from pipeline.evaluation.metrics import page_metrics

ROOT = Path(__file__).parent.parent
_PEER = "rapidocr"


@dataclass(frozen=True, slots=True)
class Run:
    """All pages through one reader.

    Attributes:
        cpu_s: CPU time of its processes.
        wall_s: Of the slowest process.
        texts: What was read, by the name of the page.
    """

    cpu_s: float
    wall_s: float
    texts: dict[str, str]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cpu", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--corpus", type=Path, default=Path("../shared/corpus/accuracy"))
    parser.add_argument("--pages", type=int, default=30, help="spread over documents, 0: all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--ways", nargs="+", choices=READERS, default=list(READERS))
    arguments = parser.parse_args(argv)
    pages = sample(truths(arguments.corpus / "truth"), arguments.pages)
    runs: dict[str, list[Run]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="cpu-") as name:
        folder = Path(name)
        draw(pages, arguments.corpus / "docs", folder)
        for turn in range(arguments.rounds):
            for way in arguments.ways:
                runs[way].append(run(way, folder, arguments.cores))
                print(f"round {turn + 1}: {way}", file=sys.stderr, flush=True)
    report(runs, pages)
    return 0


def page_name(page: Truth) -> str:
    return f"{page.name}.{page.page:04}"


def draw(pages: Sequence[Truth], docs: Path, folder: Path) -> None:
    """Draw the pages as PNG files."""
    paths = {path.stem: path for path in docs.iterdir()}
    with SandboxClient(render=RenderConfig(dpi=DPI)) as reader:
        for page in pages:
            image = reader.render(str(paths[page.name].resolve()), page.page)
            Image.fromarray(image.pixels).save(folder / f"{page_name(page)}.png")


def run(way: str, folder: Path, cores: int) -> Run:
    """Put all pages through one reader, a process on each core."""
    results = [folder / f"{way}-{share}.json" for share in range(cores)]
    script = [sys.executable, "-m", "benchmarks.cpu_reader", way, str(folder)]
    processes = [
        subprocess.Popen([*script, str(share), str(cores), str(result)], cwd=ROOT)
        for share, result in enumerate(results)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"{way} failed: see above, or leave it out with --ways")
    shares = [json.loads(result.read_text()) for result in results]
    texts = {name: text for share in shares for name, text in share["texts"].items()}
    cpu_s = sum(share["cpu_s"] for share in shares)
    return Run(cpu_s, max(share["wall_s"] for share in shares), texts)


def report(runs: dict[str, list[Run]], pages: Sequence[Truth]) -> None:
    """Print a line for each reader: medians of the rounds, lowest and highest in brackets."""
    print(f"{len(pages)} pages, {len(next(iter(runs.values())))} rounds")
    print(f"{'':10} {'pages/CPU s':>22} {'of ' + _PEER:>12} {'pages/s':>22} {'F1':>8} {'order':>8}")
    for way, some in runs.items():
        speeds = spread([len(pages) / each.cpu_s for each in some])
        ratio = "-"
        if _PEER in runs:
            turns = zip(runs[_PEER], some, strict=True)
            ratio = f"{statistics.median(peer.cpu_s / own.cpu_s for peer, own in turns):.2f}"
        rates = spread([len(pages) / each.wall_s for each in some])
        f1, order = accuracy(some[-1].texts, pages)
        print(f"{way:10} {speeds:>22} {ratio:>12} {rates:>22} {f1:>8.4f} {order:>8.4f}")


def accuracy(texts: dict[str, str], pages: Sequence[Truth]) -> tuple[float, float]:
    """Means of the words F1, and of the order score where a page has one."""
    metrics = [page_metrics(texts[page_name(page)], page.text) for page in pages]
    orders = [each.order for each in metrics if each.order is not None]
    return statistics.fmean(each.words_f1 for each in metrics), statistics.fmean(orders)


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
