from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, accuracy_pages, accuracy_results, degraded_pages
from benchmarks.accuracy_pages import Reading, Truth
from tests.support.small_outputs import write_output


def test_leaders_count_except_where_they_are_left_out() -> None:
    leader = "Tides ........ 14\n. . . . . .\nend..."
    assert accuracy_results.without_leaders(leader) == "Tides 14 end..."
    found = accuracy_results.page_score("ocr", Truth("a", 1, leader), Reading("Tides 14 end..."))
    assert found.cer == pytest.approx(21 / 36)
    assert found.dotless_cer == 0
    assert found.words_f1 == 1


def test_marks_of_markdown_count_in_the_error_of_what_was_written_alone() -> None:
    truth = Truth("a", 1, "Dues\n• paid in May\nMay 12")
    markdown = "# Dues\n\n- paid in May\n\n![image](#block-3)\n\n| May | 12 |\n| --- | --- |"
    found = accuracy_results.page_score("ocr", truth, Reading(markdown))
    assert (found.words_f1, found.plain_cer, found.dotless_cer) == (1, 0, 0)
    assert found.cer > 1


def test_a_score_has_the_engine_s_order_where_it_is_known() -> None:
    truth = Truth("a", 1, "a b")
    known = accuracy_results.page_score("ocr", truth, Reading("a b", "b a", 1.5))
    assert (known.cer, known.engine_cer, known.seconds) == (0, pytest.approx(2 / 3), 1.5)
    assert accuracy_results.page_score("layer", truth, Reading("a b")).engine_cer is None


def test_truths_are_found_by_name(tmp_path: Path) -> None:
    for name in ("report.p0000.txt", "report.p0011.txt", "letter.v1.p0001.txt", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert [(truth.name, truth.page) for truth in accuracy_pages.truths(tmp_path)] == [
        ("letter.v1", 2),
        ("report", 1),
        ("report", 12),
    ]
    assert accuracy_pages.truths(tmp_path, ["rep"])[0] == Truth("report", 1, "report.p0000.txt")


def test_a_sample_has_pages_of_every_document_and_is_repeatable() -> None:
    pages = [
        Truth(name, page, "")
        for name, count in (("a", 9), ("b", 1), ("c", 9))
        for page in range(1, count + 1)
    ]
    chosen = accuracy_pages.sample(pages, 5)
    assert len(chosen) == 5
    assert {page.name for page in chosen} == {"a", "b", "c"}
    assert chosen == accuracy_pages.sample(pages, 5)
    assert accuracy_pages.sample(pages, 0) == pages


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Truth of two pages, and the output of a job that has the first one."""
    truth = tmp_path / "accuracy" / "truth"
    truth.mkdir(parents=True)
    for page in (0, 1):
        (truth / f"report.p000{page}.txt").write_text("ships and dues")
    write_output(tmp_path, {("/in/report.pdf", 1): "ships and\n\ndues", ("/in/report.pdf", 3): ""})
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["accuracy", *arguments])
    return accuracy.main()


def test_the_output_of_a_job_is_scored(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "--corpus", str(corpus), "--from", str(corpus)) == 0
    head, report, mean, *_ = capsys.readouterr().out.strip().splitlines()
    assert head.split()[:4] == ["job", "pages", "words", "F1"]
    assert report.split() == ["report", "2", *["0.5000"] * 4, "-", "-", "-"]
    assert mean.split()[3:] == ["2", *["0.5000"] * 4, "-", "-", "-"]


def test_a_result_is_compared_with_an_earlier_one(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = corpus / "before.json"
    run(monkeypatch, "--corpus", str(corpus), "--from", str(corpus), "--json", str(before))
    earlier = accuracy_results.load(before)
    assert [page.words_f1 for page in earlier] == [1, 0]
    (corpus / "accuracy" / "truth" / "report.p0000.txt").write_text("ships or dues")
    run(monkeypatch, *("--corpus", str(corpus), "--from", str(corpus), "--against", str(before)))
    printed = capsys.readouterr().out.partition("after - before, job, 2 pages of both")[2]
    assert "words F1  -0.1667  (- to -)" in printed
    assert "report p1: CER 0.0000 to 0.2308, words F1 1.0000 to 0.6667" in printed


def test_no_truth_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "accuracy" / "truth").mkdir(parents=True)
    assert run(monkeypatch, "--corpus", str(tmp_path)) == 2


@pytest.mark.parametrize("name", degraded_pages.PICTURES)
def test_a_degraded_picture_differs_and_is_repeatable(name: str) -> None:
    pixels = np.full((120, 160, 3), 255, np.uint8)
    pixels[40:60, 20:90] = 0
    found = degraded_pages.degrade(pixels, name, 3)
    assert found.shape == pixels.shape
    assert not np.array_equal(found, pixels)
    assert np.array_equal(found, degraded_pages.degrade(pixels, name, 3))
