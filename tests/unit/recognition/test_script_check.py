"""Whether an engine read the script of a page."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.recognition.script_check import unread_script
from pipeline.types import Generation, Line, Request, ScriptHint, Task
from tests.support.script_texts import SENTENCES

READABLE = ("Latin", "Han")
ENGLISH = SENTENCES["Latin"]


def checked(
    text: str,
    coverage: float | None = 1.0,
    hint: ScriptHint | None = None,
    readable: tuple[str, ...] = READABLE,
    task: Task = Task.TEXT,
    unread_lines: int = 0,
    partly: bool = False,
) -> str | None:
    request = Request(np.zeros((9, 9, 3), np.uint8), 9, 9, script_hint=hint, task=task)
    generation = Generation(coverage=coverage, unread_lines=unread_lines)
    found = unread_script(generation, text, request, readable)
    assert found is None or found.is_partial == partly
    return found and found.name


def test_a_page_that_was_read_is_not_found() -> None:
    assert checked(ENGLISH) is None
    assert checked(ENGLISH, coverage=None) is None
    assert checked("", coverage=None) is None


def test_lines_without_their_characters_are_an_unknown_script() -> None:
    assert checked(". , .", coverage=0.1) == "unknown"
    assert checked("", coverage=0.0) == "unknown"


def test_a_paragraph_that_was_not_read_is_found_on_a_page_that_was() -> None:
    assert checked(ENGLISH, coverage=0.9, unread_lines=2, partly=True) == "unknown"
    assert checked(ENGLISH, coverage=0.9, unread_lines=1, partly=True) == "unknown"
    assert checked(ENGLISH, coverage=0.9, unread_lines=0) is None
    hint = ScriptHint("Hebrew", is_certain=False)
    assert checked(ENGLISH, 0.9, hint, unread_lines=3, partly=True) == "Hebrew"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Tη γφυρα νω αó τ ι την τιοαν την", "Greek"),
        ("where α, β, γ, δ, ε, ζ, η, θ, κ, λ are angles", None),
        ("α β γ δ ε ζ η θ κ λ μ", None),
        ("ΔαβγΔ", None),
        ("the angle φθινόπωρο of the old harbour", None),
    ],
)
def test_a_line_of_words_in_letters_for_formulas_is_found(line: str, found: str | None) -> None:
    lines = tuple(Line(text, (0.0, 0.0, 9.0, 9.0), 0.9) for text in (ENGLISH, line))
    request = Request(np.zeros((9, 9, 3), np.uint8), 9, 9, task=Task.TEXT)
    generation = Generation(lines=lines, coverage=1.0)
    told = unread_script(generation, f"{ENGLISH}\n{line}", request, READABLE)
    assert (told and told.name) == found
    assert told is None or told.is_partial


def test_a_page_of_short_lines_of_which_one_was_not_read_is_read_in_part() -> None:
    text = "Coffee\nTea\nMilk\nBread\nSoup"
    lines = tuple(Line(each, (0.0, 0.0, 9.0, 9.0), 0.98) for each in text.split())
    request = Request(np.zeros((9, 9, 3), np.uint8), 9, 9, task=Task.TEXT)
    found = unread_script(Generation(lines=lines, unread_lines=1), text, request, READABLE)
    assert found
    assert found.is_partial


def test_a_page_of_which_most_lines_were_not_read_is_not_read_in_part() -> None:
    assert checked(ENGLISH, coverage=0.4, unread_lines=9, partly=False) == "unknown"
    assert checked("No. 7", coverage=None, unread_lines=2, partly=False) == "unknown"


@pytest.mark.parametrize(("coverage", "found"), [(0.1, "Greek"), (0.7, "Greek"), (0.95, None)])
def test_the_stated_language_names_the_script_and_makes_the_test_stricter(
    coverage: float, found: str | None
) -> None:
    assert checked(ENGLISH, coverage, ScriptHint("Greek", is_certain=False)) == found
    assert checked(ENGLISH, 0.7) is None


def test_the_pages_own_layer_is_certain() -> None:
    assert checked(ENGLISH, 1.0, ScriptHint("Greek", is_certain=True)) == "Greek"
    assert checked(ENGLISH, 1.0, ScriptHint("Latin", is_certain=True)) is None


def test_an_answer_in_letters_that_are_there_for_formulas_only() -> None:
    assert checked("λοι ι νθρωι ενιονται ελεθερι αι σοι στην αξιπρπεια") == "Greek"
    assert checked("Let λ be less than μ and ω in Ω for all real numbers") is None


def test_vietnamese_without_its_vowels_is_known_by_its_other_letters() -> None:
    assert checked("Tt c mi ngưi sinh ra đu đưc t do và bình đng") == "Vietnamese"
    assert checked("Tất cả mọi người", readable=("Latin", "Vietnamese")) is None


def test_an_engine_without_a_limit_and_other_tasks_are_not_checked() -> None:
    hint = ScriptHint("Greek", is_certain=True)
    assert checked("", 0.0, hint, readable=()) is None
    assert checked("", 0.0, hint, task=Task.DESCRIBE) is None
