from __future__ import annotations

import pytest

from pipeline.evaluation import scores, summary
from pipeline.evaluation.output_texts import ReadPage
from pipeline.evaluation.scores import MEASURES, page_score
from pipeline.evaluation.truth import Truth


def test_the_word_error_rate_counts_replaced_missing_and_added_words() -> None:
    assert scores.word_error_rate("the c1erk counts", "the clerk counts ships") == 0.5
    assert scores.word_error_rate("a b c", "a") == 2
    assert scores.word_error_rate("", "") == 0
    assert scores.word_error_rate("a b", "") == 2


def test_a_page_has_all_measures() -> None:
    table = "| a |\n| --- |\n| b |\n"
    truth = Truth(
        "x", 2, "ships and dues", ("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>",)
    )
    found = page_score("/in/x.pdf", truth, ReadPage(f"ships and dues\n\n{table}", "ok", "ocr", 0.9))
    assert (found.document, found.page, found.text_score) == ("/in/x.pdf", 2, 0.9)
    assert found.tables == 1
    assert found.wer == pytest.approx(2 / 3)
    assert found.plain_cer == pytest.approx(4 / 14)
    assert found.cer > 1
    assert page_score("x", Truth("x", None, "a"), ReadPage("a")).page == 0
    assert page_score("x", Truth("x", 1, "a", ()), ReadPage("a")).tables is None


def test_the_table_fits_80_columns_and_has_intervals() -> None:
    pages = [
        page_score(name, Truth(name, 1, "ships dues"), ReadPage(text))
        for name, text in (("/long/" * 10 + "a.pdf", "ships dues"), ("b", "ships"))
    ]
    lines = list(summary.table("document", pages, MEASURES, documents=["b"]))
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["b", "1", "0.6667", "0.5000", "0.5000", "0.5000", "-", "-"]
    assert lines[2].split()[3:6] == ["2", "0.8333", "0.2500"]
    assert lines[3].split()[-5:] == ["0.0000", "0.0000", "0.0000", "-", "-"]
    assert summary.means(pages, MEASURES)["cer"]["value"] == pytest.approx(0.25)
    assert "order" not in summary.means(pages, MEASURES)
