"""`pipeline.engines.ppocr.half_width`: full-width forms belong among wide scripts alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.ppocr.half_width import half_width


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("Invoice \uff03 4711", "Invoice # 4711"),
        ("total\uff1a 37\uff0c499.96", "total: 37,499.96"),
        ("\uff08a\uff09\u3000b", "(a) b"),
        ("\u00dcber \uff05", "\u00dcber %"),
        ("plain ASCII", "plain ASCII"),
    ],
)
def test_latin_lines_have_no_full_width_forms(read: str, meant: str) -> None:
    assert half_width(read) == meant


@pytest.mark.parametrize(
    "line",
    [
        "\u6570\u636e\uff0c\u589e\u957f\uff08\uff05\uff09",
        "\u30b3\u30fc\u30c9\uff1a",
        "\ucf54\ub85c\ub098\uff01",
    ],
)
def test_chinese_japanese_and_korean_lines_keep_them(line: str) -> None:
    assert half_width(line) == line


@given(st.text())
def test_nothing_else_changes(line: str) -> None:
    found = half_width(line)
    assert len(found) == len(line)
    assert half_width(found) == found
    for before, after in zip(line, found, strict=True):
        assert after == before or after == unicodedata.normalize("NFKC", before)
