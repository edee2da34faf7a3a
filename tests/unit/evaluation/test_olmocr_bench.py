"""Tests in the form of olmOCR-bench, on texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation import olmocr_bench
from pipeline.evaluation.olmocr_bench import PageTest, passes

TABLE = "| year | in | out |\n| --- | --- | --- |\n| 1890 | 7 | 8 |\n| 1891 | 9 | 10 |\n"


def fact(kind: str, **fields: Any) -> PageTest:
    return PageTest("suite", "a.pdf", 1, "t", kind, fields)


@pytest.mark.parametrize(
    ("fields", "text", "is_there"),
    [
        ({"text": "the harbour"}, "in **the**\nharbour of", True),
        ({"text": "the harbour"}, "in the harb0ur of", False),
        ({"text": "the harbour", "max_diffs": 1}, "in the harb0ur of", True),
        ({"text": "The Harbour"}, "the harbour", False),
        ({"text": "The Harbour", "case_sensitive": False}, "the harbour", True),
        ({"text": "ends", "last_n": 6}, "it begins and ends", True),
        ({"text": "begins", "last_n": 6}, "it begins and ends", False),
        ({"text": "begins", "first_n": 9, "last_n": 3}, "it begins and ends", True),
        ({"text": "it\u2019s \u2014 1"}, "it's - 1", True),
        ({"text": "snake_case_name"}, "a snake_case_name here", True),
        ({"text": "a long phrase"}, " ", False),
    ],
)
def test_text_is_present_or_absent(fields: dict[str, Any], text: str, is_there: bool) -> None:
    assert passes(fact("present", **fields), text) is is_there
    assert passes(fact("absent", **fields), text) is not is_there


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("dues then ships", True),
        ("ships then dues", False),
        ("ships, dues, ships", True),
        ("dues alone", False),
    ],
)
def test_one_text_comes_before_another(text: str, passed: bool) -> None:
    assert passes(fact("order", before="dues", after="ships", max_diffs=0), text) is passed


@pytest.mark.parametrize(
    ("fields", "passed"),
    [
        ({"cell": "7"}, True),
        ({"cell": "77"}, False),
        ({"cell": "7", "up": "in", "down": "9", "left": "1890", "right": "8"}, True),
        ({"cell": "7", "right": "10"}, False),
        ({"cell": "10", "top_heading": "out", "left_heading": "1891"}, True),
        ({"cell": "10", "top_heading": "in"}, False),
        ({"cell": "1891", "max_diffs": 1, "up": "1899"}, True),
        ({"cell": "7", "ignore_markdown_tables": True}, False),
    ],
)
def test_a_table_has_a_cell_with_its_neighbours(fields: dict[str, Any], passed: bool) -> None:
    assert passes(fact("table", **fields), f"before\n\n{TABLE}\nafter") is passed


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        (r"so \( x^2+ y \) is", True),
        ("so $$x^2 + y$$ is", True),
        ("so $x^2 + y$ is", True),
        ("x^2 + y", False),
        ("$x^2 - y$", False),
    ],
)
def test_a_formula_is_compared_without_white_space(text: str, passed: bool) -> None:
    assert passes(fact("math", math="x^2+y"), text) is passed


def test_dollars_may_be_no_formula() -> None:
    assert passes(fact("math", math="x", ignore_dollar_delimited=True), "$x$") is False


def test_other_types_are_not_run() -> None:
    assert passes(fact("chart"), "text") is None


def test_signs_that_python_takes_for_the_end_of_a_line_are_text(tmp_path: Path) -> None:
    fields = {"pdf": "a.pdf", "page": 1, "id": "i", "type": "present", "text": "one\u2028two\x85"}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(fields, ensure_ascii=False) + "\n", encoding="utf-8")
    assert olmocr_bench.load(path)[0].fields["text"] == "one\u2028two\x85"


def test_a_folder_of_tests_is_loaded(tmp_path: Path) -> None:
    line = {"pdf": "old/a.pdf", "page": 1, "id": "a-1", "type": "present", "text": "x"}
    (tmp_path / "old_scans.jsonl").write_text(json.dumps(line) + "\n\n")
    found, baseline = olmocr_bench.load(tmp_path)
    assert (baseline.kind, baseline.pdf, baseline.page) == ("baseline", "old/a.pdf", 1)
    assert (found.suite, found.pdf, found.page, found.kind) == (
        *("old_scans", "old/a.pdf"),
        *(1, "present"),
    )
    assert olmocr_bench.load(tmp_path / "old_scans.jsonl") == [found, baseline]
    with (tmp_path / "old_scans.jsonl").open("a") as file:
        file.write(json.dumps(line | {"type": "baseline", "page": 3}))
    assert [(test.kind, test.page) for test in olmocr_bench.load(tmp_path)] == [
        *(("present", 1), ("baseline", 3))
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "no 'type'"),
        ('{"pdf": "a", "page": 1, "id": "x", "type": "order", "before": "b"}', "no 'after'"),
        ('{"pdf": "a", "page": 1, "id": "x", "type": "math", "math": " "}', "math is empty"),
        ('{"pdf": "a", "page": 1, "id": "x", "type": "footnote"}', "no 'marker'"),
        (
            '{"pdf": "a", "page": 1, "id": "x", "type": "format", "text": "a", "format": "red"}',
            "unknown format 'red'",
        ),
        ("[]", "line 1 is no test"),
        ("{", "line 1 is no test"),
    ],
)
def test_a_line_that_is_no_test_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "x.jsonl").write_text(line)
    with pytest.raises(ConfigError, match=said):
        olmocr_bench.load(tmp_path)
