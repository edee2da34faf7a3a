from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.job.stages.quarantine import Isolation, Quarantine, in_turn


def test_pages_run_together_until_a_worker_crashes():
    quarantine = Quarantine(2)
    assert quarantine.begin(["a", "b"]) == [Isolation.NONE] * 2
    quarantine.finish(["a"])
    assert quarantine.begin(["a", "b"]) == [Isolation.NONE, Isolation.FEW]


def test_a_page_that_only_waited_when_its_worker_crashed_is_no_more_suspect():
    quarantine = Quarantine(2)
    quarantine.begin(["ran", "waited"])
    quarantine.begin(["ran", "waited"])
    quarantine.enter("ran", solo=False)
    assert quarantine.begin(["ran", "waited"]) == [Isolation.SOLO, Isolation.FEW]


def test_crashes_count_where_a_page_ran_alone():
    quarantine = Quarantine(2)
    quarantine.begin(["a"])
    quarantine.begin(["a"])
    quarantine.enter("a", solo=False)
    assert quarantine.begin(["a"]) == [Isolation.SOLO]
    quarantine.enter("a", solo=True)
    assert quarantine.begin(["a"]) == [Isolation.SOLO]
    quarantine.enter("a", solo=True)
    assert quarantine.begin(["a"]) == [Isolation.POISON]
    quarantine.finish(["a"])
    assert quarantine.begin(["a"]) == [Isolation.POISON], "it comes again with its neighbours"


def test_a_page_that_finishes_is_forgotten():
    quarantine = Quarantine(1)
    for _ in range(3):
        quarantine.begin(["a"])
        quarantine.begin(["a"])
        quarantine.enter("a", solo=True)
        quarantine.finish(["a"])
    assert quarantine.begin(["a"]) == [Isolation.NONE]


def test_one_of_few_leaves_room_for_few():
    assert [Isolation.FEW.weight(places) for places in (1, 2, 9, 64, 300)] == [1, 2, 3, 8, 18]
    assert Isolation.NONE.weight(64) == 1
    assert Isolation.SOLO.weight(64) == 64


PAGES = st.lists(st.text(max_size=3), min_size=1, max_size=12, unique=True)
POISON = st.sets(st.integers(0, 11), max_size=3)


@given(pages=PAGES, poison=POISON, max_crashes=st.integers(1, 3), places=st.integers(1, 20))
def test_exactly_the_poison_pages_get_errors_and_crashes_are_few(
    pages: list[str], poison: set[int], max_crashes: int, places: int
):
    """A worker with many places that is killed by each poisoned page that it runs."""
    bad = {page for index, page in enumerate(pages) if index in poison}
    quarantine, crashes = Quarantine(max_crashes), 0
    while (rows := life(quarantine, pages, bad, places)) is None:
        crashes += 1
    assert {page for page, isolation in rows.items() if isolation is Isolation.POISON} == bad
    assert crashes <= (2 + max_crashes) * len(bad)


def life(
    quarantine: Quarantine, pages: list[str], bad: set[str], places: int
) -> dict[str, Isolation] | None:
    """One life of a worker: the isolations of the rows that it made, None where it crashed."""
    isolations = dict(zip(pages, quarantine.begin(pages), strict=True))
    if bad & {page for page in pages if isolations[page] is Isolation.NONE}:
        return None
    for isolation in (Isolation.FEW, Isolation.SOLO):
        some = [page for page in pages if isolations[page] is isolation]
        share = isolation.weight(places)
        size = places // share
        for group in (some[start : start + size] for start in range(0, len(some), size)):
            for page in group:
                quarantine.enter(page, solo=share == places)
            if bad & set(group):
                return None
            quarantine.finish(group)
    quarantine.finish(pages)
    return isolations


@given(pages=PAGES, poison=POISON, max_crashes=st.integers(1, 3))
def test_a_worker_that_takes_them_in_turn_gets_through(
    pages: list[str], poison: set[int], max_crashes: int
):
    bad = {page for index, page in enumerate(pages) if index in poison}
    quarantine, crashes = Quarantine(max_crashes), 0
    while (rows := one_by_one(quarantine, pages, bad)) is None:
        crashes += 1
    assert {page for page, may_run in rows.items() if not may_run} == bad
    assert crashes <= (1 + max_crashes) * len(bad)


def one_by_one(quarantine: Quarantine, pages: list[str], bad: set[str]) -> dict[str, bool] | None:
    rows: dict[str, bool] = {}
    for may_run, page in zip(in_turn(quarantine, pages), pages, strict=True):
        if may_run and page in bad:
            return None
        rows[page] = may_run
    return rows
