"""Sums over shards: what a plan holds and what a run wrote, in constant memory."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.output.schema import TIMING
from pipeline.recognition.text_score import is_low_score_warning, is_tables_warning
from pipeline.text.scripts import warned_of
from pipeline.types import Route, Rung

SLOWEST = 5
_MASK = (1 << 128) - 1


@dataclass(slots=True)
class Count:
    """A set of rows, in constant memory: how many, and the sum of their ids.

    Two sets with the same count and the same sum are the same set, but for a chance of 1 in
    2**128: a row that was lost, done twice or swapped is noticed.
    """

    rows: int = 0
    id_sum: int = 0

    def add(self, page_ids: pa.ChunkedArray) -> None:
        """Add rows by their `page_id`."""
        self.rows += len(page_ids)
        for page_id in page_ids.to_pylist():
            self.id_sum = (self.id_sum + int(page_id, 16)) & _MASK

    def merge(self, other: Count) -> None:
        """Add the rows of another count."""
        self.rows += other.rows
        self.id_sum = (self.id_sum + other.id_sum) & _MASK


@dataclass(slots=True)
class ErrorGroup:
    """Errors of one kind: how many, and the first of them."""

    count: int
    example: str


@dataclass(slots=True)
class Summary:
    """What is in one or many shards.

    Attributes:
        written: The rows.
        statuses: Rows by status.
        sources: Rows by source ("none" for failed pages).
        rungs: By rung of the ladder, attempts by outcome; and `rows`, those that its answer is in.
        tokens_dropped: Output tokens of answers that are in no row.
        tokens: Output tokens, 0 where the engine has none.
        characters: Characters of text.
        copied: Rows whose text is from another row, of the same bytes under another name.
        low_text_scores: Rows that warn of a low text score.
        doubtful_tables: Rows that warn of words in wrong cells of a table.
        unread_scripts: Rows that warn of a script which the engine does not read, by script.
        slowest: Milliseconds in all stages, URI and page of the slowest pages.
        errors: Failed pages by kind of error.
    """

    written: Count = field(default_factory=Count)
    statuses: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    rungs: dict[str, Counter[str]] = field(default_factory=dict)
    tokens: int = 0
    tokens_dropped: int = 0
    characters: int = 0
    copied: int = 0
    low_text_scores: int = 0
    doubtful_tables: int = 0
    unread_scripts: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, str, int]] = field(default_factory=list)
    errors: dict[str, ErrorGroup] = field(default_factory=dict)

    @property
    def engine_pages(self) -> int:
        """Rows of pages that came to an engine, whatever became of them."""
        first = self.rungs.get(Rung.BASE, Counter())
        return sum(count for outcome, count in first.items() if outcome != "rows")

    @classmethod
    def of(cls, pages: pa.Table) -> Summary:
        """Summarise rows of `schema.PAGES`."""
        summary = cls()
        summary.written.add(pages["page_id"])
        summary.statuses.update(pages["status"].to_pylist())
        summary.sources.update(source or "none" for source in pages["source"].to_pylist())
        summary.tokens = pc.sum(pages["output_tokens"]).as_py() or 0
        summary.characters = pc.sum(pc.utf8_length(pages["text"])).as_py() or 0
        summary.copied = pages.num_rows - pages["copied_from"].null_count
        warnings = [each or () for each in pages["warnings"].to_pylist()]
        summary.unread_scripts.update(filter(None, map(warned_of, warnings)))
        summary.low_text_scores = sum(any(map(is_low_score_warning, each)) for each in warnings)
        summary.doubtful_tables = sum(any(map(is_tables_warning, each)) for each in warnings)
        summary._add_attempts(pages)
        summary._add_rows(pages)
        return summary

    def _add_attempts(self, pages: pa.Table) -> None:
        attempts = pc.list_flatten(pages["attempts"])
        rungs, outcomes, tokens = (
            pc.struct_field(attempts, name) for name in ("rung", "outcome", "output_tokens")
        )
        for rung, outcome in zip(rungs.to_pylist(), outcomes.to_pylist(), strict=True):
            self._count(rung, Counter({outcome: 1}))
        for rung, rows in Counter(pages["rung"].drop_null().to_pylist()).items():
            self._count(rung, Counter(rows=rows))
        self.tokens_dropped = (pc.sum(tokens).as_py() or 0) - self.tokens

    def _count(self, rung: str, counts: Counter[str]) -> None:
        self.rungs.setdefault(rung, Counter()).update(counts)

    def _add_rows(self, pages: pa.Table) -> None:
        wanted = pages.select(["uri", "page", "error_kind", "error", *TIMING])
        for row in wanted.to_pylist():
            place = f"{row['uri']} page {row['page']}"
            if row["error_kind"]:
                self._add_error(row["error_kind"], 1, f"{place}: {row['error']}")
            times = [row[name] for name in TIMING if row[name] is not None]
            if times:
                self.slowest.append((sum(times), row["uri"], row["page"]))
        self.slowest = heapq.nlargest(SLOWEST, self.slowest)

    def _add_error(self, kind: str, count: int, example: str) -> None:
        group = self.errors.setdefault(kind, ErrorGroup(0, example))
        group.count += count

    def merge(self, other: Summary) -> None:
        """Add what is in other shards."""
        self.written.merge(other.written)
        self.statuses.update(other.statuses)
        self.sources.update(other.sources)
        for rung, counts in other.rungs.items():
            self._count(rung, counts)
        self.tokens += other.tokens
        self.tokens_dropped += other.tokens_dropped
        self.characters += other.characters
        self.copied += other.copied
        self.low_text_scores += other.low_text_scores
        self.doubtful_tables += other.doubtful_tables
        self.unread_scripts.update(other.unread_scripts)
        self.slowest = heapq.nlargest(SLOWEST, self.slowest + other.slowest)
        for kind, group in other.errors.items():
            self._add_error(kind, group.count, group.example)


@dataclass(slots=True)
class PlanSummary:
    """What is in a plan.

    Attributes:
        documents: Documents, those included that cannot be opened.
        unreadable: Documents that cannot be opened.
        bytes: Size of all documents.
        routes: Rows of the plan by route.
        done: Wanted rows that the output has already, by status.
        todo: The rows that the run has to write. With `done` they are one for each wanted page, and
            one for each document that cannot be opened.
        attachments: Documents among them that are embedded in a PDF.
        attachments_left_out: Files embedded in PDFs that are not read.
    """

    documents: int = 0
    unreadable: int = 0
    bytes: int = 0
    routes: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    todo: Count = field(default_factory=Count)
    attachments: int = 0
    attachments_left_out: int = 0

    @classmethod
    def of(cls, plan: pa.Table) -> PlanSummary:
        """Summarise rows of `schema.PLAN`."""
        first = plan.filter(pc.less_equal(plan["page"], 1))
        summary = cls(documents=first.num_rows, bytes=pc.sum(first["size_bytes"]).as_py() or 0)
        summary.routes.update(plan["route"].to_pylist())
        summary.unreadable = summary.routes[Route.ERROR]
        summary.attachments = len(first["outer"].drop_null())
        summary.attachments_left_out = pc.sum(first["attachments_left_out"]).as_py() or 0
        wanted = plan.filter(pc.not_equal(plan["route"], Route.SKIP.value))
        summary.done.update(wanted["done"].drop_null().to_pylist())
        summary.todo.add(plan.filter(todo_mask(plan))["page_id"])
        return summary

    @property
    def pages(self) -> int:
        """Pages that are wanted of the documents that open: what plan and receipt count."""
        return self.routes[Route.OCR] + self.routes[Route.COPY]

    @property
    def pages_left_out(self) -> int:
        """Pages that `--pages` and `--max-pages` leave out: they get no row."""
        return self.routes[Route.SKIP]

    def merge(self, other: PlanSummary) -> None:
        """Add what is in other shards."""
        self.documents += other.documents
        self.unreadable += other.unreadable
        self.bytes += other.bytes
        self.routes.update(other.routes)
        self.done.update(other.done)
        self.todo.merge(other.todo)
        self.attachments += other.attachments
        self.attachments_left_out += other.attachments_left_out


def todo_mask(plan: pa.Table) -> pa.ChunkedArray:
    """Which rows of a plan the run has to write: wanted, and not in the output yet."""
    return pc.and_(pc.not_equal(plan["route"], Route.SKIP.value), pc.is_null(plan["done"]))
