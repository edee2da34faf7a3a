from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import OutputConfig
from pipeline.output import rows as rows_of
from pipeline.output import shards
from pipeline.output.completed import Ledger, content_id, page_id
from pipeline.types import PageIds, PageRef, PageResult, Recognition, Status

words = st.text(max_size=12)


def row(identity: str, status: Status) -> PageResult:
    ref = PageRef("/a", "d", 1, 1, "", 0, 0)
    return PageResult(ref, Recognition(status), ids=PageIds(identity, "c" * 32, "r"))


def test_no_output_means_nothing_is_done(tmp_path: Path):
    assert Ledger.read(tmp_path / "nowhere").status(page_id("u", "d", 1, "r")) is None


def test_the_rows_are_the_ledger(tmp_path: Path):
    ids = [page_id("/a.pdf", "d", page, "r") for page in range(1, 200)]
    for shard, start in enumerate(range(0, len(ids), 50)):
        rows = [
            row(identity, Status.FAILED if number % 7 == 0 else Status.OK)
            for number, identity in enumerate(ids[start : start + 50], start)
        ]
        path = str(tmp_path / f"part-{shard}.parquet")
        shards.write_pages(path, OutputConfig(), rows_of.pages_table(rows))
    ledger = Ledger.read(tmp_path)
    for number, identity in enumerate(ids):
        assert ledger.status(identity) is (Status.FAILED if number % 7 == 0 else Status.OK)
    assert ledger.status(page_id("/a.pdf", "d", 200, "r")) is None


@given(words, words, words, words)
def test_ids_tell_parts_apart(uri: str, doc: str, recipe: str, other: str):
    assert page_id(uri, doc, 1, recipe) != page_id(uri, doc, 2, recipe)
    assert content_id(doc, 1, recipe) == content_id(doc, 1, recipe)
    if other != uri:
        assert page_id(uri, doc, 1, recipe) != page_id(other, doc, 1, recipe)
    if other != recipe:
        assert content_id(doc, 1, recipe) != content_id(doc, 1, other)


def test_names_that_are_no_unicode_have_ids():
    assert len(page_id("/bad\udcff.pdf", "d", 1, "r")) == 32


def test_pages_that_failed_may_count_as_not_done(tmp_path: Path):
    rows = [row("a" * 32, Status.FAILED), row("b" * 32, Status.BLANK)]
    shards.write_pages(tmp_path / "p.parquet", OutputConfig(), rows_of.pages_table(rows))
    shards.write_pages(tmp_path / "q.parquet", OutputConfig(), rows_of.pages_table(rows[:1]))
    left = Ledger.read(tmp_path, failed=False)
    assert (left.status("a" * 32), left.status("b" * 32)) == (None, Status.BLANK)
    assert len(Ledger.read(tmp_path).page_ids) == 3


def test_looking_for_pages_takes_no_longer_in_a_large_output():
    ids = [f"{number:032x}" for number in range(400_000)]
    known = Ledger(np.array(ids, "S32"), np.zeros(len(ids), np.uint8))
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        assert known.has(ids[1000:5096]).all()
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.05  # to sort all ids takes ten times as long


def test_which_of_many_pages_have_a_row(tmp_path: Path):
    assert list(Ledger().has(["a" * 32])) == [False]
    known = Ledger(np.array(["a" * 32, "c" * 32], "S32"), np.zeros(2, np.uint8))
    assert list(known.has(["c" * 32, "b" * 32, "a" * 32])) == [True, False, True]
    assert list(known.has([])) == []
