"""Sums over the rows of an output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import ErrorKind
from pipeline.output.report import findings
from pipeline.output.report.findings import Times, find
from pipeline.types import Failure, PageResult, Source, Status, Timing
from tests.support.small_outputs import page, write_pages


def scored(number: int, score: float, *warnings: str, text: str = "words") -> PageResult:
    return replace(page("/in/a.pdf", number, text), text_score=score, warnings=warnings)


def failed(number: int, kind: ErrorKind, message: str) -> PageResult:
    bare = page("/in/b.pdf", number, "", status=Status.FAILED, source=None)
    return replace(bare, recognition=replace(bare.recognition, failure=Failure(kind, message)))


def test_pages_are_counted_by_value(tmp_path: Path) -> None:
    rows = [
        page("/in/a.pdf", 1, "слова", source=Source.TEXT_LAYER),
        page("/in/a.pdf", 2, "words"),
        failed(0, ErrorKind.PASSWORD, "encrypted"),
    ]
    found = find(write_pages(tmp_path, rows[:2], rows[2:]))
    assert (found.pages, found.documents, found.characters) == (3, 2, 10)
    assert found.counts["status"] == {"ok": 2, "failed": 1}
    assert found.counts["source"] == {"text_layer": 1, "ocr": 1, "none": 1}
    assert found.counts["script"] == {"Cyrillic": 1, "Latin": 1, "none": 1}


def test_the_lowest_scores_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "WORST", 2)
    rows = [scored(n, score, f"why {n}") for n, score in ((1, 0.9), (2, 0.2), (3, 1.0), (4, 0.5))]
    found = find(write_pages(tmp_path, rows))
    assert [(worst.page, worst.why) for worst in found.worst] == [(2, "why 2"), (4, "why 4")]
    assert found.worst[0].score == pytest.approx(0.2)
    assert found.scored == 4
    assert found.scores["ocr"][-1] == 1
    assert found.low_scores(0.8) == 2


def test_failures_have_a_few_examples(tmp_path: Path) -> None:
    rows = [failed(n, ErrorKind.RENDER, f"no page {n}") for n in range(1, 6)]
    found = find(write_pages(tmp_path, [*rows, failed(9, ErrorKind.LIMIT, "large")]))
    assert found.failures["render"].count == 5
    assert found.failures["render"].examples[0] == ("/in/b.pdf", 1, "no page 1")
    assert len(found.failures["render"].examples) == findings.EXAMPLES
    assert found.failures["limit"].count == 1


def test_warnings_that_differ_in_numbers_and_names_are_one_kind(tmp_path: Path) -> None:
    rows = [
        scored(1, 1, "font 'A' has 2.5 gaps", "x"),
        scored(2, 1, "font 'B' has 31 gaps (12 0 R)"),
    ]
    found = find(write_pages(tmp_path, rows))
    assert found.warnings["font ... has N gaps"] == 1
    assert found.warnings["font ... has N gaps ..."] == 1
    assert found.warnings["x"] == 1


def test_kinds_of_warnings_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "WARNINGS", 2)
    found = find(write_pages(tmp_path, [scored(1, 1, "a", "b", "c", "d", "a")]))
    assert found.warnings == {"a": 2, "b": 1, "other warnings": 2}


def test_times_are_summed_by_stage(tmp_path: Path) -> None:
    timed = replace(page("/a", 1, "x"), timing=Timing(render_ms=20.0, generate_ms=1000.0))
    found = find(write_pages(tmp_path, [timed, page("/a", 2, "x")]))
    assert {name: (times.pages, times.sum_ms) for name, times in found.times.items()} == {
        "render": (1, 20.0),
        "generate": (1, 1000.0),
    }


@pytest.mark.parametrize("ms", [0.0, 0.1, 0.99, 1, 17.0, 1000, 999_999.0, 1e9])
def test_a_time_is_in_the_bin_that_begins_before_it(ms: float) -> None:
    times = Times()
    times.add(ms)
    place = times.bins.index(1)
    assert findings.TIME_BINS[place] <= max(ms, 0.1) * 1.0001
    assert place + 1 == len(times.bins) or ms < findings.TIME_BINS[place + 1]
