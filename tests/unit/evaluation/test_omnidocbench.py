"""Annotations in the form of OmniDocBench."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.evaluation import omnidocbench

POLY = [0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 9.0]
PAGE = {
    "layout_dets": [
        {"category_type": "header", "poly": POLY, "ignore": False, "order": None, "text": "p. 3"},
        {
            "category_type": "text_block",
            "poly": POLY,
            "ignore": False,
            "order": 2,
            "text": "two\nx",
        },
        {"category_type": "title", "poly": POLY, "ignore": False, "order": 1, "text": "One"},
        {"category_type": "text_block", "poly": POLY, "ignore": True, "order": 3, "text": "stamp"},
        {
            "category_type": "table",
            "poly": POLY,
            "ignore": False,
            "order": 4,
            "html": "<table><tr><td>a</td><td>b</td></tr></table>",
            "latex": "\\begin{tabular}",
        },
        {"category_type": "equation_isolated", "poly": POLY, "order": 5, "latex": "$x$"},
        {"category_type": "figure", "poly": POLY, "ignore": False, "order": 6},
        {
            "category_type": "text_block",
            "poly": POLY,
            "order": 7,
            "merge_list": [{"text": "first half"}, {"text": "second half"}],
        },
    ],
    "page_info": {"page_no": 4, "height": 9, "width": 9, "image_path": "images/book_p4.jpg"},
    "extra": {"relation": []},
}


def test_blocks_are_joined_in_reading_order(tmp_path: Path) -> None:
    (tmp_path / "OmniDocBench.json").write_text(json.dumps([PAGE]))
    (page,) = omnidocbench.load(tmp_path)
    assert (page.name, page.page) == ("book_p4", 1)
    assert page.text.splitlines() == ["One", "two x", "a b", "$x$", "first half second half"]
    assert page.tables == ("<table><tr><td>a</td><td>b</td></tr></table>",)


@pytest.mark.parametrize("content", ["{", "[1]", '[{"layout_dets": []}]', "7"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ConfigError, match="not the annotations of OmniDocBench"):
        list(omnidocbench.load(tmp_path / "x.json"))


def test_a_folder_needs_one_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 files"):
        list(omnidocbench.load(tmp_path))
