"""`pipeline.job.ray_data.duplicates`: what is read once, and what is copied for other names."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.errors import ErrorKind
from pipeline.job.ray_data import duplicates
from pipeline.job.ray_data.duplicates import DOCUMENTS, WANTED, Duplicates
from pipeline.output import schema
from pipeline.output.completed import content_id, page_id
from pipeline.output.rows import page_results, pages_table
from pipeline.types import Failure, PageIds, PageRef, PageResult, Recognition, Status, Timing
from tests.support.strategies import results

DOC = {name: f"{name * 64}" for name in "abc"}


def plan(*rows: tuple[str, str, int, str]) -> pa.Table:
    """Rows of a plan: document, name, page, and route or the status that is there."""
    made = []
    for doc, uri, page, what in rows:
        done = None if what in ("ocr", "copy", "skip", "error") else what
        made.append(
            {
                "page_id": page_id(uri, DOC.get(doc, ""), page, "r"),
                "content_id": content_id(DOC.get(doc, ""), page, "r"),
                "uri": uri,
                "doc_id": DOC.get(doc, ""),
                "page": page,
                "route": "ocr" if done else what,
                "done": done,
            }
        )
    return pa.Table.from_pylist(made, schema=schema.PLAN)


def find_duplicates(*tables: pa.Table) -> Duplicates:
    repeated = duplicates.repeated_keys([duplicates.document_keys(table) for table in tables])
    return Duplicates.of(
        pa.concat_tables([duplicates.documents(table, repeated) for table in tables])
    )


def test_of_documents_with_the_same_bytes_one_is_read() -> None:
    first = plan(("a", "y", 1, "ocr"), ("a", "y", 2, "ocr"), ("b", "z", 1, "ocr"))
    second = plan(("a", "x", 1, "ocr"), ("a", "x", 2, "ocr"), ("", "bad", 0, "error"))
    same = find_duplicates(first, second)
    assert same == Duplicates({DOC["a"]: "x"}, 2)
    read = [(table.filter(same.read_mask(table)))["uri"].to_pylist() for table in (first, second)]
    assert read == [["z"], ["x", "x", "bad"]]
    assert same.wanted(first)["uri"].to_pylist() == ["y", "y"]
    assert same.wanted(second).num_rows == 0


def test_a_document_whose_pages_are_in_two_shards_of_the_plan_is_no_duplicate() -> None:
    assert find_duplicates(plan(("a", "x", 1, "ocr")), plan(("a", "x", 2, "ocr"))) == Duplicates()


def test_what_is_done_or_left_out_has_no_duplicate() -> None:
    assert (
        find_duplicates(plan(("a", "x", 1, "ok"), ("a", "y", 1, "ocr"), ("a", "z", 1, "skip")))
        == Duplicates()
    )


def test_pages_whose_text_is_there_are_copied_and_not_read() -> None:
    table = plan(("a", "x", 1, "ok"), ("a", "y", 1, "copy"), ("a", "y", 2, "ocr"))
    assert Duplicates().wanted(table)["uri"].to_pylist() == ["y"]
    assert table.filter(Duplicates().read_mask(table))["page"].to_pylist() == [2]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=9, unique=True))
def test_every_page_is_read_or_copied_and_every_text_read_once(
    named: list[tuple[str, str]],
) -> None:
    table = plan(*((doc, doc + uri, page, "ocr") for doc, uri in named for page in (1, 2)))
    same = find_duplicates(table)
    read, wanted = table.filter(same.read_mask(table)), same.wanted(table)
    assert sorted(read["content_id"].to_pylist()) == sorted(set(table["content_id"].to_pylist()))
    ids = read["page_id"].to_pylist() + wanted["page_id"].to_pylist()
    assert sorted(ids) == sorted(table["page_id"].to_pylist())
    assert same.rows == wanted.num_rows


def row(identity: str, status: Status, kind: ErrorKind = ErrorKind.ENGINE) -> PageResult:
    failure = Failure(kind, "no") if status is Status.FAILED else None
    recognition = Recognition(status, "text" if failure is None else "", failure=failure)
    ref = PageRef("old", DOC["a"], 1, 1, "application/pdf", 1, 1)
    ids = PageIds(identity, "c", "r")
    return PageResult(ref, recognition, ids=ids, timing=Timing(1, 2, 3))


def test_a_good_text_is_copied_before_a_failure() -> None:
    pages = pages_table([row("bad", Status.FAILED), row("good", Status.OK)])
    wanted = pa.Table.from_pylist([{"content_id": "c", "page_id": "p", "uri": "n"}], WANTED)
    assert duplicates.texts(pages, wanted) == {"c": True}
    assert duplicates.texts(pages.slice(0, 1), wanted) == {"c": False}
    [copied] = page_results(duplicates.copied(pages, wanted))
    assert (copied.ids.page_id, copied.ref.uri, copied.copied_from) == ("p", "n", "good")
    assert (copied.recognition.status, copied.recognition.text) == (Status.OK, "text")
    assert copied.timing == Timing()


@given(results())
def test_a_copy_says_the_same_and_costs_nothing(result: PageResult) -> None:
    failure = result.recognition.failure
    assume(failure is None or failure.kind not in duplicates.URI_FAILURES)
    pages = pages_table([result])
    [content] = pages["content_id"].to_pylist()
    wanted = pa.Table.from_pylist([{"content_id": content, "page_id": "p", "uri": "n"}], WANTED)
    [was], [now] = pages.to_pylist(), duplicates.copied(pages, wanted).to_pylist()
    cost = (*schema.GENERATION, *Timing.__slots__)
    assert [now[name] for name in cost] == [None] * len(cost)
    changed = {*cost, "page_id", "uri", "copied_from", "attempts"}
    assert {name for name in was if now[name] != was[name]} <= changed
    assert now["copied_from"] == (was["copied_from"] or was["page_id"])


def test_what_failed_for_its_place_is_not_copied() -> None:
    pages = pages_table([row("gone", Status.FAILED, ErrorKind.NOT_FOUND)])
    wanted = pa.Table.from_pylist([{"content_id": "c", "page_id": "p", "uri": "n"}], WANTED)
    assert duplicates.texts(pages, wanted) == {}
    table = plan(("a", "x", 1, "ocr"), ("a", "y", 1, "copy"), ("a", "z", 1, "ok"))
    read = table.filter(Duplicates(are_read=True).read_mask(table))
    assert read["uri"].to_pylist() == ["x", "y"]


def test_nothing_is_no_duplicate() -> None:
    assert duplicates.repeated_keys([]).size == 0
    assert Duplicates.of(DOCUMENTS.empty_table()) == Duplicates()
