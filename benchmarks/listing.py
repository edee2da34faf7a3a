"""How a large store is planned: ``python -m benchmarks.listing``.

Simulated: the store (pages of 1000 keys that are made up as they are asked for, each after
`--page-ms`, as a listing on S3 takes some 50 to 100) and the opening of documents (each has one
page at once). Real: everything between, which is what the size of a listing could break: the
listing on a worker, Ray Data's read, the plan's actors, rows, identities and Parquet shards, the
sums on the driver, the search for documents with the same bytes.
`--what here` does the same in this process, without Ray and without waiting for the store, and
prints the CPU time of each step.
Memory is the most resident memory of the driver so far (shared memory included), of the worker
that lists, and of the largest that plans (both without).
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import psutil
import pyarrow as pa

from pipeline.config import InputConfig, OcrOptions, RayConfig
from pipeline.documents.listing import Listing
from pipeline.engines.recipe import make_recipe
from pipeline.job import ray_cluster
from pipeline.job.metrics import SendReport, StageMonitor, resident_mib
from pipeline.job.ray_data import chains, private, shard_tasks
from pipeline.job.ray_data.actors import SharedState
from pipeline.job.ray_data.shard_writer import drain
from pipeline.job.stages import list_documents as listing_stage
from pipeline.job.stages.inspect import Inspect
from pipeline.job.stages.plan import Planner
from pipeline.job.stages.quarantine import PageMonitor, Quarantine
from pipeline.job.stages.records import PlannedPage
from pipeline.output import shards
from pipeline.output.completed import Ledger
from pipeline.output.totals import PlanSummary
from pipeline.page_range import PageSelection
from pipeline.storage import objects
from pipeline.types import Document

T = TypeVar("T")

_PAGE_KEYS = 1000
_PEAK, _LISTED = "peak MiB", "listed"


class FakeStore(Listing):
    """A listing whose store makes its keys up."""

    def documents(self) -> Iterator[Document]:
        """List `s3://fake/COUNT/MILLISECONDS/`."""
        process, peak_mib = psutil.Process(), 0.0
        with mock.patch.object(objects, "_s3_pages", _made_up):
            for number, document in enumerate(Listing.documents(self)):
                if number % 5000 == 0:
                    peak_mib = max(peak_mib, resident_mib(process))
                yield document
        # What a lister leaves out is the only thing that it reports.
        self.left_out[_PEAK], self.left_out[_LISTED] = round(peak_mib), number + 1

    def parts(self) -> list[Listing]:
        """Itself."""
        return [self]


def _made_up(bucket: str, prefix: str, config: object) -> Iterator[dict[str, Any]]:
    count, page_ms = (int(part) for part in prefix.split("/")[:2])
    for start in range(0, count, _PAGE_KEYS):
        time.sleep(page_ms / 1000)
        names = range(start, min(start + _PAGE_KEYS, count))
        yield {"Contents": [{"Key": f"{prefix}{n:09}.pdf", "Size": 100_000} for n in names]}


class FakeInspect(Inspect):
    """Plans what `FakeContents` says."""

    def __init__(
        self, options: OcrOptions, recipe_hash: str, send: SendReport, monitor: PageMonitor
    ) -> None:
        self._planner = Planner(recipe_hash, PageSelection(), Ledger())
        self._contents: Any = FakeContents(self._planner)
        self._metrics = StageMonitor("plan", send)
        self._monitor = monitor


class FakeContents:
    """Opens nothing: every document has one page."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def pages(self, document: Document) -> list[PlannedPage]:
        """The one page."""
        doc_id = hashlib.sha256(document.uri.encode()).hexdigest()
        return list(self._planner.readable(document, doc_id, "application/pdf", [(612.0, 792.0)]))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listing", description=__doc__)
    parser.add_argument("--objects", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--page-ms", type=int, default=50, help="milliseconds of a page of keys")
    parser.add_argument(
        "--what", nargs="+", default=["list", "plan"], choices=["list", "plan", "here"]
    )
    arguments = parser.parse_args(argv)
    options = OcrOptions(output="o", engine={"kind": "fake"})
    if "here" in arguments.what:
        for count in arguments.objects:
            planned_here(count, options)
    on_ray = [what for what in arguments.what if what != "here"]
    if on_ray:
        measure_on_ray(arguments.objects, on_ray, arguments.page_ms, options)
    return 0


def measure_on_ray(
    counts: Sequence[int], ways: Sequence[str], page_ms: int, options: OcrOptions
) -> None:
    """Measure each way for each number of objects."""
    print(
        f"{'objects':>9} {'what':<6} {'seconds':>8} {'objects/s':>10} "
        f"{'driver MiB':>11} {'lister MiB':>11} {'planner MiB':>12}"
    )
    with ray_cluster.connected(RayConfig()), mock.patch.object(chains, "Inspect", FakeInspect):
        chains.configure(options)
        for count in counts:
            for what in ways:
                {"list": listed, "plan": planned}[what](count, page_ms, options)


def fake_store(count: int, page_ms: int) -> FakeStore:
    return FakeStore([f"s3://fake/{count}/{page_ms}/"], InputConfig())


def listed(count: int, page_ms: int, options: OcrOptions) -> None:
    """List alone, and drop what is found."""
    begin, shared = time.perf_counter(), SharedState(options.stages.max_lone_deaths)
    chain = chains.list_documents(fake_store(count, page_ms), shared, options.stages.write_cpus)
    for bundle in private.ref_bundles(chain):
        bundle.destroy_if_owned()
    told = shared.left_out()
    show(count, "list", told[_LISTED], time.perf_counter() - begin, [told[_PEAK], 0])


def planned(count: int, page_ms: int, options: OcrOptions) -> None:
    """The first pass of a job, up to its shards."""
    begin, shared = time.perf_counter(), SharedState(options.stages.max_lone_deaths)
    with tempfile.TemporaryDirectory(prefix="listing-") as folder:
        found = chains.list_documents(fake_store(count, page_ms), shared, options.stages.write_cpus)
        chain = chains.plan_pages(found, options, make_recipe(options, "fake"), shared)
        summary = drain(
            chain, Path(folder), "plan", options.parquet, shards.write_plan, PlanSummary()
        )
        assert not shard_tasks.find_duplicates(Path(folder), options).rows
    seconds = time.perf_counter() - begin
    planner_mib = max(shared.stages()["plan"].peaks_mib.values())
    show(count, "plan", summary.todo.rows, seconds, [shared.left_out()[_PEAK], planner_mib])


def planned_here(count: int, options: OcrOptions) -> None:
    """The plan by this process alone; prints CPU seconds by step."""
    steps: dict[str, float] = defaultdict(float)
    quarantine = Quarantine(options.stages.max_lone_deaths)
    recipe_hash = make_recipe(options, "fake").hash()
    inspect = FakeInspect(options, recipe_hash, lambda report: None, quarantine)
    listing = listing_stage.list_documents(fake_store(count, 0), lambda left_out: None)
    summary, tables, begin = PlanSummary(), list[pa.Table](), time.process_time()
    with tempfile.TemporaryDirectory(prefix="listing-") as name:
        folder, number = Path(name), 0

        def write() -> None:
            path = folder / f"plan-{number:06}.parquet"
            summary.merge(shards.write_plan(path, options.parquet, *tables))
            tables.clear()

        while True:
            documents = timed(steps, "list", lambda: next(listing, None))
            if documents is None:
                break
            tables += timed(steps, "plan", lambda found=documents: list(inspect(found)))
            if sum(table.num_rows for table in tables) >= options.parquet.pages_per_file:
                timed(steps, "write", write)
                number += 1
        timed(steps, "write", write)
        timed(steps, "duplicates", lambda: shard_tasks.find_duplicates(folder, options))
    seconds = time.process_time() - begin
    assert summary.todo.rows == count
    parts = ", ".join(f"{name} {spent:.1f}" for name, spent in steps.items())
    rate = f"{1e6 * seconds / count:.0f} microseconds each"
    print(f"{count} here: {seconds:.1f} CPU s, {rate}: {parts}", flush=True)


def timed(steps: dict[str, float], name: str, step: Callable[[], T]) -> T:
    """Do a step, and add its CPU time to the others of its name."""
    begin = time.process_time()
    result = step()
    steps[name] += time.process_time() - begin
    return result


def show(count: int, what: str, rows: int, seconds: float, workers_mib: list[float]) -> None:
    if rows != count:
        raise SystemExit(f"{rows} rows of {count}")
    driver_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:>9} {what:<6} {seconds:>8.1f} {rows / seconds:>10.0f} {driver_mib:>11.0f} "
        f"{workers_mib[0]:>11.0f} {workers_mib[1]:>12.0f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
