from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline.recognition import text_score
from pipeline.recognition.text_score import combined, image_parts, scored
from pipeline.text.scripts import warning
from pipeline.types import (
    Attempt,
    Block,
    Generation,
    Line,
    Outcome,
    Recognition,
    Request,
    Rung,
    ScoreParts,
    Status,
    Task,
)

WHITE = np.full((60, 40, 3), 255, np.uint8)
GOOD = ScoreParts(confidence=0.99, ink_covered=0.97, lines_read=1.0, words=1.0)
shares = st.none() | st.floats(0, 1)
some_parts = st.builds(ScoreParts, *(shares for _ in ScoreParts.__slots__))


def read(text: str, parts: ScoreParts | None, rung: Rung = Rung.BASE) -> Recognition:
    attempt = Attempt(rung, Outcome.GOOD, repetition=0.25)
    return Recognition(Status.OK, text, rung=rung, attempts=(attempt,), score_parts=parts)


def test_confidence_is_the_mean_over_characters() -> None:
    lines = (Line("a", (0, 0, 9, 9), 0.5), Line("bcd", (0, 20, 9, 29), 0.9))
    parts = image_parts(Generation(lines=lines, coverage=0.75), "a bcd", (), Request(WHITE, 40, 60))
    assert parts is not None
    assert parts.confidence == pytest.approx(0.8)
    assert (parts.lines_read, parts.ink_covered, parts.layer_agreement) == (0.75, None, None)


def test_a_layer_that_was_not_taken_is_compared_word_by_word() -> None:
    parts = image_parts(Generation(), "one two", (), Request(WHITE, 40, 60, layer="two three"))
    assert parts is not None
    assert parts.layer_agreement == 0.5
    assert parts.confidence is None


def test_a_layer_that_does_not_look_like_words_is_not_compared() -> None:
    layer = "th3 c1erk c0unts ev3ry ve55el wh1ch ent3rs, }{ ~^ |= " * 5
    parts = image_parts(Generation(), "one two", (), Request(WHITE, 40, 60, layer=layer))
    assert parts is not None
    assert parts.layer_agreement is None


def test_other_tasks_than_text_have_no_parts() -> None:
    assert image_parts(Generation(), "x", (), Request(WHITE, 40, 60, task=Task.LOCATE)) is None


@pytest.mark.parametrize("deg", [0, 90, 180, 270])
def test_ink_is_looked_for_in_the_blocks_of_a_turned_page(deg: int) -> None:
    displayed = Image.new("RGB", (600, 900), "white")
    draw = ImageDraw.Draw(displayed)
    draw.text((60, 100), "dues are paid in May", "black", font_size=24)
    box = draw.textbbox((60, 100), "dues are paid in May", font_size=24)
    upright = displayed.rotate(-deg, expand=True)
    # The engine was given half of the page's resolution.
    image = np.array(upright.resize((upright.width // 2, upright.height // 2)))
    request = Request(image, upright.width, upright.height, turned_deg=deg)
    here = image_parts(Generation(), "x", (Block("text", "x", box),), request)
    beside = image_parts(Generation(), "x", (Block("text", "x", (60, 700, 300, 730)),), request)
    assert here is not None
    assert beside is not None
    assert here.ink_covered == pytest.approx(1, abs=0.01)
    assert beside.ink_covered == 0


def test_a_page_without_faults_scores_1() -> None:
    assert combined(GOOD) == 1
    assert combined(ScoreParts()) == 1


@pytest.mark.parametrize("name", ["confidence", "ink_covered", "lines_read", "words", "unrepeated"])
def test_each_part_lowers_the_score(name: str) -> None:
    lower = combined(replace(GOOD, **{name: 0.6}))
    assert combined(replace(GOOD, **{name: 0.3})) < lower < 0.9


def test_a_layer_that_agrees_raises_the_score_and_one_that_does_not_lowers_it() -> None:
    doubtful = replace(GOOD, confidence=0.85)
    assert combined(replace(doubtful, layer_agreement=0.97)) == 0.97 > combined(doubtful)
    assert combined(replace(GOOD, layer_agreement=0.4)) == pytest.approx(0.7)


def test_a_table_whose_words_are_in_wrong_cells_lowers_the_score() -> None:
    rows = ["| Item | Tons |", "| --- | --- |", *(f"| Tin {i} | {i}0.5 |" for i in range(9))]
    right = Block("table", "\n".join(rows))
    wrong = replace(right, text=right.text.replace("| Tin 4 | 40.5 |", "| Tin | 40.5 12 |"))
    scores = [
        scored(replace(read(block.text, GOOD), blocks=(block,)), None)[0]
        for block in (right, wrong)
    ]
    assert scores[0] == pytest.approx(0.75)
    assert scores[1] == pytest.approx(0.75 * 8 / 9)
    assert combined(replace(GOOD, tables=0.5, layer_agreement=1.0)) == 0.5


@given(some_parts)
def test_the_score_is_a_share(parts: ScoreParts) -> None:
    assert 0 <= combined(parts) <= 1


def test_a_page_that_an_engine_read_has_all_parts() -> None:
    score, parts = scored(read("dues in May", ScoreParts(confidence=0.98)), trust=0.1)
    assert parts == ScoreParts(confidence=0.98, words=1.0, unrepeated=0.75)
    assert score == pytest.approx(0.75)  # the layer's trust says nothing of the engine's text


@pytest.mark.parametrize("rung", [None, Rung.LAYER])
def test_a_text_layer_has_its_trust_and_its_words(rung: Rung | None) -> None:
    layer = Recognition(Status.OK, "dues in May")
    if rung:
        layer = replace(read("dues in May", ScoreParts(), rung), attempts=(Attempt(rung, "good"),))
    score, parts = scored(layer, trust=0.5)
    assert (score, parts) == (0.5, ScoreParts(words=1.0))


def test_a_page_in_a_script_that_was_not_read_scores_half_at_most() -> None:
    russian = replace(read("Ha pycckom", GOOD), warnings=(warning("Cyrillic", "said"),))
    score, parts = scored(russian, None)
    assert score == 0.5
    assert parts is not None
    assert parts.confidence == GOOD.confidence


@pytest.mark.parametrize("script", ["Cyrillic", "unknown"])
def test_a_page_that_was_read_in_part_scores_what_was_read_at_most(script: str) -> None:
    once = (Attempt(Rung.BASE, Outcome.GOOD),)
    whole = replace(read("dues in May", replace(GOOD, lines_read=0.93)), attempts=once)
    partly = replace(whole, warnings=(warning(script, "said", in_part=True),))
    score, _ = scored(partly, None)
    assert score == pytest.approx(0.93)
    usual, _ = scored(whole, None)
    assert usual is not None
    assert usual > 0.93


def test_pages_without_text_have_no_score() -> None:
    assert scored(Recognition(Status.BLANK), None) == (None, None)
    assert scored(Recognition(Status.FAILED), 0.9) == (None, None)
    assert scored(read("a figure", None), None) == (None, None)


def test_the_warning_names_the_lowest_parts_and_is_known_again() -> None:
    parts = ScoreParts(confidence=0.91, ink_covered=0.32, lines_read=1.0, words=0.72)
    said = text_score.low_score_warning(0.43, parts, 0.8)
    assert said == (
        "low text score (0.43 < 0.8): the text may be wrong;"
        " ink_covered 0.32, words 0.72, confidence 0.91"
    )
    assert text_score.is_low_score_warning(said)
    assert not text_score.is_low_score_warning("script not read (Greek): x")
