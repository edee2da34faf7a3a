"""Checks of olmOCR-bench on the form of a text: baseline, format and footnote."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.evaluation.olmocr_bench import PageTest, passes
from pipeline.evaluation.page_marks import loops

FOOTED = (
    "The dues were raised<sup>2</sup> in spring, and lowered[^2] in autumn.\n\n[^2]: See below.\n"
)


def run(kind: str, page: str, /, **fields: Any) -> bool | None:
    return passes(PageTest("suite", "a.pdf", 1, "t", kind, fields), page)


@pytest.mark.parametrize(
    ("fields", "text", "passed"),
    [
        ({}, "some text", True),
        ({}, "- - -\n* | *", False),
        ({}, "text " + "na " * 31, False),
        ({}, "text " + "na " * 29 + "!", True),
        ({"max_repeats": 40}, "text " + "na " * 35, True),
        ({}, "text \u6f22", False),
        ({}, "text \U0001f600", False),
        ({"check_disallowed_characters": False}, "text \u6f22", True),
        ({"max_length": 0}, " \n - ", True),
        ({"max_length": 3}, "abcd", False),
        ({"max_length": 0}, "![a chart](x.png)", False),
        ({"max_length": 0, "max_length_skips_image_alt_tags": True}, "![a chart](x.png)", True),
    ],
)
def test_a_page_is_no_blank_no_loop_and_in_the_scripts_of_the_bench(
    fields: dict[str, Any], text: str, passed: bool
) -> None:
    assert run("baseline", text, **fields) is passed


def test_loops_of_up_to_five_characters_are_counted() -> None:
    assert loops("x" + "abcde" * 7) == 7
    assert loops("x" + "abcdef" * 7) == 1
    assert loops("a \n a  a a") == 3  # white space is folded
    assert loops("") == 0


@pytest.mark.parametrize(
    ("kind", "text", "passed"),
    [
        ("heading", "## The *harbour* dues\ntext", True),
        ("heading", "<h2 class='x'>The harbour\ndues</h2>", True),
        ("heading", "The harbour dues", False),
        ("bold", "of **the harbour dues** and", True),
        ("bold", "<strong>The harbour dues</strong>", True),
        ("bold", "<br>The harbour dues", False),
        ("bold", "*the harbour dues*", False),
        ("italic", "of *the harbour dues* and", True),
        ("italic", "<em>the harbour dues</em>", True),
        ("italic", "**the harbour dues**", False),
    ],
)
def test_a_text_has_its_format(kind: str, text: str, passed: bool) -> None:
    fields = {"text": "harbour dues", "format": kind}
    assert run("format", text, **fields) is passed


def test_a_formatted_text_may_differ_by_so_many_edits_and_in_case() -> None:
    assert run("format", "# HARBOUR DUES", text="harbour dues", format="heading") is False
    wanted = {"text": "harbour dues", "format": "heading", "case_sensitive": False}
    assert run("format", "# HARBOUR DUES", **wanted) is True
    assert run("format", "# HARB0UR DUES", **wanted) is False
    assert run("format", "# HARB0UR DUES", **wanted, max_diffs=2) is True


@pytest.mark.parametrize(
    ("fields", "passed"),
    [
        ({"marker": "2"}, True),
        ({"marker": "3"}, False),
        ({"marker": "2", "appears_before_marker": "dues were raised"}, True),
        ({"marker": "2", "appears_before_marker": "and lowered"}, True),
        ({"marker": "2", "appears_before_marker": "in summer"}, False),
        ({"marker": "2", "appears_after_marker": "in autumn"}, True),
        ({"marker": "2", "appears_after_marker": "lowered"}, False),
        (
            {"marker": "2", "appears_before_marker": "raised", "appears_after_marker": "in spring"},
            True,
        ),
    ],
)
def test_a_reference_to_a_footnote_stands_between_its_texts(
    fields: dict[str, Any], passed: bool
) -> None:
    assert run("footnote", FOOTED, **fields) is passed


def test_a_definition_is_no_reference_and_superior_digits_are_one() -> None:
    assert run("footnote", "[^1]: See below.", marker="1") is False
    assert (
        run("footnote", "dues\u00b9\u2070 rose", marker="10", appears_before_marker="dues") is True
    )
    assert run("footnote", "dues* rose", marker="*") is False
    assert run("footnote", "dues<sup>*</sup> rose", marker="*") is True
