"""What PP-OCR reads: its letters, and lines that came out without them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import onnxruntime
import pytest
import rapidocr

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr.coverage import coverage
from pipeline.engines.ppocr.coverage import unread_lines as unread_lines_of
from pipeline.engines.ppocr.engine import OnnxEngine
from pipeline.engines.ppocr.spec import SCRIPTS
from pipeline.text.scripts import script_of
from pipeline.types import Box, Line, Request
from tests.support.script_texts import SENTENCES, pixels_of


def alphabet() -> set[str]:
    """The characters of the recogniser, by its own list."""
    model = Path(rapidocr.__file__).parent / "models" / "PP-OCRv6_rec_small.onnx"
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return set("".join(session.get_modelmeta().custom_metadata_map["character"].splitlines()))


def test_the_scripts_are_those_whose_letters_the_recogniser_has() -> None:
    known = alphabet()
    for script, sentence in SENTENCES.items():
        lost = {char for char in sentence if script_of(char)} - known
        assert bool(lost) == (script not in SCRIPTS), f"{script}: {sorted(lost)}"
    assert {script_of(char) for char in "人权的あいのカタ" if char in known} == set(SCRIPTS[1:])


def test_lines_that_are_full_of_characters_are_covered() -> None:
    assert coverage([("The harbour office keeps a ledger of every", 19.0)] * 3) == 1.0
    assert coverage([("人人生而自由在尊严和权利上一律平等", 17.0)] * 3) == 1.0


def test_lines_that_came_out_as_their_punctuation_are_not() -> None:
    found = coverage([(". ,", 30.0), ("", 30.0)])
    assert found is not None
    assert found < 0.05


def test_few_or_short_lines_say_nothing() -> None:
    assert coverage([(". ,", 20.0)]) is None
    assert coverage([("", 2.0)] * 100) is None
    assert coverage([("", 4.0)]) is None
    assert coverage([]) is None


def test_one_line_is_enough_where_nothing_at_all_was_read() -> None:
    assert coverage([("", 17.0)]) == 0.0


def unread_lines(lines: list[tuple[str, Box]], score: float = 0.98) -> int:
    """The number of unread ones; `score` is that of the last one."""
    scores = [*[0.98] * (len(lines) - 1), score][: len(lines)]
    return unread_lines_of(
        [Line(text, box, each) for (text, box), each in zip(lines, scores, strict=True)]
    )


READ = "The harbour office keeps a ledger"


def test_unread_lines_are_those_of_the_longest_paragraph_without_its_characters() -> None:
    page = [(READ, (50.0, 40.0 * i, 450.0, 40.0 * i + 26)) for i in range(9)]
    assert unread_lines(page) == 0
    assert (
        unread_lines(
            [("", box) if i in (3, 4, 5) else (READ, box) for i, (_, box) in enumerate(page)]
        )
        == 3
    )
    beside = [("", (left, 40.0, left + 300.0, 66.0)) for left in (0.0, 400.0, 800.0)]
    assert unread_lines(beside) == 0
    short = [("", (50.0, 40.0 * i, 150.0, 40.0 * i + 26)) for i in range(9)]
    assert unread_lines(short) == 0
    assert unread_lines([]) == 0


def test_single_lines_without_their_characters_are_text_where_they_are_as_high_as_the_others() -> (
    None
):
    page = [(READ, (50.0, 40.0 * i, 450.0, 40.0 * i + 26)) for i in range(9)]
    assert unread_lines([*page, ("", (50.0, 400.0, 450.0, 428.0))]) == 1
    assert unread_lines([*page, (". , .", (50.0, 400.0, 450.0, 428.0))]) == 1
    assert unread_lines([*page, ("Total 7", (50.0, 400.0, 250.0, 426.0))]) == 0  # a short line
    assert unread_lines([*page, ("of the keeper", (50.0, 400.0, 450.0, 428.0))]) == 0  # in part
    assert unread_lines([*page, ("", (50.0, 400.0, 650.0, 450.0))]) == 0  # a signature
    assert unread_lines([*page, ("", (50.0, 400.0, 450.0, 410.0))]) == 0  # a rule
    assert unread_lines([*page[:4], ("", (50.0, 400.0, 450.0, 428.0))]) == 0  # nothing to compare


def test_a_single_line_of_other_letters_was_not_read() -> None:
    page = [(READ, (50.0, 40.0 * i, 450.0, 40.0 * i + 26)) for i in range(9)]
    box = (50.0, 400.0, 450.0, 426.0)
    guessed = "b000 000sm983 83830b3m89 ss096gb"
    assert unread_lines([*page, (guessed, box)], score=0.61) == 1
    assert unread_lines([*page, (guessed, box)], score=0.9) == 0  # a number of a part
    assert unread_lines([*page, (READ, box)], score=0.61) == 0  # words that are hard to read
    for other in ("https://example.org/a/b?x=1", "ABCD1234 EFGH5678 IJKL9012", ". " * 20):
        assert unread_lines([*page, (other, box)], score=0.61) == 0, other


@pytest.mark.parametrize(("script", "is_read"), [("Latin", True), ("Cyrillic", False)])
def test_the_engine_measures_it_on_a_page(script: str, is_read: bool) -> None:
    pixels = pixels_of(SENTENCES[script] * 2)
    request = Request(pixels, pixels.shape[1], pixels.shape[0])
    found = asyncio.run(OnnxEngine(OnnxConfig()).generate(request)).coverage
    assert found is not None
    assert (found > 0.85) == is_read
    assert (found < 0.5) != is_read
