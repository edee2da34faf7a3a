"""Chunks for retrieval: within their size, below their headings, with nothing lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.output.export import chunks
from pipeline.output.export.tokens import WORDS, counter, words
from pipeline.types import Block, PageResult
from tests.support.exports import page, source_of

TITLE = Block("title", "# Name", (10, 10, 90, 20))
FIRST = Block("text", "First words.", (10, 30, 90, 40))
PART = Block("sub_title", "## Part", (10, 50, 90, 60))
SECOND = Block("text", "Second words.", (10, 70, 90, 80))


def a_page(number: int, *blocks: Block) -> PageResult:
    text = "\n\n".join(block.text for block in blocks)
    return page("/in/a.pdf", number, text, blocks=blocks)


def written(pages: Sequence[PageResult], **config: Any) -> list[dict[str, Any]]:
    lines = "".join(chunks.write(source_of(pages, chunks=config))).splitlines()
    return [json.loads(line) for line in lines]


def test_a_chunk_has_its_headings_pages_and_boxes() -> None:
    header = Block("header", "Page header", (0, 0, 9, 9))
    first, second = written(
        [a_page(1, header, TITLE, FIRST, PART, SECOND), a_page(2, header, SECOND)]
    )
    assert (first["headings"], first["text"]) == (["Name"], "First words.")
    assert (second["headings"], second["text"]) == (
        ["Name", "Part"],
        "Second words.\n\nSecond words.",
    )
    assert (first["pages"], second["pages"]) == ([1], [1, 2])
    assert first["boxes"] == [
        {"page": 1, "box_px": [10, 30, 90, 40], "box_pt": [5.0, 15.0, 45.0, 20.0]}
    ]
    assert [box["page"] for box in second["boxes"]] == [1, 2]
    assert (second["tokens"], second["tokenizer"]) == (6, WORDS)
    assert len({first["id"], second["id"]}) == 2


def test_a_heading_of_the_same_level_ends_the_one_before() -> None:
    other = Block("sub_title", "## Other")
    found = written([a_page(1, TITLE, PART, SECOND, other, FIRST)])
    assert [chunk["headings"] for chunk in found] == [["Name", "Part"], ["Name", "Other"]]


def test_a_heading_without_text_is_a_chunk() -> None:
    found = written([a_page(1, TITLE, FIRST, PART, Block("sub_title", "## Last"))])
    assert [(chunk["headings"], chunk["text"]) for chunk in found] == [
        (["Name"], "First words."),
        (["Name"], "Part"),
        (["Name"], "Last"),
    ]


def test_long_text_is_divided_between_sentences() -> None:
    text = " ".join(f"This is sentence number {number}." for number in range(40))
    found = written([a_page(1, Block("text", text))], max_tokens=40)
    assert " ".join(chunk["text"] for chunk in found) == text
    assert all(chunk["text"].endswith(".") for chunk in found)
    assert all(10 <= chunk["tokens"] <= 40 for chunk in found)


def test_parts_of_a_table_have_its_head() -> None:
    rows = "\n".join(f"| item {number} | {number}.00 |" for number in range(50))
    table = f"| name | price |\n| --- | --- |\n{rows}"
    found = written([a_page(1, Block("table", table))], max_tokens=64)
    assert len(found) > 3
    heads = {tuple(chunk["text"].split("\n")[:2]) for chunk in found}
    assert heads == {("| name | price |", "| --- | --- |")}
    assert [row for chunk in found for row in chunk["text"].split("\n")[2:]] == rows.split("\n")


def test_a_long_table_of_html_becomes_pipes() -> None:
    rows = "".join(f"<tr><td colspan=2>row {n}</td><td>a|b</td></tr>" for n in range(40))
    found = written([a_page(1, Block("table", f"<table>{rows}</table>"))], max_tokens=64)
    assert found[0]["text"].split("\n")[2] == r"| row 1 |  | a\|b |"
    assert sum(chunk["text"].count("row ") for chunk in found) == 40 - 1 + len(found)


WORD = st.text("abcde", min_size=1, max_size=5)
TEXT = st.lists(st.one_of(WORD, st.sampled_from([".", "\n", "中文字", "x" * 200])), max_size=60)


@given(st.lists(st.tuples(st.sampled_from(["text", "list", "sub_title", "table"]), TEXT)))
def test_no_word_is_lost_and_no_chunk_is_too_long(made: list[tuple[str, list[str]]]) -> None:
    blocks = [Block(kind, " ".join(text)) for kind, text in made]
    if not any(block.text.strip() for block in blocks):
        return
    found = written([a_page(1, *blocks)], max_tokens=16)
    assert all(chunk["tokens"] <= 16 for chunk in found)
    # Texts and headings apart: a word that goes on in the next chunk has no heading in between.
    said = "|".join(
        "".join("".join(part).split())
        for part in (
            [chunk["text"] for chunk in found],
            [heading for chunk in found for heading in chunk["headings"]],
        )
    )
    for block in blocks:
        for word in block.text.split():
            assert word in said


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("two words", 2), ("it's 3.5", 6), ("漢字と", 3), ("สวัสดี", 6), ("naïve Ünïcode", 2)],
)
def test_the_simple_rule_counts_words_and_signs(text: str, tokens: int) -> None:
    assert words(text) == tokens


def test_a_tokenizer_that_is_not_there_is_an_error_that_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"name a tokenizer\.json, a folder with one, or words"):
        counter(str(tmp_path / "nowhere.json"))
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        counter(str(tmp_path))


def test_a_file_of_the_library_tokenizers_counts(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "First": 1, "words": 2, ".": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.enable_truncation(1)
    made.save(str(tmp_path / "tokenizer.json"))
    for name in (tmp_path, tmp_path / "tokenizer.json"):
        (chunk,) = written([a_page(1, FIRST)], tokenizer=str(name))
        assert (chunk["tokens"], chunk["tokenizer"]) == (3, str(name))
    (tmp_path / "tokenizer.json").write_text("{}")
    counter.cache_clear()
    with pytest.raises(ConfigError, match="is no tokenizer"):
        counter(str(tmp_path))
