from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ErrorKind
from pipeline.output import schema
from pipeline.output.rows import pages_table
from pipeline.output.totals import Count, PlanSummary, Summary
from pipeline.recognition.text_score import low_score_warning, warnings_of
from pipeline.text.scripts import warning
from pipeline.types import (
    Attempt,
    Failure,
    Generation,
    Outcome,
    PageIds,
    PageRef,
    PageResult,
    Recognition,
    Rung,
    ScoreParts,
    Source,
    Status,
    Timing,
)


def test_pages_that_came_to_an_engine_are_those_with_a_first_attempt():
    rungs = {"base": Counter(good=4, looped=2, rows=4), "plain_text": Counter(good=2, rows=2)}
    assert Summary(rungs=rungs).engine_pages == 6
    assert Summary().engine_pages == 0


ids = st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), unique=True, max_size=20)


def count(page_ids: list[str]) -> Count:
    total = Count()
    total.add(pa.chunked_array([page_ids], pa.string()))
    return total


@given(ids, st.randoms())
def test_order_and_cuts_do_not_matter(page_ids: list[str], random):
    shuffled = list(page_ids)
    random.shuffle(shuffled)
    cut = random.randint(0, len(page_ids))
    parts = count(shuffled[:cut])
    parts.merge(count(shuffled[cut:]))
    assert parts == count(page_ids)


@given(ids.filter(lambda page_ids: len(page_ids) > 1))
def test_lost_doubled_and_swapped_rows_show(page_ids: list[str]):
    whole = count(page_ids)
    assert count(page_ids[1:]) != whole
    assert count([*page_ids, page_ids[0]]) != whole
    assert count([*page_ids[1:], page_ids[1]]) != whole


def page(number: int, status: Status, ms: float, kind: ErrorKind | None = None) -> PageResult:
    failure = Failure(kind, f"said {number}") if kind else None
    generation = None if kind else Generation(output_tokens=10)
    return PageResult(
        ids=PageIds(f"{number:032x}", "c", "r"),
        ref=PageRef("/a.pdf", "d", number, 9, "application/pdf", 1, 1),
        recognition=Recognition(status, "text", generation=generation, failure=failure),
        source=None if kind else Source.OCR,
        timing=Timing(render_ms=ms / 2, generate_ms=ms / 2),
    )


def test_a_summary_counts_and_keeps_the_slowest_and_an_example():
    pages = [page(number, Status.OK, number * 10.0) for number in range(1, 8)]
    pages.append(page(8, Status.FAILED, 5.0, ErrorKind.TIMEOUT))
    summary = Summary.of(pages_table(pages[:4]))
    summary.merge(Summary.of(pages_table(pages[4:])))
    assert summary.written.rows == 8
    assert summary.statuses == {"ok": 7, "failed": 1}
    assert summary.sources == {"ocr": 7, "none": 1}
    assert summary.tokens == 70
    assert summary.characters == 32
    assert [number for _, _, number in summary.slowest] == [7, 6, 5, 4, 3]
    assert summary.errors["timeout"].count == 1
    assert summary.errors["timeout"].example == "/a.pdf page 8: said 8"


def test_a_summary_counts_attempts_by_rung_and_outcome():
    looped = Attempt(Rung.BASE, Outcome.LOOPED, output_tokens=900)
    good = Attempt(Rung.PLAIN, Outcome.GOOD, output_tokens=100)
    climbed = Recognition(
        Status.OK,
        "text",
        generation=Generation(output_tokens=100),
        rung=Rung.PLAIN,
        attempts=(looped, good),
    )
    failed = page(1, Status.FAILED, 1.0, ErrorKind.TIMEOUT)
    read = replace(page(2, Status.OK, 1.0), recognition=climbed)
    summary = Summary.of(pages_table([failed, read]))
    summary.merge(Summary.of(pages_table([read])))
    assert summary.rungs == {
        "base": {"looped": 2},
        "plain_text": {"good": 2, "rows": 2},
    }
    assert summary.tokens == 2 * 100
    assert summary.tokens_dropped == 2 * 900


def test_rows_in_scripts_that_were_not_read_are_counted_by_script():
    russian, unknown = (warning(script, "said") for script in ("Cyrillic", "unknown"))
    pages = [page(number, Status.OK, 1.0) for number in range(4)]
    pages[1] = replace(pages[1], warnings=("another", russian))
    pages[2] = replace(pages[2], warnings=(unknown,))
    summary = Summary.of(pages_table(pages[:2]))
    summary.merge(Summary.of(pages_table([*pages[2:], pages[1]])))
    assert summary.unread_scripts == {"Cyrillic": 2, "unknown": 1}


def test_rows_with_a_low_text_score_are_counted():
    low = low_score_warning(0.4, ScoreParts(words=0.4), 0.8)
    pages = [page(number, Status.OK, 1.0) for number in range(3)]
    pages[0] = replace(pages[0], warnings=("another", low))
    pages[2] = replace(pages[2], warnings=("another",))
    summary = Summary.of(pages_table(pages))
    summary.merge(Summary.of(pages_table(pages[:1])))
    assert summary.low_text_scores == 2
    assert summary.doubtful_tables == 0


def test_rows_with_tables_in_doubt_are_counted() -> None:
    pages = [page(number, Status.OK, 1.0) for number in range(3)]
    said = tuple(warnings_of(0.85, ScoreParts(tables=0.9), 0.8))
    pages[0] = replace(pages[0], warnings=("another", *said))
    summary = Summary.of(pages_table(pages))
    summary.merge(Summary.of(pages_table(pages[:1])))
    assert summary.doubtful_tables == 2
    assert summary.low_text_scores == 0


def plan_row(page: int, route: str, done: str | None) -> dict[str, object]:
    return {
        "page_id": f"{page:032x}",
        "uri": "/a.pdf",
        "page": page,
        "route": route,
        "done": done,
        "size_bytes": 100,
    }


def test_a_plan_summary_tells_what_is_to_do():
    rows = [
        plan_row(1, "ocr", None),
        plan_row(2, "ocr", "failed"),
        plan_row(3, "skip", None),
        plan_row(4, "skip", "ok"),
        plan_row(5, "copy", None),
        plan_row(0, "error", None),
    ]
    summary = PlanSummary.of(pa.Table.from_pylist(rows, schema=schema.PLAN))
    assert (summary.documents, summary.unreadable, summary.bytes) == (2, 1, 200)
    assert summary.routes == {"ocr": 2, "copy": 1, "skip": 2, "error": 1}
    assert summary.done == {"failed": 1}
    assert summary.todo.rows == 3
    assert (summary.pages, summary.pages_left_out) == (3, 2)
    rows_out = summary.todo.rows + summary.done.total()
    assert rows_out == summary.pages + summary.unreadable, "a row for each of them"
