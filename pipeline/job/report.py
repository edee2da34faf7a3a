"""The texts that a job or a dry run prints: at its end at most 80 columns, except for paths."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.documents.listing import HIDDEN_FOLDER, LINKED_FOLDER
from pipeline.job.progress import duration
from pipeline.output.receipt import Receipt
from pipeline.output.totals import PlanSummary
from pipeline.types import Rung

if TYPE_CHECKING:
    from pipeline.job.run import Forecast

_WIDTH = 80


def planned_line(planned: PlanSummary, copies: int) -> str:
    """What a plan holds, in one line; `copies` are the rows of pages that are read elsewhere."""
    copied = f" ({copies} are copies)" if copies else ""
    unreadable = f" ({planned.unreadable} cannot be opened)" if planned.unreadable else ""
    left_out = f" ({planned.pages_left_out} left out)" if planned.pages_left_out else ""
    return (
        f"planned: {planned.documents} documents{unreadable}, {planned.pages} pages{left_out}, "
        f"{planned.todo.rows} to do{copied}, {planned.done.total()} done before"
    )


def receipt(receipt: Receipt) -> str:
    """A receipt as text."""
    lines = [
        "-" * _WIDTH,
        *_table(_heads(receipt)),
        *_stage_lines(receipt),
        *_ladder_lines(receipt),
        *_slowest_lines(receipt),
        *_error_lines(receipt),
        "-" * _WIDTH,
    ]
    return "\n".join(lines)


def _heads(receipt: Receipt) -> Iterator[tuple[str, str]]:
    bad = receipt.unreadable_documents
    yield "documents", f"{receipt.documents}" + (f", {bad} of them cannot be opened" if bad else "")
    if receipt.attachments or receipt.attachments_left_out:
        other = receipt.attachments_left_out
        files = "1 other file" if other == 1 else f"{other} other files"
        yield "attachments", f"{receipt.attachments} of the documents; {files} left out"
    yield "pages", f"{receipt.pages}" + _left_out(receipt)
    yield "rows", _counts(receipt.rows) + _copies(receipt.copied)
    if receipt.rows_before:
        yield "rows before", _counts(receipt.rows_before) + " (kept, not done again)"
    yield "source", _counts(receipt.sources)
    yield from _unread_scripts(receipt)
    if receipt.low_text_scores:
        yield "text score", f"{receipt.low_text_scores} rows are low, see the column warnings"
    if receipt.doubtful_tables:
        yield "tables", f"{receipt.doubtful_tables} rows are in doubt, see the column warnings"
    if receipt.rows:
        yield "speed", _speed(receipt)
    if receipt.gpu is not None:
        yield from _gpu(receipt.gpu)
    yield from _parts(receipt.engine_parts)
    yield "time", f"{duration(receipt.wall_s)} in all, {duration(receipt.run_s)} for the pages"
    yield "recipe", f"{receipt.recipe_hash} ({receipt.recipe['engine']}, {receipt.recipe['model']})"
    names = [f"{name} {number}" for name, number in receipt.versions.items()]
    yield "versions", ", ".join(names[:4])


def _unread_scripts(receipt: Receipt) -> Iterator[tuple[str, str]]:
    """Rows in scripts that the engine does not read, by script."""
    if receipt.unread_scripts:
        said = f"not read, see the column warnings: {_counts(receipt.unread_scripts)}"
        for number, line in enumerate(textwrap.wrap(said, _WIDTH - 15)):
            yield "" if number else "scripts", line


def _left_out(receipt: Receipt) -> str:
    parts = []
    if receipt.pages_left_out:
        parts.append(f"{receipt.pages_left_out} left out")
    if receipt.files_left_out:
        parts.append(f"{_other_files(receipt.files_left_out)} not read")
    return f" ({'; '.join(parts)})" if parts else ""


def _other_files(files: Mapping[str, int]) -> str:
    """What of the input folders is not read, hidden and linked folders included."""
    folders = files.get(HIDDEN_FOLDER, 0) + files.get(LINKED_FOLDER, 0)
    count = sum(files.values()) - folders
    counted = f"{count} other file{'' if count == 1 else 's'}"
    if not folders:
        return f"{counted} in folders"
    entered = f"{folders} hidden or linked folder{'' if folders == 1 else 's'}"
    return f"{counted}, {entered}" if count else entered


def _copies(rows: int) -> str:
    return f" ({rows} copied: the same bytes under another name)" if rows else ""


def _speed(receipt: Receipt) -> str:
    tokens = (
        f"{receipt.tokens_per_s:.0f} tokens/s" if receipt.tokens_per_s else "no tokens (no LLM)"
    )
    return f"{receipt.pages_per_s:.2f} pages/s, {tokens}, {receipt.characters_per_s:.0f} char/s"


def _gpu(use: Mapping[str, float | None]) -> Iterator[tuple[str, str]]:
    """Speed and cost of one GPU: while engines had pages, and over the whole job."""
    busy, wall = use["pages_per_s_busy"], use["pages_per_s_wall"]
    if busy and wall:
        yield f"{use['gpus']:g} GPU", f"{busy:.2f} pages/s each while engines read"
        yield "", f"{wall:.2f} rows/s each over the whole job"
    busy, wall = use["cost_per_million_busy"], use["cost_per_million_wall"]
    if busy and wall:
        yield "cost", f"{busy:,.2f} per million pages while engines read"
        yield "", f"{wall:,.2f} per million rows over the whole job"
        yield "", f"at {use['hour_price']:g} per GPU hour"


def _parts(parts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The engine's optional parts: those that ran in one line, then what is to say of others."""
    heads = itertools.chain(["engine"], itertools.repeat(""))
    on = ", ".join(name for name, what in parts.items() if what == "on")
    others = [f"{name} {what}" for name, what in parts.items() if what != "on"]
    for line in ([f"on: {on}"] if on else []) + others:
        for part in textwrap.wrap(line, _WIDTH - 15, subsequent_indent="  "):
            yield next(heads), part


