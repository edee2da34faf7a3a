"""The receipt of a job: what went in, what came out, where the time went."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline import __version__
from pipeline.output.shards import write_text
from pipeline.output.totals import PlanSummary, Summary
from pipeline.storage.paths import AnyPath
from pipeline.types import Status

FILE_NAME = "receipt.json"
_PACKAGES = (
    *("ray", "pyarrow", "pymupdf", "pillow", "onnxruntime", "rapidocr", "tesserocr"),
    *("vllm", "torch"),
)


@dataclass(slots=True)
class StageMetrics:
    """The sums of one stage over all its workers.

    Attributes:
        pages: Pages that went through the stage.
        failed: Pages among them that failed in it.
        finished: Pages among them that need no later stage.
        busy_s: Seconds with at least one page in work, the sum over the workers.
        peaks_mib: Peak memory of each worker, MiB.
        parts: What workers say of their optional parts, by name; more than one where they differ.
        first_at: When the first page was finished, seconds since 1970; None: none was.
        last_at: When the last one was.
    """

    pages: int = 0
    failed: int = 0
    finished: int = 0
    busy_s: float = 0.0
    peaks_mib: dict[str, float] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    first_at: float | None = None
    last_at: float | None = None

    def merge(self, other: StageMetrics) -> None:
        """Add what other workers did in the same stage."""
        self.pages += other.pages
        self.failed += other.failed
        self.finished += other.finished
        self.busy_s += other.busy_s
        for worker, peak in other.peaks_mib.items():
            self.peaks_mib[worker] = max(peak, self.peaks_mib.get(worker, 0.0))
        for name, said in other.parts.items():
            known = self.parts.setdefault(name, [])
            known += [what for what in said if what not in known]
        moments = [at for at in (self.first_at, other.first_at) if at is not None]
        self.first_at = min(moments, default=None)
        moments = [at for at in (self.last_at, other.last_at) if at is not None]
        self.last_at = max(moments, default=None)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a job did. Times are seconds, memory is MiB.

    Attributes:
        documents: Documents that the inputs name, and with `--attachments` those embedded in them.
        attachments: Documents among them that are embedded in a PDF.
        attachments_left_out: Other files embedded in PDFs, where `--attachments` looked at them.
        unreadable_documents: Documents among them that cannot be opened.
        bytes: Size of all documents.
        files_left_out: Files of input folders that are no documents by their ending, by ending; and
            hidden files, hidden folders and links to folders.
        pages: Pages that are wanted of the documents that open. With one for each document that
            cannot be opened they are the rows of this run and those before it.
        pages_left_out: Pages that `--pages` and `--max-pages` leave out: they have no row.
        rows_before: Rows that the output had of what is wanted before this run, by status.
        rows: Rows that this run wrote, by status.
        copied: Rows among them whose text was copied: the same bytes under another name.
        sources: Rows that this run wrote, by source.
        low_text_scores: Rows among them that warn of a text score below `quality.min_text_score`.
        doubtful_tables: Rows among them that warn of words in wrong cells of a table.
        unread_scripts: Rows among them that warn of a script which the engine does not read, by
            script.
        rungs: By rung of the ladder, attempts by outcome; and `rows`, those that its answer is in.
        tokens_dropped: Output tokens of answers that are in no row: the cost of the ladder.
        wall_s: Time of the whole job, start of Ray included.
        run_s: Time of the second pass alone.
        first_page_s: From the start of the process to its first row, None where there is none.
        last_page_s: From the start of the process to its last row that was not copied.
        pages_per_s: Rows of this run by `run_s`.
        tokens_per_s: Output tokens by `run_s`, None where the engine has no tokens.
        characters_per_s: Characters of text by `run_s`.
        gpu: Pages/s of one GPU and what a million pages cost (`gpu_use`); None without a GPU.
        engine_parts: What ran of the engine's optional parts, by name: "on", or why not.
        busy: Share of `run_s` that a stage's workers were busy, 0 to 1, mean of its workers.
        workers: Workers that each stage had.
        peak_mib: Peak memory of the driver, and of the largest worker of each stage.
        slowest_pages: The pages that took longest in all stages together: drawing, preparing,
            recognising (`total_ms`).
        errors: Failed pages by kind: how many, and one example.
        recipe_hash: Identity of the recipe.
        recipe: All that can change the text of a page.
        versions: Versions of the packages involved.
    """

    documents: int
    attachments: int
    attachments_left_out: int
    unreadable_documents: int
    bytes: int
    files_left_out: dict[str, int]
    pages: int
    pages_left_out: int
    rows_before: dict[str, int]
    rows: dict[str, int]
    copied: int
    sources: dict[str, int]
    low_text_scores: int
    doubtful_tables: int
    unread_scripts: dict[str, int]
    rungs: dict[str, dict[str, int]]
    tokens_dropped: int
    wall_s: float
    run_s: float
    first_page_s: float | None
    last_page_s: float | None
    pages_per_s: float
    tokens_per_s: float | None
    characters_per_s: float
    gpu: dict[str, float | None] | None
    engine_parts: dict[str, str]
    busy: dict[str, float]
    workers: dict[str, int]
    peak_mib: dict[str, float]
    slowest_pages: list[dict[str, Any]]
    errors: dict[str, dict[str, Any]]
    recipe_hash: str
    recipe: dict[str, Any]
    versions: dict[str, str]

    @property
    def complete(self) -> bool:
        """Whether every row that is wanted, of this run or before, has status ok or blank."""
        return not (self.failed or self.truncated)

    @property
    def failed(self) -> int:
        """Wanted rows with status failed, of this run or before."""
        return self._count(Status.FAILED)

    @property
    def truncated(self) -> int:
        """Wanted rows with status truncated (the answer was cut off), of this run or before."""
        return self._count(Status.TRUNCATED)

    def _count(self, status: Status) -> int:
        return self.rows.get(status, 0) + self.rows_before.get(status, 0)

    def write(self, output: AnyPath) -> None:
        """Write `receipt.json`, whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        text = json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
        write_text(output / FILE_NAME, text + "\n")


def make(
    *,
    plan: PlanSummary,
    written: Summary,
    stages: Mapping[str, StageMetrics],
    files_left_out: Mapping[str, int],
    wall_s: float,
    run_s: float,
    started_at: float,
    driver_peak_mib: float,
    gpus_per_engine: float,
    gpu_hour_price: float,
    recipe_hash: str,
    recipe: dict[str, Any],
) -> Receipt:
    """The receipt of a run.

    Args:
        plan: Sums of the plan.
        written: Sums of the shards that the run wrote.
        stages: Sums of the workers' reports, by stage.
        files_left_out: Files of input folders that are no documents, by ending.
        wall_s: Seconds of the whole job.
        run_s: Seconds of the second pass.
        started_at: When this process started, seconds since 1970.
        driver_peak_mib: Peak memory of this process, MiB.
        gpus_per_engine: GPUs that an engine reserved, 0 for none.
        gpu_hour_price: Price of one GPU for an hour, 0 where it is not known.
        recipe_hash: Identity of the recipe.
        recipe: The recipe.
    """
    per_s = 1 / run_s if run_s else 0.0
    rows = written.written.rows
    read = [stage for name, stage in stages.items() if name != "plan"]
    engines = stages.get("recognise", StageMetrics())
    return Receipt(
        documents=plan.documents,
        attachments=plan.attachments,
        attachments_left_out=plan.attachments_left_out,
        unreadable_documents=plan.unreadable,
        bytes=plan.bytes,
        files_left_out=dict(files_left_out),
        pages=plan.pages,
        pages_left_out=plan.pages_left_out,
        rows_before=dict(plan.done),
        rows=dict(written.statuses),
        copied=written.copied,
        sources=dict(written.sources),
        low_text_scores=written.low_text_scores,
        doubtful_tables=written.doubtful_tables,
        unread_scripts=dict(written.unread_scripts),
        rungs={rung: dict(counts) for rung, counts in written.rungs.items()},
        tokens_dropped=written.tokens_dropped,
        wall_s=round(wall_s, 3),
        run_s=round(run_s, 3),
        first_page_s=_since(started_at, min, (stage.first_at for stage in read)),
        last_page_s=_since(started_at, max, (stage.last_at for stage in read)),
        pages_per_s=round(rows * per_s, 3),
        tokens_per_s=round(written.tokens * per_s, 1) if written.tokens else None,
        characters_per_s=round(written.characters * per_s, 1),
        gpu=gpu_use(engines, written, gpus_per_engine, wall_s, gpu_hour_price),
        engine_parts={name: " | ".join(said) for name, said in engines.parts.items()},
        busy={name: _busy(stage, run_s) for name, stage in stages.items() if name != "plan"},
        workers={name: len(stage.peaks_mib) for name, stage in stages.items()},
        peak_mib={"driver": round(driver_peak_mib, 1)}
        | {name: round(max(stage.peaks_mib.values()), 1) for name, stage in stages.items()},
        slowest_pages=[
            {"total_ms": round(ms, 1), "uri": uri, "page": page}
            for ms, uri, page in written.slowest
        ],
        errors={kind: dataclasses.asdict(group) for kind, group in written.errors.items()},
        recipe_hash=recipe_hash,
        recipe=recipe,
        versions=versions(),
    )


def gpu_use(
    engines: StageMetrics, written: Summary, gpus_per_engine: float, wall_s: float, price: float
) -> dict[str, float | None] | None:
    """Pages/s of one GPU, and the cost of a million pages, each counted in two ways.

    `…_busy`: the pages that came to an engine, by the time in which engines had pages: what a long
    job tends to. `…_wall`: all rows of the run, those without an engine too, by the time of the
    whole job, start included: what this job took of the GPUs that it reserved.

    Args:
        engines: Sums of the engines' reports.
        written: Sums of the run's shards.
        gpus_per_engine: GPUs that an engine reserved.
        wall_s: Seconds of the whole job.
        price: Of one GPU for an hour, 0 where it is not known.

    Returns:
        None where no engine with a GPU ran. Costs are None without a price, and figures where
        no page came to an engine.
    """
    gpus = gpus_per_engine * len(engines.peaks_mib)
    if not gpus:
        return None
    busy = _ratio(written.engine_pages, gpus_per_engine * engines.busy_s)
    wall = _ratio(written.written.rows, gpus * wall_s)
    return {
        "gpus": gpus,
        "pages_per_s_busy": busy,
        "pages_per_s_wall": wall,
        "hour_price": price or None,
        "cost_per_million_busy": _cost(busy, price),
        "cost_per_million_wall": _cost(wall, price),
    }


def _ratio(pages: int, gpu_s: float) -> float | None:
    return round(pages / gpu_s, 3) if pages and gpu_s else None


def _cost(pages_per_s: float | None, price: float) -> float | None:
    return round(price * 1e6 / 3600 / pages_per_s, 2) if pages_per_s and price else None


def versions() -> dict[str, str]:
    """Versions of Rayscribe, Python and the packages involved."""
    found = {"rayscribe": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _since(
    started_at: float,
    choose: Callable[[list[float]], float],
    moments: Iterable[float | None],
) -> float | None:
    """Seconds from the start to the first or last of some moments; None where there is none."""
    known = [moment for moment in moments if moment is not None]
    return round(choose(known) - started_at, 3) if known else None


def _busy(stage: StageMetrics, run_s: float) -> float:
    if not run_s or not stage.peaks_mib:
        return 0.0
    return round(min(1.0, stage.busy_s / run_s / len(stage.peaks_mib)), 3)
