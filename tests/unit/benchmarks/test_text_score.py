from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import accuracy_pages, accuracy_results, degraded_layers, text_score
from benchmarks.accuracy_pages import Truth
from benchmarks.accuracy_results import PageScore
from pipeline.text.text_layer import TextLayer, TextLayerLine

LAYER = TextLayer(
    *(100, 100, 150.0),
    lines=tuple(
        TextLayerLine(
            "The officer fills the ledger, 3.50 a ton, with attention", (0, top, 90, top + 5)
        )
        for top in range(0, 90, 10)
    ),
)


def scored(document: str, page: int, f1: float, score: float | None, way: str = "ocr") -> PageScore:
    return PageScore(
        *(way, document, page, f1, 1 - f1, 1 - f1, None, None, 0, None),
        degradation="blur",
        text_score=score,
        trust=0.9 if way == "layer" else None,
        parts={"confidence": score, "words": score},
    )


PAGES = [
    scored(document, page, f1, f1 - 0.01)
    for document in ("a", "b", "c", "d")
    for page, f1 in enumerate((0.2, 0.5, 0.85, 0.99), 1)
]


@pytest.mark.parametrize("name", degraded_layers.LAYERS)
def test_a_degraded_layer_differs_in_its_text_alone_and_is_repeatable(name: str) -> None:
    found = degraded_layers.degrade(LAYER, name, 3)
    assert [line.text for line in found.lines] != [line.text for line in LAYER.lines]
    assert [line.box for line in found.lines] == [line.box for line in LAYER.lines]
    assert found == degraded_layers.degrade(LAYER, name, 3)


def test_every_degradation_comes_in_turn() -> None:
    pages = [Truth("a", page, "") for page in range(1, 9)]
    names = [f"kind {number}" for number in range(15)]
    found = accuracy_pages.degraded(pages, names, rounds=2)
    assert len(found) == 16
    assert {name for _, name in found} == set(names)
    assert [page for page, _ in found] == pages * 2


def test_halves_share_no_document() -> None:
    pages = [*PAGES, scored("a-rotated90", 1, 0.5, 0.5)]
    first, second = (text_score.half(pages, name) for name in "AB")
    assert {page.document for page in first} == {"a", "a-rotated90", "c"}
    assert {page.document for page in second} == {"b", "d"}


def test_the_report_has_rank_correlations_and_thresholds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    silent = scored("b", 9, 0.6, 0.97)
    text_score.report([*PAGES, silent, scored("b", 5, 0.0, None)])
    printed = capsys.readouterr().out
    assert "text score, OCR: 18 pages, 1 of them without a score" in printed
    assert (
        "half A                   8 pages  Spearman of 1 - score and 1 - words F1 1.00" in printed
    )
    assert "half B: 7 pages with an error over 10%, 2 without" in printed
    assert "0.90        1 (14.3%)              0 ( 0.0%)              1 (33.3%)" in printed
    assert "layers" not in printed


def test_new_documents_are_not_halved(capsys: pytest.CaptureFixture[str]) -> None:
    text_score.report(PAGES, are_new=True)
    printed = capsys.readouterr().out
    assert "all: 12 pages with an error over 10%, 4 without" in printed
    assert "half" not in printed


def test_pages_whose_truth_is_wrong_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    name, number = sorted(text_score.UNFIT)[0]
    text_score.report([*PAGES, scored(name, number, 0.1, 0.99)])
    assert "OCR: 16 pages" in capsys.readouterr().out


def test_the_fit_finds_the_part_that_tells_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    parts = ({"confidence": 0.98, "words": page.words_f1**0.5} for page in PAGES)
    pages = [replace(page, parts=each) for page, each in zip(PAGES, parts, strict=True)]
    text_score.fit(pages)
    assert "words 2.00" in capsys.readouterr().out


def test_a_kept_result_is_reported_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy_results.save(PAGES, tmp_path / "scored.json")
    assert accuracy_results.load(tmp_path / "scored.json") == PAGES
    monkeypatch.setattr("sys.argv", ["text_score", str(tmp_path / "scored.json"), "--fit"])
    assert text_score.main() == 0
    printed = capsys.readouterr().out
    assert "OCR, 8 pages of half A: confidence" in printed
    assert "text score, OCR: 16 pages" in printed
