from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.job.stages.quarantine import Suspects, Verdict, in_turn


def test_pages_run_together_until_a_worker_dies():
    suspects = Suspects(2)
    assert suspects.begin(["a", "b"]) == [Verdict.TOGETHER] * 2
    suspects.finish(["a"])
    assert suspects.begin(["a", "b"]) == [Verdict.TOGETHER, Verdict.FEW]


def test_a_page_that_only_waited_when_its_worker_died_is_no_more_suspicious():
    suspects = Suspects(2)
    suspects.begin(["ran", "waited"])
    suspects.begin(["ran", "waited"])
    suspects.enter("ran", alone=False)
    assert suspects.begin(["ran", "waited"]) == [Verdict.ALONE, Verdict.FEW]


def test_deaths_count_where_a_page_was_alone():
    suspects = Suspects(2)
    suspects.begin(["a"])
    suspects.begin(["a"])
    suspects.enter("a", alone=False)
    assert suspects.begin(["a"]) == [Verdict.ALONE]
    suspects.enter("a", alone=True)
    assert suspects.begin(["a"]) == [Verdict.ALONE]
    suspects.enter("a", alone=True)
    assert suspects.begin(["a"]) == [Verdict.GUILTY]
    suspects.finish(["a"])
    assert suspects.begin(["a"]) == [Verdict.GUILTY], "it comes again with its neighbours"


def test_a_page_that_lives_is_forgotten():
    suspects = Suspects(1)
    for _ in range(3):
        suspects.begin(["a"])
        suspects.begin(["a"])
        suspects.enter("a", alone=True)
        suspects.finish(["a"])
    assert suspects.begin(["a"]) == [Verdict.TOGETHER]


def test_one_of_few_leaves_room_for_few():
    assert [Verdict.FEW.share(places) for places in (1, 2, 9, 64, 300)] == [1, 2, 3, 8, 18]
    assert Verdict.TOGETHER.share(64) == 1
    assert Verdict.ALONE.share(64) == 64


PAGES = st.lists(st.text(max_size=3), min_size=1, max_size=12, unique=True)
POISON = st.sets(st.integers(0, 11), max_size=3)


@given(pages=PAGES, poison=POISON, max_deaths=st.integers(1, 3), places=st.integers(1, 20))
def test_exactly_the_poison_is_condemned_and_deaths_are_few(
    pages: list[str], poison: set[int], max_deaths: int, places: int
):
    """A worker with many places that is killed by each poisoned page that it runs."""
    bad = {page for index, page in enumerate(pages) if index in poison}
    suspects, deaths = Suspects(max_deaths), 0
    while (rows := life(suspects, pages, bad, places)) is None:
        deaths += 1
    assert {page for page, verdict in rows.items() if verdict is Verdict.GUILTY} == bad
    assert deaths <= (2 + max_deaths) * len(bad)


def life(
    suspects: Suspects, pages: list[str], bad: set[str], places: int
) -> dict[str, Verdict] | None:
    """One life of a worker: the verdicts of the rows that it made, None where it died."""
    verdicts = dict(zip(pages, suspects.begin(pages), strict=True))
    if bad & {page for page in pages if verdicts[page] is Verdict.TOGETHER}:
        return None
    for verdict in (Verdict.FEW, Verdict.ALONE):
        some = [page for page in pages if verdicts[page] is verdict]
        share = verdict.share(places)
        size = places // share
        for group in (some[start : start + size] for start in range(0, len(some), size)):
            for page in group:
                suspects.enter(page, alone=share == places)
            if bad & set(group):
                return None
            suspects.finish(group)
    suspects.finish(pages)
    return verdicts


@given(pages=PAGES, poison=POISON, max_deaths=st.integers(1, 3))
def test_a_worker_that_takes_them_in_turn_gets_through(
    pages: list[str], poison: set[int], max_deaths: int
):
    bad = {page for index, page in enumerate(pages) if index in poison}
    suspects, deaths = Suspects(max_deaths), 0
    while (rows := one_by_one(suspects, pages, bad)) is None:
        deaths += 1
    assert {page for page, may_run in rows.items() if not may_run} == bad
    assert deaths <= (1 + max_deaths) * len(bad)


def one_by_one(suspects: Suspects, pages: list[str], bad: set[str]) -> dict[str, bool] | None:
    rows: dict[str, bool] = {}
    for may_run, page in zip(in_turn(suspects, pages), pages, strict=True):
        if may_run and page in bad:
            return None
        rows[page] = may_run
    return rows