def _stage_lines(receipt: Receipt) -> Iterator[str]:
    yield f"  {'stage':<13}{'workers':>8}{'busy':>7}{'peak MiB':>10}"
    for name, peak in receipt.peak_mib.items():
        workers = receipt.workers.get(name, 1)
        busy = f"{receipt.busy[name]:.0%}" if name in receipt.busy else "-"
        yield f"  {name:<13}{workers:>8}{busy:>7}{peak:>10.0f}"


def _ladder_lines(receipt: Receipt) -> Iterator[str]:
    """The retry ladder, where pages were read more than once: attempts by rung and outcome."""
    tried = [rung for rung in Rung if rung in receipt.rungs]
    if tried in ([], [Rung.BASE]):
        return
    for number, rung in enumerate(tried):
        outcomes = dict(receipt.rungs[rung])
        rows = outcomes.pop("rows", 0)
        heads = iter((f"{'ladder' if number == 0 else '':<13}{rung + ':':<15}",))
        for line in textwrap.wrap(f"{_counts(outcomes)} ({rows} rows)", _WIDTH - 30):
            yield f"  {next(heads, ''):<28}{line}"
    yield f"  {'':<13}{receipt.tokens_dropped} tokens in answers that were dropped"


def _slowest_lines(receipt: Receipt) -> Iterator[str]:
    for number, page in enumerate(receipt.slowest_pages):
        head = "slowest" if number == 0 else ""
        place = f"{os.path.basename(page['uri'])} page {page['page']}"
        yield f"  {head:<13}{page['total_ms'] / 1000:>7.2f} s  {place}"


def _error_lines(receipt: Receipt) -> Iterator[str]:
    for number, (kind, group) in enumerate(sorted(receipt.errors.items())):
        yield f"  {'errors' if number == 0 else '':<13}{group['count']:>5} {kind}"
        yield f"  {'':<13}      e.g. {group['example']}"


def _table(pairs: Iterator[tuple[str, str]]) -> list[str]:
    return [f"  {name:<13}{value}" for name, value in pairs]


def _counts(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return listed or "none"


def forecast(forecast: Forecast) -> str:
    """A forecast as text."""
    plan = forecast.plan
    time = "unknown" if forecast.seconds is None else duration(forecast.seconds)
    pairs = {
        "documents": f"{plan.documents} ({plan.bytes / 1e6:.1f} MB), "
        f"{plan.unreadable} of them cannot be opened",
        "pages": str(plan.pages),
        "left out": f"{plan.pages_left_out} pages by --pages, --max-pages; "
        f"{_other_files(forecast.files_left_out)}",
        "rows before": _counts(plan.done) + (" (kept, not done again)" if plan.done else ""),
        "to do": f"{plan.todo.rows} rows" + _copies(forecast.copies),
        "routes": f"decided in the run: text layer, blank, or engine {forecast.engine}",
        "time": f"{time} ({forecast.basis})",
    }
    return "\n".join(_table(iter(pairs.items())))


def next_steps(receipt: Receipt, output: str) -> str:
    """Where the rows are, what to look at, and the next command."""
    lines = [f"rows     {output}/pages/*.parquet", f"receipt  {output}/receipt.json"]
    if receipt.failed:
        lines.append("Some pages failed: their rows say why (columns error_kind and error).")
    if receipt.truncated:
        lines.append("Some answers were cut off: their rows have status truncated.")
    command = shlex.join([_python(), "-m", "jobs.show", output])
    return "\n".join([*lines, f"Read the pages:  {command}"])


def _python() -> str:
    """This interpreter as a shell in this folder would find it, in its shortest form."""
    name = Path(sys.executable).name
    if shutil.which(name) == sys.executable:
        return name
    relative = os.path.relpath(sys.executable)
    # A path that leads out of the folder is no shorter, and wrong anywhere else.
    return sys.executable if relative.startswith(os.pardir) else relative
