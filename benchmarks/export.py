"""Speed and memory of exports: ``python -m benchmarks.export``.

An output is made of the rows of the samples (or of `--rows OUTPUT`), repeated under new names until
it has so many pages; the originals are links to the real ones, so that pages can be drawn. Each
format is exported from it into an empty folder by the command `rayscribe export`, in one process
and its sandbox. Printed are pages a second of wall time, milliseconds of CPU a page beyond what the
smallest number of pages takes (the start), and the most private memory of all processes at a time.

`--one` makes all pages those of one document: the worst case for memory, for formats without
originals.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from benchmarks.processes import Usage, monitor
from pipeline.config import OutputConfig
from pipeline.output import shards
from pipeline.output.completed import page_id
from pipeline.output.export.documents import OutputIndex, PageReader
from pipeline.output.export.formats import summaries
from pipeline.output.rows import pages_table
from pipeline.types import PageIds, PageResult

ROOT = Path(__file__).parent.parent


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--pages", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--formats", nargs="+", default=list(summaries()), choices=summaries())
    parser.add_argument("--rows", metavar="OUTPUT", help="an output with rows (default: samples)")
    parser.add_argument("--one", action="store_true", help="one document with all pages")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        run(Path(folder), arguments)
    return 0


def run(folder: Path, arguments: argparse.Namespace) -> None:
    """Make the outputs, export each format from each, and print a line for every export."""
    rows = Path(arguments.rows) if arguments.rows else recognised_samples(folder)
    index = OutputIndex(rows / "pages")
    reader = PageReader(index.shards)
    documents = [reader.results(document) for document in index.documents()]
    made = {
        pages: make_output(folder / str(pages), documents, pages, one=arguments.one)
        for pages in sorted(set(arguments.pages))
    }
    print("| format | pages | pages/s | CPU ms a page | peak MiB | MiB written |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in arguments.formats:
        first: tuple[int, Usage] | None = None
        for pages, output in made.items():
            to = folder / f"{name}-{pages}"
            usage = monitor(command(output, name, to), str(ROOT))
            if usage.returncode:
                raise SystemExit(f"{name} of {pages} pages ended with {usage.returncode}")
            print(line(name, pages, usage, first, size_mib(to)), flush=True)
            first = first or (pages, usage)


def recognised_samples(folder: Path) -> Path:
    """Recognise the samples."""
    command = [sys.executable, "-m", "jobs.ocr", "samples", "--output", str(folder / "rows")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder / "rows"


def command(output: Path, name: str, to: Path) -> list[str]:
    """The export of one format."""
    return [
        *(sys.executable, "-m", "jobs.export", str(output)),
        *("--format", name, "--to", str(to)),
    ]


def line(
    name: str, pages: int, usage: Usage, first: tuple[int, Usage] | None, written_mib: float
) -> str:
    """A row of the table."""
    ms = ""
    if first is not None and pages > first[0]:
        ms = f"{1000 * (usage.cpu_s - first[1].cpu_s) / (pages - first[0]):.2f}"
    speed = pages / usage.wall_s
    return f"| {name} | {pages} | {speed:.0f} | {ms} | {usage.peak_mib:.0f} | {written_mib:.1f} |"


def size_mib(folder: Path) -> float:
    """Size of all files under a folder, MiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / (1 << 20)


def make_output(
    folder: Path, documents: Sequence[Sequence[PageResult]], pages: int, *, one: bool
) -> Path:
    """An output with so many pages, in shards as a job writes them."""
    copies = one_document(documents) if one else many_documents(documents, folder / "in")
    rows = islice(copies, pages)
    (folder / "pages").mkdir(parents=True)
    config = OutputConfig()
    number = 0
    while part := list(islice(rows, config.pages_per_file)):
        shard = folder / "pages" / f"part-{number:04}.parquet"
        shards.write_pages(shard, config, pages_table(part))
        number += 1
    return folder


def many_documents(documents: Sequence[Sequence[PageResult]], folder: Path) -> Iterator[PageResult]:
    """The documents again and again, each time in a folder of its own."""
    number = 0
    while True:
        (folder / f"{number:06}").mkdir(parents=True)
        for results in documents:
            link = folder / f"{number:06}" / Path(results[0].ref.uri).name
            os.symlink(results[0].ref.uri, link)
            for result in results:
                yield copy(result, str(link), result.ref.page, result.ref.doc_id)
        number += 1


def one_document(documents: Sequence[Sequence[PageResult]]) -> Iterator[PageResult]:
    """The pages of all documents again and again, as those of one."""
    number = 0
    while True:
        for results in documents:
            for result in results:
                number += 1
                yield copy(result, "/in/one.pdf", number, "0" * 64)


def copy(result: PageResult, uri: str, page: int, doc_id: str) -> PageResult:
    """A page under another name and number."""
    ref = replace(result.ref, uri=uri, page=page, doc_id=doc_id)
    recipe = result.ids.recipe_hash
    ids = PageIds(page_id(uri, doc_id, page, recipe), result.ids.content_id, recipe)
    return replace(result, ref=ref, ids=ids)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
