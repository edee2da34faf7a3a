from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DocumentError, ErrorKind
from pipeline.job.stages.plan import Planner
from pipeline.output.completed import Ledger
from pipeline.page_range import PageSelection
from pipeline.types import Document, Route, Status

DOCUMENT = Document("/a.pdf", 10)


@given(st.integers(1, 60), st.sampled_from(["", "1", "2-4,9", "5-", "100"]))
def test_the_plan_lists_every_page_exactly_once(page_count: int, pages: str):
    selection = PageSelection.parse(pages)
    planner = Planner("r", selection, Ledger())
    planned = list(planner.readable(DOCUMENT, "d", "application/pdf", [(612, 792)] * page_count))
    assert [page.ref.page for page in planned] == list(range(1, page_count + 1))
    assert len({page.ids.page_id for page in planned}) == page_count
    for page in planned:
        assert page.route is (Route.OCR if page.ref.page in selection else Route.SKIP)


def test_a_document_that_cannot_be_opened_gets_one_row_with_page_0():
    planner = Planner("r", PageSelection.parse("3"), Ledger())
    page = planner.unreadable(DOCUMENT, DocumentError(ErrorKind.PASSWORD, "give --password"))
    assert (page.ref.page, page.ref.page_count, page.route) == (0, 0, Route.ERROR)
    assert page.failure.kind is ErrorKind.PASSWORD


def test_the_same_bytes_under_two_names_share_their_content_id():
    planner = Planner("r", PageSelection(), Ledger())
    [one] = planner.readable(Document("/a.pdf", 10), "d", "application/pdf", [(1, 1)])
    [two] = planner.readable(Document("/b.pdf", 10), "d", "application/pdf", [(1, 1)])
    assert one.ids.content_id == two.ids.content_id
    assert one.ids.page_id != two.ids.page_id


def test_a_page_whose_text_is_there_under_another_name_is_a_copy():
    planner = Planner("r", PageSelection(), Ledger())
    [one] = planner.readable(Document("/a.pdf", 10), "d", "application/pdf", [(1, 1)])
    ids = [np.array([which], "S32") for which in (one.ids.page_id, one.ids.content_id)]
    planner = Planner("r", PageSelection.parse("1"), Ledger(ids[0], np.zeros(1, np.uint8), ids[1]))
    [done] = planner.readable(Document("/a.pdf", 10), "d", "application/pdf", [(1, 1)])
    two = planner.readable(Document("/b.pdf", 10), "d", "application/pdf", [(1, 1), (1, 1)])
    [other] = planner.readable(Document("/c.pdf", 10), "e", "application/pdf", [(1, 1)])
    assert (done.route, done.done) == (Route.OCR, Status.OK)
    assert [page.route for page in two] == [Route.COPY, Route.SKIP]
    assert (other.route, other.done) == (Route.OCR, None)


def test_another_recipe_is_another_row():
    [one] = Planner("r", PageSelection(), Ledger()).readable(DOCUMENT, "d", "", [(1, 1)])
    [two] = Planner("s", PageSelection(), Ledger()).readable(DOCUMENT, "d", "", [(1, 1)])
    assert one.ids.page_id != two.ids.page_id


def test_warnings_stand_on_the_first_page_alone():
    planner = Planner("r", PageSelection(), Ledger())
    pages = list(planner.readable(DOCUMENT, "d", "", [(1, 1)] * 3, ("repaired",)))
    assert [page.warnings for page in pages] == [("repaired",), (), ()]


@given(st.integers(1, 40), st.integers(1, 50), st.sampled_from(["", "3-", "1,5,9"]))
def test_the_first_of_the_wanted_pages_are_taken_and_the_others_counted(
    page_count: int, most: int, pages: str
):
    selection = PageSelection.parse(pages)
    planner = Planner("r", selection, Ledger(), most)
    planned = list(planner.readable(DOCUMENT, "d", "application/pdf", [(612, 792)] * page_count))
    assert [page.ref.page for page in planned] == list(range(1, page_count + 1))
    wanted = [page for page in range(1, page_count + 1) if page in selection][:most]
    assert [page.ref.page for page in planned if page.route is Route.OCR] == wanted
