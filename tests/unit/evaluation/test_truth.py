from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation import truth
from pipeline.evaluation.truth import Truth


def test_text_files_are_pages_parts_of_a_file_or_whole_documents(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.p0000.txt").write_text("first")
    (tmp_path / "b.pdf.txt").write_text("one\n\f\ntwo\n\f")
    (tmp_path / "c.txt").write_text("all of it")
    assert list(truth.text_files(tmp_path)) == [
        Truth("b.pdf", 1, "one\n"),
        Truth("b.pdf", 2, "\ntwo\n"),
        Truth("c", None, "all of it"),
        Truth("sub/a", 1, "first"),
    ]


def test_markdown_files_have_pages_at_anchors_and_no_front_matter(tmp_path: Path) -> None:
    front = '---\nsource: "a"\n---\n'
    anchored = '\n<a id="page-2"></a>\n\n# Two\n\n<a id="page-3"></a>\n\n| a |\n| --- |\n| b |\n'
    (tmp_path / "a.md").write_text(front + anchored)
    (tmp_path / "b.p0004.md").write_text("five")
    (tmp_path / "c.md").write_text("whole")
    first, second, third, fourth = truth.markdown_files(tmp_path)
    assert first == Truth("a", 2, "# Two", ())
    assert (second.page, len(second.tables or ())) == (3, 1)
    assert third == Truth("b", 5, "five", ())
    assert fourth == Truth("c", None, "whole", ())


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.txt", "text"),
        ("a.md", "markdown"),
        ("a.pdf", "text-layer"),
        ("a.jsonl", "olmocr-bench"),
        ("a.json", "omnidocbench"),
    ],
)
def test_the_form_is_found_by_the_ending(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "picture.png").touch()
    (tmp_path / ".state.jsonl").touch()
    assert truth.form_of(tmp_path) == truth.form_of(tmp_path / name) == form


def test_truth_of_no_form_or_of_several_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        truth.form_of(tmp_path / "absent")
    with pytest.raises(ConfigError, match="no truth; say which with --form text"):
        truth.form_of(tmp_path)
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.md").touch()
    with pytest.raises(ConfigError, match=r"several forms \(markdown, text\)"):
        truth.form_of(tmp_path)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"a\.txt: .*utf-8"):
        list(truth.text_files(tmp_path))
