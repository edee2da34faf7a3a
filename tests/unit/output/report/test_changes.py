"""What changed between two outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.output.report import changes
from pipeline.output.report.changes import Piece, compare, side_by_side, text_change
from pipeline.types import PageResult, Source, Status
from tests.support.small_outputs import page, write_pages


def named(doc_id: str, number: int, text: str, score: float | None = None) -> PageResult:
    found = page(f"/in/{doc_id}.pdf", number, text)
    return replace(found, ref=replace(found.ref, doc_id=doc_id), text_score=score)


def test_pages_of_the_same_bytes_are_compared(tmp_path: Path) -> None:
    elsewhere = named("aa", 2, "ships and dues", 0.5)
    elsewhere = replace(elsewhere, ref=replace(elsewhere.ref, uri="s3://other/place.pdf"))
    before = write_pages(
        tmp_path / "before", [named("aa", 1, "same  text"), elsewhere, named("bb", 1, "gone")]
    )
    here = [
        named("aa", 2, "ships or dues", 0.75),
        named("cc", 1, "new"),
        named("aa", 1, "same text"),
    ]
    done: list[int] = []
    found = compare(write_pages(tmp_path / "after", here), before, done.append)
    assert (found.both, found.only_here, found.only_there, found.changed) == (2, 1, 1, 1)
    assert found.score_changes == (0.25, 1)
    assert sum(done) == 2
    (most,) = found.most
    assert (most.uri, most.page, most.scores) == ("/in/aa.pdf", 2, (0.5, 0.75))
    assert most.change == pytest.approx(3 / 14)


def test_other_statuses_and_sources_are_counted(tmp_path: Path) -> None:
    old = write_pages(tmp_path / "a", [page("/x", 1, "", status=Status.FAILED, source=None)])
    new = write_pages(tmp_path / "b", [page("/x", 1, "text", source=Source.TEXT_LAYER)])
    found = compare(new, old)
    assert found.statuses == {("failed", "ok"): 1}
    assert found.sources == {("none", "text_layer"): 1}
    assert found.most[0].change == 1


def test_the_pages_that_changed_most_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "SAMPLES", 2)
    monkeypatch.setattr(changes, "_CHUNK", 3)
    old = write_pages(tmp_path / "a", [named("aa", n, "x" * 10) for n in range(1, 8)])
    new = [named("aa", n, "x" * (10 - n) + "y" * n) for n in range(1, 8)]
    found = compare(write_pages(tmp_path / "b", new), old)
    assert [most.page for most in found.most] == [7, 6]
    assert found.changed == 7
    assert found.change_sum == pytest.approx(2.8)
    assert sum(found.bins) == 7


def test_a_change_after_what_is_compared_is_not_lost() -> None:
    assert text_change("a  b", "a\nb") == 0
    long = "x" * 30_000
    assert 0 < text_change(long + "a", long + "b") < 0.001


def test_texts_are_shown_side_by_side_from_the_first_change() -> None:
    words = " ".join(f"w{n}" for n in range(60))
    left, right = side_by_side(f"{words} old end", f"{words} new end")
    assert [piece.is_changed for piece in left] == [False, True, False]
    assert left[0].text.startswith("w48 ")
    assert (left[1], right[1]) == (Piece("old", True), Piece("new", True))
    assert side_by_side("", "all new") == ([], [Piece("all new", True)])


def test_long_equal_parts_are_shortened() -> None:
    words = " ".join(f"w{n}" for n in range(60))
    left, _ = side_by_side(f"a {words} b", f"c {words} d")
    assert "w11 [...] w48" in left[1].text
