"""Which rung comes next, and which answer is kept."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import EngineConfig, LadderConfig, OcrOptions, Recipe
from pipeline.engines.deepseek_ocr import model, requests, views
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_second_engine
from pipeline.engines.request import prepare_request
from pipeline.recognition import retry_ladder
from pipeline.recognition.retry_ladder import AttemptResult
from pipeline.types import (
    Attempt,
    Outcome,
    PageImage,
    Recognition,
    Request,
    Rung,
    Sampling,
    Status,
    Task,
)
from tests.support.strategies import attempts

PAGE = PageImage(np.full((1650, 1275, 3), 255, np.uint8), dpi=150)
SMALL = PageImage(np.full((400, 300, 3), 255, np.uint8), dpi=72)
BAD = [Outcome.LOOPED, Outcome.TRUNCATED, Outcome.EMPTY, Outcome.FAILED]


def recipe(kind: str = "vllm", task: str = "markdown", **changes: object) -> Recipe:
    config = LadderConfig.model_validate(changes)
    options = OcrOptions(output="o", task=task, ladder=config, engine=EngineConfig())
    return make_recipe(options, kind)


def tried(*outcomes: tuple[Rung, Outcome], tokens: int = 100) -> list[Attempt]:
    return [Attempt(rung, outcome, output_tokens=tokens) for rung, outcome in outcomes]


def climbed(request: Request, recipe: Recipe, outcome: Outcome) -> list[retry_ladder.NextAttempt]:
    """All steps of a page on which nothing helps."""
    done, steps = tried((Rung.BASE, outcome)), []
    while step := retry_ladder.next_attempt(done, request, recipe):
        steps.append(step)
        done += tried((step.rung, outcome))
    return steps


def rungs(request: Request, recipe: Recipe, outcome: Outcome) -> list[str]:
    return [step.rung.value for step in climbed(request, recipe, outcome)]


# --- the order


def test_a_loop_climbs_every_rung_that_there_is():
    request = prepare_request(PAGE, recipe())
    every = ["wider_ngram", "plain_text", "other_view", "second_engine"]
    assert rungs(request, recipe(), Outcome.LOOPED) == every
    with_layer = Request(request.image, 1275, 1650, request.prompt, layer="words")
    assert rungs(with_layer, recipe(), Outcome.LOOPED) == [*every, "text_layer"]


def test_a_rung_that_cannot_help_is_left_out():
    request = prepare_request(PAGE, recipe())
    for outcome in (Outcome.TRUNCATED, Outcome.EMPTY):
        assert "wider_ngram" not in rungs(request, recipe(), outcome)
    assert rungs(request, recipe(), Outcome.FAILED) == ["second_engine"]
    assert rungs(request, recipe(), Outcome.GOOD) == []
    plain = recipe(task="text")
    assert "plain_text" not in rungs(prepare_request(PAGE, plain), plain, Outcome.LOOPED)
    figure = recipe(task="figure")
    found = rungs(prepare_request(PAGE, figure), figure, Outcome.LOOPED)
    assert found == ["wider_ngram", "other_view"], "no other prompt or engine answers that"
    assert "wider_ngram" not in rungs(request, recipe(ngram_window=90), Outcome.LOOPED)


def test_the_config_sets_the_order_and_switches_off():
    chosen = recipe(rungs=("second_engine", "plain_text"))
    request = prepare_request(PAGE, chosen)
    assert rungs(request, chosen, Outcome.LOOPED) == ["second_engine", "plain_text"]
    for off in (recipe(enabled=False), recipe(rungs=()), recipe(max_attempts=1)):
        assert retry_ladder.next_attempt(tried((Rung.BASE, Outcome.LOOPED)), request, off) is None


def test_a_rung_stands_in_the_list_once():
    for wrong in (("plain_text", "plain_text"), ("base",), ("plain",)):
        with pytest.raises(ValueError, match="once at most: wider_ngram, plain_text"):
            LadderConfig(rungs=wrong)


def test_tokens_are_bounded_and_the_other_engine_has_none():
    capped = recipe(max_tokens=1000, rung_tokens=700)
    request = prepare_request(PAGE, capped)
    [first, *_] = climbed(request, capped, Outcome.LOOPED)
    assert first.request.max_tokens == 700
    spent = tried((Rung.BASE, Outcome.LOOPED), tokens=1000)
    step = retry_ladder.next_attempt(spent, request, capped)
    assert step is not None
    assert step.rung is Rung.SECOND


def test_what_a_caller_cut_off_is_what_the_caller_wanted():
    bounded = prepare_request(PAGE, recipe(), max_tokens=50)
    assert rungs(bounded, recipe(), Outcome.TRUNCATED) == []
    assert rungs(bounded, recipe(), Outcome.LOOPED) != []
    stopped = prepare_request(PAGE, recipe(), sampling=Sampling(stop=("x",)))
    assert rungs(stopped, recipe(), Outcome.EMPTY) == []


def test_engines_have_their_own_rungs():
    assert recipe("onnx").ladder.rungs == ("text_layer",)
    assert "second_engine" not in recipe("fake").ladder.rungs
    request = prepare_request(PAGE, recipe("onnx"))
    assert rungs(request, recipe("onnx"), Outcome.EMPTY) == []
    fake = prepare_request(PAGE, recipe("fake"))
    found = rungs(fake, recipe("fake"), Outcome.LOOPED)
    assert found == ["wider_ngram", "plain_text", "other_view"]


@given(st.permutations(LadderConfig().rungs), st.lists(st.sampled_from(BAD), min_size=9))
def test_every_climb_goes_up_and_ends(order: list[str], outcomes: list[Outcome]):
    config = recipe(rungs=tuple(order))
    request = prepare_request(SMALL, config)
    done, places = tried((Rung.BASE, outcomes[0])), [-1]
    while step := retry_ladder.next_attempt(done, request, config):
        places.append(order.index(step.rung))
        if done[-1].outcome is Outcome.FAILED:
            assert step.rung in retry_ladder.WITHOUT_FIRST_ENGINE, "it failed on this page"
        done += tried((step.rung, outcomes[len(done)]))
    assert places == sorted(set(places))
    assert len(done) <= config.ladder.max_attempts


# --- what is asked


def test_each_rung_changes_one_thing_of_the_first_request():
    first = prepare_request(PAGE, recipe())
    wider, plain, view, second = climbed(first, recipe(), Outcome.LOOPED)
    assert wider.request.sampling == Sampling(ngram_window=1024, cells_repeat=False)
    assert wider.request.prompt == first.prompt
    assert plain.request.prompt == "<image>\nFree OCR."
    assert plain.request.sampling == Sampling()
    assert plain.request.image is first.image
    assert view.request.prompt == first.prompt
    assert (view.request.image.shape, view.request.image_tokens) == ((640, 495, 3), 273)
    assert (second.request.prompt, second.request.max_tokens) == ("", 0)
    for step in (wider, plain, view, second):
        assert (step.request.page_width_px, step.request.page_height_px) == (1275, 1650)


def test_a_small_page_is_seen_larger():
    first = prepare_request(SMALL, recipe())
    assert first.image_tokens == 273
    view = climbed(first, recipe(), Outcome.EMPTY)[1]
    assert view.rung is Rung.VIEW
    assert view.request.image.shape == (1280, 960, 3)
    assert view.request.image_tokens > 273


@given(st.integers(1, 1500), st.integers(1, 1500))
@settings(max_examples=20)
@example(1, 3000)
@example(640, 640)
def test_the_other_view_of_any_page_is_one_that_vllm_takes(width_px: int, height_px: int):
    page = PageImage(np.zeros((height_px, width_px, 3), np.uint8), 0)
    first = prepare_request(page, recipe())
    view = requests.other_view(first, recipe())
    height, width = view.image.shape[:2]
    assert view.image_tokens == views.image_tokens(width, height, model.OCR)
    assert (view.image_tokens == 273) != (first.image_tokens == 273)
    assert round(1024 * min(width, height) / max(width, height)) >= 1


# --- which answer is kept


def a_try(
    outcome: Outcome, repetition: float = 0.0, text: str = "text", rung=Rung.BASE
) -> AttemptResult:
    return AttemptResult(
        Attempt(rung, outcome, repetition=repetition), Recognition(Status.OK, text)
    )


def test_the_best_is_kept_and_not_the_last():
    ranked = [
        a_try(Outcome.GOOD, text=""),
        a_try(Outcome.TRUNCATED, 0.1),
        a_try(Outcome.TRUNCATED, 0.5, "longer text"),
        a_try(Outcome.LOOPED, 0.7),
        a_try(Outcome.LOOPED, 0.9, "longer text"),
        a_try(Outcome.LOOPED, 0.9),
        a_try(Outcome.EMPTY, text=""),
        a_try(Outcome.FAILED, text=""),
    ]
    for above, below in pairwise(ranked):
        for order in permutations((above, below)):
            assert retry_ladder.best_result(order) is above


def test_of_equals_the_first_is_kept():
    tries = [a_try(Outcome.GOOD, 0.11), a_try(Outcome.GOOD, 0.12)]
    assert retry_ladder.best_result(tries) is tries[0]
    assert retry_ladder.best_result(tries[::-1]) is tries[1]


@given(st.lists(attempts(), min_size=1, max_size=5))
def test_all_attempts_are_told_and_one_of_them_is_kept(made: list[Attempt]):
    tries = [AttemptResult(attempt, Recognition(Status.OK, "x")) for attempt in made]
    settled = retry_ladder.final_recognition(tries, recipe(enabled=False))
    assert settled.attempts == tuple(made)
    assert settled.rung in [attempt.rung for attempt in made]


def test_a_page_that_stays_empty_is_an_error_where_the_ladder_ends_so():
    empty = AttemptResult(Attempt(Rung.BASE, Outcome.EMPTY), Recognition(Status.BLANK))
    lenient = recipe(rungs=("plain_text",))
    assert retry_ladder.final_recognition([empty], lenient).status is Status.BLANK
    strict = retry_ladder.final_recognition([empty], recipe())
    assert (strict.status, strict.rung) == (Status.FAILED, None)
    assert "base" in strict.failure.message
    assert strict.attempts == (empty.attempt,)


# --- the recipe


def test_the_recipes_hash_covers_the_ladder():
    changes = [
        *(
            {"enabled": False},
            {"rungs": ("plain_text",)},
            {"ngram_window": 500},
            {"least_ink_ppm": 9},
        ),
        *({"max_repetition": 0.9}, {"max_tokens": 9}, {"rung_tokens": 9}, {"max_attempts": 2}),
    ]
    hashes = {recipe(**change).hash() for change in changes} | {recipe().hash()}
    assert len(hashes) == len(changes) + 1


def test_the_recipe_knows_its_second_engine():
    assert recipe().second.startswith("rapidocr ")
    assert build_second_engine(recipe()) is not None
    for without in (recipe(rungs=("plain_text",)), recipe("onnx"), recipe("fake")):
        assert without.second == ""
        assert build_second_engine(without) is None


def test_tasks_are_all_thought_of():
    assert set(retry_ladder._TEXT_TASKS) < set(Task)
