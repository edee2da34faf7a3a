from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import accuracy
from benchmarks.accuracy import Reading, Score, Truth

short = st.text("abc ", max_size=12)


def slow_distance(a: str, b: str) -> int:
    """Levenshtein's table, one row at a time."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


@given(short, short)
def test_the_distance_is_levenshtein_s(a: str, b: str) -> None:
    assert accuracy.distance(a, b) == slow_distance(a, b) == accuracy.distance(b, a)


def test_the_distance_of_long_texts() -> None:
    text = "the clerk counted every vessel " * 200
    assert accuracy.distance(text, text.replace("clerk", "clark")) == 200
    assert accuracy.distance(text, "") == len(text)


def test_folding() -> None:
    assert accuracy.folded(" a\n\tﬁsh\uff12 ") == "a fish2"
    assert accuracy.folded("Tides ........ 14\n. . . .  .") == "Tides ........ 14 . . . . ."


def test_leaders_count_except_where_they_are_left_out() -> None:
    leader = "Tides ........ 14\n. . . . . .\nend..."
    assert accuracy.without_leaders(leader) == "Tides 14 end..."
    result = accuracy.score(Reading("Tides 14 end..."), leader)
    assert result.cer == pytest.approx(21 / 36)
    assert result.dotless_cer == 0
    assert result.words_f1 == 1


def test_words_are_compared_as_multisets() -> None:
    assert accuracy.words_f1("b, a a", "a b a.") == 1
    assert accuracy.words_f1("a", "a a") == pytest.approx(2 / 3)
    assert accuracy.words_f1("a", "b") == 0
    assert accuracy.words_f1("", "") == 1


def test_the_character_error_rate_is_over_the_truth_and_not_capped() -> None:
    assert accuracy.character_error_rate("abcd", "abcx") == 0.25
    assert accuracy.character_error_rate("abcdefgh", "ab") == 3
    assert accuracy.character_error_rate("", "") == 0


def test_a_score_has_the_raw_order_where_it_is_known() -> None:
    scored = accuracy.score(Reading("a b", "b a", 1.5), "a b")
    assert scored == Score(1, 0, pytest.approx(2 / 3), 1.5, 0)
    assert accuracy.score(Reading("a"), "a") == Score(1, 0, None, None, 0)


def test_means_leave_out_what_a_page_lacks() -> None:
    assert accuracy.mean([Score(1, 0, 0.5, 2, 0), Score(0, 1, 0.7, 4, 1)]) == Score(
        0.5, 0.5, 0.6, 3, 0.5
    )
    assert accuracy.mean([Score(1, 0, None, None, 0), Score(0, 1, 0.7, 4, 0)]).seconds is None


def test_truths_are_found_by_name(tmp_path: Path) -> None:
    for name in ("report.p0000.txt", "report.p0011.txt", "letter.v1.p0001.txt", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert [(truth.name, truth.page) for truth in accuracy.truths(tmp_path)] == [
        ("letter.v1", 2),
        ("report", 1),
        ("report", 12),
    ]
    assert accuracy.truths(tmp_path, ["rep"])[0] == Truth("report", 1, "report.p0000.txt")


def test_the_output_of_a_job_is_scored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "truth").mkdir()
    for page in (0, 1):
        (tmp_path / "truth" / f"report.p000{page}.txt").write_text("ships and dues")
    (tmp_path / "pages").mkdir()
    rows = [{"uri": "/in/report.pdf", "page": 1, "text": "ships and\n\ndues"}]
    table = pa.Table.from_pylist([*rows, {"uri": "/in/report.pdf", "page": 3, "text": None}])
    pq.write_table(table, tmp_path / "pages" / "part-0.parquet")
    arguments = ["accuracy", "--truth", str(tmp_path / "truth"), "--from", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert accuracy.main() == 0
    head, report, *means = capsys.readouterr().out.splitlines()
    assert head.split() == ["document", "pages", "words", "F1", "CER", "no", "dots", "s/page"]
    assert report.split() == ["report", "2", "0.5000", "0.5000", "0.5000", "-"]
    assert [line.split()[-5:] for line in means] == [["2", "0.5000", "0.5000", "0.5000", "-"]] * 2


def test_no_truth_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["accuracy", "--truth", str(tmp_path)])
    assert accuracy.main() == 2
