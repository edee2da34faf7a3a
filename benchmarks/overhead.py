"""What the pipeline costs around the engine: ``python -m benchmarks.overhead``.

The same documents, repeated under other names until there are enough pages, go turn about through

- plain pools of MuPDF processes, one a core, that take `get_text("dict")` or draw at 150 dpi,
- the job with the fake engine, for each way with text layers, and
- a plain pool (`both`) that does what `auto` cannot do without: `get_text("dict")` of every page,
  and drawing at 150 dpi of the pages that went to the engine in the job's run just before.

With `--kind born-digital` they are those whose text is in trusted text layers; of some pages an
engine still has to read the pictures.

Pages/s by two clocks: the whole command, and from the first page to the last (of a job by its
receipt, of a pool without the start of its processes). CPU time is that of all processes of a
command, as sampled: on a busy machine compare by it. What a page costs by step is measured
afterwards in this process (`benchmarks.overhead_steps`). Memory is in `benchmarks.memory`, planning
in `benchmarks.listing`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import overhead_steps
from benchmarks.processes import monitor
from pipeline.config import ReadConfig, RenderConfig
from pipeline.documents.look import LookOptions, look
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import RecordedError
from pipeline.imaging.transform import new_pixels
from pipeline.types import Source

ROOT = Path(__file__).parent.parent
POOLS = ("dict", "pixmap")
MODES = ("only", "auto", "never")
BOTH = "both"
PEERS = {"only": ("dict",), "auto": ("dict", BOTH), "never": ("pixmap",)}
"""The plain pools that each way of the job is compared with."""


@dataclass(frozen=True)
class Run:
    """One command over all pages.

    Attributes:
        wall_s: From its start to its end.
        run_s: From the first page to the last.
        cpu_s: CPU time of all its processes.
    """

    wall_s: float
    run_s: float
    cpu_s: float


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--docs", default="../shared/corpus/throughput", help="folder of PDFs")
    parser.add_argument(
        "--kind",
        choices=("all", "born-digital"),
        default="all",
        help="born-digital: the documents whose pages all have a trusted text layer",
    )
    parser.add_argument("--pages", type=int, default=2000, help="pages of each run, at least")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way, turn about")
    parser.add_argument("--step-pages", type=int, default=200, help="pages of the table of steps")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        found = documents(Path(arguments.docs), arguments.kind)
        pages = lay_out(found, folder / "in", arguments.pages)
        runs: dict[str, list[Run]] = defaultdict(list)
        for turn in range(arguments.rounds):
            for way, run in one_round(folder, turn):
                runs[way].append(run)
                print(f"round {turn + 1}: {way} {run.wall_s:.1f} s", file=sys.stderr, flush=True)
        report(runs, pages)
        show_start(folder)
        costs = overhead_steps.measure(folder / "in", arguments.step_pages)
    overhead_steps.show(costs, {mode: cpu_ms(runs[mode], pages) for mode in MODES})
    return 0


def documents(docs: Path, kind: str) -> list[Path]:
    """The PDFs of a folder that have pages, of a kind (`--kind`)."""
    import pymupdf

    found = [path for path in sorted(docs.glob("*.pdf")) if len(pymupdf.open(path)) > 0]
    if kind == "born-digital":
        found = [path for path in found if is_born_digital(path)]
    if not found:
        raise SystemExit(f"no such PDF in {docs}: give another folder with --docs")
    return found


def is_born_digital(path: Path) -> bool:
    """Whether the text of every page is taken from its layer, text in pictures apart."""
    options = LookOptions(pictures="warn", may_render=False)
    read, render = ReadConfig(), RenderConfig()
    try:
        pdf = PdfFile(str(path), "", read.max_pages, read.max_inflated_mib)
        views = [
            look(pdf, page, render, new_pixels, options)
            for page in range(1, len(pdf.sizes_pt()) + 1)
        ]
    except RecordedError:
        return False
    return not any(view.is_unread for view in views)


def lay_out(found: Sequence[Path], folder: Path, pages: int) -> int:
    """Copy the documents into a folder until they have `pages` pages; how many they have.

    Each copy has a comment at its end: the same bytes would be read once.
    """
    import pymupdf

    folder.mkdir()
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


def one_round(folder: Path, turn: int) -> Iterator[tuple[str, Run]]:
    """Run each way once."""
    for pool in POOLS:
        yield pool, run_pool(folder, pool)
    for mode in MODES:
        output = folder / f"out-{mode}-{turn}"
        yield mode, run_job(folder / "in", output, mode)
        if mode == "auto":
            (folder / "in.json").write_text(json.dumps(engine_pages(output)))
            yield BOTH, run_pool(folder, BOTH)


def engine_pages(output: Path) -> dict[str, list[int]]:
    """The pages of an output that went to the engine, by the name of their document."""
    pages: dict[str, list[int]] = defaultdict(list)
    for shard in output.glob("pages/*.parquet"):
        for row in pq.read_table(shard, columns=["uri", "page", "source"]).to_pylist():
            if row["source"] in (Source.OCR, Source.MIXED):
                pages[Path(row["uri"]).name].append(row["page"])
    return pages


def run_pool(folder: Path, way: str) -> Run:
    result = folder / "plain.json"
    script = [sys.executable, "-m", "benchmarks.overhead_plain", way, str(folder / "in")]
    usage = monitor([*script, str(result)], str(ROOT))
    if usage.returncode:
        raise SystemExit(f"the plain pool ended with {usage.returncode}")
    return Run(usage.wall_s, json.loads(result.read_text())["run_s"], usage.cpu_s)


def run_job(source: Path, output: Path, mode: str) -> Run:
    command = [sys.executable, "-m", "jobs.ocr", str(source), "--output", str(output)]
    usage = monitor([*command, "--engine.kind", "fake", "--text-layer", mode], str(ROOT))
    if usage.returncode not in (0, 3):  # 3: a page without a text layer is a failed row
        raise SystemExit(f"the job ended with {usage.returncode}")
    receipt = json.loads((output / "receipt.json").read_text())
    run_s = receipt["last_page_s"] - receipt["first_page_s"]
    return Run(usage.wall_s, run_s, usage.cpu_s)


def cpu_ms(runs: Sequence[Run], pages: int) -> float:
    """CPU time a page, median of the runs, ms."""
    return 1000 * statistics.median(run.cpu_s for run in runs) / pages


def report(runs: dict[str, list[Run]], pages: int) -> None:
    """Print medians with their spread, and each way of the job over its peers."""
    print(f"{pages} pages, median (lowest to highest) of {len(runs[MODES[0]])} runs")
    print(
        f"{'':<12} {'pages/s, command':>22} {'pages/s, run':>24} {'CPU ms/page':>12}  of its pools"
    )
    speeds = {way: [pages / run.run_s for run in some] for way, some in runs.items()}
    for way, some in runs.items():
        whole = spread([pages / run.wall_s for run in some])
        name = f"job {way}" if way in MODES else f"pool {way}"
        cpu = cpu_ms(some, pages)
        shares = ", ".join(
            f"{share(speeds[way], speeds[peer]):.2f} of {peer} (by CPU time"
            f" {share([run.cpu_s for run in runs[peer]], [run.cpu_s for run in some]):.2f})"
            for peer in PEERS.get(way, ())
        )
        print(f"{name:<12} {whole:>22} {spread(speeds[way]):>24} {cpu:>12.1f}  {shares}")


def share(ours: list[float], theirs: list[float]) -> float:
    """Our figure over theirs of the same round, median."""
    return statistics.median(own / other for own, other in zip(ours, theirs, strict=True))


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def show_start(folder: Path) -> None:
    """Print when a job has its first page, and how long it takes where nothing is to do."""
    from tests.support.sample_documents import text_pdf

    one = folder / "one"
    one.mkdir()
    (one / "one.pdf").write_bytes(text_pdf(1))
    run_job(one, folder / "out-one", "only")
    receipt = json.loads((folder / "out-one" / "receipt.json").read_text())
    command = [sys.executable, "-m", "jobs.ocr", str(one), "--output", str(folder / "out-one")]
    again = monitor([*command, "--engine.kind", "fake", "--text-layer", "only"], str(ROOT))
    print(f"from the command to its first page: {receipt['first_page_s']:.1f} s")
    print(f"nothing to do: {again.wall_s:.1f} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
