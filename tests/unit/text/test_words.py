from __future__ import annotations

import pytest

from pipeline.text.words import folded, words, words_f1


def test_folding_is_nfkc_with_single_spaces() -> None:
    assert folded(" a\n\tﬁsh\uff12 ") == "a fish2"
    assert folded("Tides ........ 14\n. . . .  .") == "Tides ........ 14 . . . . ."


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words("b, a a-3 (ﬁ)") == {"b": 1, "a": 2, "3": 1, "fi": 1}


def test_words_are_compared_as_multisets() -> None:
    assert words_f1("b, a a", "a b a.") == 1
    assert words_f1("a", "a a") == pytest.approx(2 / 3)
    assert words_f1("a", "b") == 0
    assert words_f1("", "") == 1
