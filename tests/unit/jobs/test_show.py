"""The command `rayscribe show`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs import show
from pipeline.errors import JobError
from pipeline.exit_codes import NOT_FINISHED, USAGE
from pipeline.output.row_index import Row, RowIndex
from pipeline.text.printable import printable_lines
from tests.support.small_outputs import page, write_output, write_pages


def test_a_text_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "title \x1b]0;owned\x07\r\nrow\tcell\x9b2J \u202egnp.exe\nna\u200dme caf\u00e9 \u0645"
    write_output(tmp_path, {("/in/a\x1b[31m.pdf", 1): text})
    assert show.main([str(tmp_path)]) == 0
    assert show.main([str(tmp_path), "a\x1b"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    first = "title \\x1b]0;owned\\x07\\r\nrow\tcell\\x9b2J \\u202egnp.exe\n"
    shown = f"{first}na\u200dme caf\u00e9 \u0645\n"
    assert said.count(shown) == 2
    assert "a?[31m.pdf, page 1 of 9 ==" in said


def test_half_a_surrogate_can_be_printed() -> None:
    assert printable_lines("a\ud800b").encode() == b"a\\ud800b"


def test_exit_codes_are_those_of_the_other_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert show.main([str(tmp_path)]) == USAGE
    assert "no pages in" in capsys.readouterr().err

    def refuse(*_: object) -> None:
        raise JobError("the store does not answer")

    monkeypatch.setattr(show, "RowIndex", refuse)
    assert show.main([str(tmp_path)], "rayscribe show") == NOT_FINISHED
    assert capsys.readouterr().err == "rayscribe show: the store does not answer\n"


def test_only_texts_that_are_printed_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {(f"/in/{name}.pdf", number): "words" for name in "abc" for number in (1, 2)}
    write_output(tmp_path, pages)
    read, read_rows = list[int](), RowIndex.read

    def counted(index: RowIndex, numbers: Sequence[int], columns: Sequence[str]) -> list[Row]:
        read.append(len(numbers))
        assert "text" in columns
        return read_rows(index, numbers, columns)

    monkeypatch.setattr(RowIndex, "read", counted)
    assert show.main([str(tmp_path)]) == 0
    assert read == [1], "an output may have millions of pages"
    assert capsys.readouterr().out.count("2 pages  2 ok") == 3
    assert show.main([str(tmp_path), "b.pdf"]) == 0
    assert read == [1, 2]
    assert capsys.readouterr().out.count("words") == 2


def test_a_word_that_no_document_has_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_output(tmp_path, {("/in/a.pdf", 1): "words"})
    assert show.main([str(tmp_path), "invoice"]) == USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert "has 'invoice' in its path or URI" in said.err


def test_rows_of_other_recipes_and_of_earlier_bytes_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "a.pdf"
    rows = []
    for content, recipe in ((b"old", "recipe-1"), (b"new", "recipe-1"), (b"new", "recipe-2")):
        document.write_bytes(content)
        rows.append(page(str(document), 1, f"{content.decode()} by {recipe}", recipe=recipe))
    write_pages(tmp_path / "out", [*rows, page("/in/other.pdf", 1, "once")])
    assert show.main([str(tmp_path / "out"), "a.pdf"]) == 0
    said = capsys.readouterr().out
    for row in rows:
        place = f"page 1 of 9 (sha256 {row.ref.doc_id[:8]}, recipe {row.ids.recipe_hash}) =="
        assert f"{place}\n{row.recognition.text}\n" in said
    assert show.main([str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()[-4:]) for line in lines[:4]].count("1 pages 1 ok") == 4
    assert "sha256" not in next(line for line in lines if "other.pdf" in line)


def test_a_name_that_is_not_unicode_is_shown_as_its_uri(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_output(tmp_path, {("file:///in/bad%FF.pdf", 1): "words"})
    assert show.main([str(tmp_path)]) == 0
    assert "== file:///in/bad%FF.pdf, page 1 of 9 ==" in capsys.readouterr().out
