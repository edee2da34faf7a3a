from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.suspects import Suspects, Verdict


def test_pages_run_together_until_a_worker_dies() -> None:
    suspects = Suspects(2)
    assert suspects.begin(["a", "b"]) == [Verdict.TOGETHER] * 2
    suspects.finish("a")
    assert suspects.begin(["a", "b"]) == [Verdict.TOGETHER, Verdict.ALONE]


@given(
    pages=st.lists(st.text(max_size=3), min_size=1, max_size=12, unique=True),
    poison=st.sets(st.integers(0, 11), max_size=3),
    most_deaths=st.integers(1, 3),
)
def test_exactly_the_poison_is_condemned_and_deaths_are_few(
    pages: list[str], poison: set[int], most_deaths: int
) -> None:
    """A worker that runs the whole batch, killed by each poisoned page that it runs."""
    bad = {page for index, page in enumerate(pages) if index in poison}
    suspects, rows, deaths = Suspects(most_deaths), {}, 0
    while len(rows) < len(pages):
        rows, died = run(suspects, pages, bad)
        deaths += died
    assert {page for page, verdict in rows.items() if verdict is Verdict.GUILTY} == bad
    assert deaths <= 1 + most_deaths * len(bad)


def run(suspects: Suspects, pages: list[str], bad: set[str]) -> tuple[dict[str, Verdict], bool]:
    """One life of a worker: the rows it made, and whether it died. Its rows die with it."""
    rows: dict[str, Verdict] = {}
    verdicts = dict(zip(pages, suspects.begin(pages), strict=True))
    together = [page for page, verdict in verdicts.items() if verdict is Verdict.TOGETHER]
    if bad.intersection(together):
        return {}, True
    for page, verdict in verdicts.items():
        if verdict is Verdict.ALONE:
            suspects.begin_alone(page)
            if page in bad:
                return {}, True
        rows[page] = verdict
        if verdict is not Verdict.GUILTY:
            suspects.finish(page)
    return rows, False
