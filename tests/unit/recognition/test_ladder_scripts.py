"""Pages in a script that the first engine does not read, on the retry ladder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import LadderConfig, OcrOptions, Recipe
from pipeline.engines.fake import FakeEngine
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import engine_scripts, ladder_scripts
from pipeline.errors import ConfigError, ErrorKind
from pipeline.recognition.recognise import recognise
from pipeline.text.scripts import warned_of
from pipeline.types import Generation, Line, Outcome, Request, Rung, ScriptHint, Status
from tests.support.tesseract_data import pretend_installed

PAGE = Request(np.zeros((90, 90, 3), np.uint8), 90, 90)
RUSSIAN = "Портовая контора ведёт книгу судов"


def answer(text: str, coverage: float | None = None, unread_lines: int = 0) -> FakeEngine:
    lines = (Line(text, (1.0, 1.0, 80.0, 9.0), 0.9),) if text else ()
    read = Generation(lines=lines, coverage=coverage, unread_lines=unread_lines)
    return FakeEngine(lambda request: read)


def with_tesseract(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *languages: str, kind: str = "onnx"
) -> Recipe:
    pretend_installed(monkeypatch, folder, *languages)
    ladder = LadderConfig(second_engine="tesseract")
    return make_recipe(OcrOptions(output="o", ladder=ladder), kind)


ALONE = make_recipe(OcrOptions(output="o"), "onnx")


async def test_a_page_whose_lines_were_not_read_is_not_ok_in_silence() -> None:
    result = await recognise(answer(". ,", coverage=0.1), PAGE, ALONE)
    assert (result.status, result.attempts[0].outcome) == (Status.OK, Outcome.UNREAD)
    assert warned_of(result.warnings) == "unknown"


async def test_a_page_of_which_no_line_was_read_is_an_error() -> None:
    result = await recognise(answer("", coverage=0.0), PAGE, ALONE)
    assert result.status is Status.FAILED
    assert result.failure is not None
    assert result.failure.kind is ErrorKind.ENGINE
    assert "lines were found and none could be read" in result.failure.message
    assert warned_of(result.warnings) == "unknown"


async def test_a_page_that_was_read_has_no_warning() -> None:
    result = await recognise(answer("words", coverage=0.97), PAGE, ALONE)
    assert (result.attempts[0].outcome, result.warnings) == (Outcome.GOOD, ())


async def test_the_layer_is_taken_where_no_engine_reads_the_script() -> None:
    result = await recognise(answer(". ,", coverage=0.1), replace(PAGE, layer=RUSSIAN), ALONE)
    assert (result.rung, result.text, result.warnings) == (Rung.LAYER, RUSSIAN, ())


LETTER = "The harbour office keeps the book of all ships, 1,204.50 due in May"


async def test_a_page_of_which_two_lines_were_not_read_keeps_what_the_engine_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    for layer in (LETTER.replace("204", "2O4"), RUSSIAN):
        page = replace(PAGE, layer=layer)
        for chosen, second in ((ALONE, None), (recipe, answer("not asked"))):
            result = await recognise(answer(LETTER, 0.98, 2), page, chosen, second)
            assert (result.rung, result.text) == (Rung.BASE, LETTER)
            assert [attempt.outcome for attempt in result.attempts] == [Outcome.GOOD]
            assert warned_of(result.warnings) == "unknown"
            assert "in part" in result.warnings[0]


async def test_a_layer_that_lacks_the_unread_script_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = replace(PAGE, layer=LETTER)
    result = await recognise(answer(". ,", coverage=0.1), page, ALONE)
    assert (result.rung, result.text) == (Rung.BASE, ". ,")
    # Nor where the second engine failed in between.
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    hint = ScriptHint("Cyrillic", is_certain=False)
    for asked in (page, replace(page, script_hint=hint)):
        result = await recognise(answer(". ,", coverage=0.1), asked, recipe, None)
        assert [one.rung for one in result.attempts] == [Rung.BASE, Rung.SECOND]
        assert result.text == ". ,"
        asked = replace(asked, layer=RUSSIAN)
        result = await recognise(answer(". ,", coverage=0.1), asked, recipe, None)
        assert (result.rung, result.text) == (Rung.LAYER, RUSSIAN)


async def test_a_layer_in_the_script_is_taken_where_tesseract_finds_nothing_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    for layer, rung in ((RUSSIAN, Rung.LAYER), (LETTER, Rung.BASE)):
        page = replace(PAGE, layer=layer)
        result = await recognise(answer(". ,", 0.1), page, recipe, answer("", 0.0))
        outcomes = [attempt.outcome for attempt in result.attempts]
        assert outcomes[:2] == [Outcome.UNREAD, Outcome.UNREAD]
        assert result.rung is rung


async def test_tesseract_reads_what_the_first_engine_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    result = await recognise(answer(". ,", coverage=0.1), PAGE, recipe, answer(RUSSIAN))
    assert (result.rung, result.text, result.warnings) == (Rung.SECOND, RUSSIAN, ())
    assert [attempt.outcome for attempt in result.attempts] == [Outcome.UNREAD, Outcome.GOOD]


async def test_it_reads_at_once_where_the_script_is_certain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    page = replace(PAGE, script_hint=ScriptHint("Cyrillic", is_certain=True))
    result = await recognise(answer("not asked"), page, recipe, answer(RUSSIAN))
    assert [attempt.rung for attempt in result.attempts] == [Rung.SECOND]
    assert result.text == RUSSIAN


async def test_it_is_not_asked_for_a_script_that_it_does_not_read_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    page = replace(PAGE, script_hint=ScriptHint("Thai", is_certain=True))
    result = await recognise(answer(". ,", coverage=0.1), page, recipe, answer("not asked"))
    assert [attempt.rung for attempt in result.attempts] == [Rung.BASE]
    assert warned_of(result.warnings) == "Thai"


async def test_a_picture_without_text_is_not_given_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = with_tesseract(monkeypatch, tmp_path, "rus")
    result = await recognise(answer(""), PAGE, recipe, answer("not asked"))
    assert result.status is Status.BLANK
    assert len(result.attempts) == 1


def test_the_scripts_of_a_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "Cyrillic" not in ladder_scripts(ALONE)
    recipe = with_tesseract(monkeypatch, tmp_path, "rus", "ell")
    assert engine_scripts(recipe) == engine_scripts(ALONE)
    assert {"Latin", "Han", "Cyrillic", "Greek"} <= set(ladder_scripts(recipe))
    model = with_tesseract(monkeypatch, tmp_path, "rus", kind="vllm")
    assert engine_scripts(model) == ladder_scripts(model) == (), "it reads all"
    assert "second_engine" not in ALONE.ladder.rungs, "it is no second engine of its own"


def test_a_second_engine_that_is_asked_for_and_missing_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.engines.tesseract.languages.find_spec", lambda name: None)
    options = OcrOptions(output="o", ladder=LadderConfig(second_engine="tesseract"))
    with pytest.raises(ConfigError, match=r"pip install '\.\[tesseract\]'"):
        make_recipe(options, "onnx")


def test_the_second_engine_and_its_languages_are_part_of_the_recipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = with_tesseract(monkeypatch, tmp_path, "rus").hash()
    other = with_tesseract(monkeypatch, tmp_path, "ell").hash()
    assert len({ALONE.hash(), one, other}) == 3
