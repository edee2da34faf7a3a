from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import LadderConfig, OcrOptions, OnnxConfig, Recipe
from pipeline.engines.base import SecondEngine
from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.engines.recipe import engine_and_model, make_recipe
from pipeline.engines.request import prepare_request
from pipeline.errors import ConfigError, EngineError, ErrorKind, JobError
from pipeline.recognition.recognise import recognise
from pipeline.types import (
    Failure,
    FinishReason,
    Generation,
    Line,
    Outcome,
    PageImage,
    Request,
    Rung,
    Status,
)

INKED = np.full((30, 40, 3), 255, np.uint8)
INKED[:, :10] = 0


def request_of(width_px: int = 40, height_px: int = 30, scale: int = 1) -> Request:
    image = np.full((height_px // scale, width_px // scale, 3), 255, np.uint8)
    return Request(image, width_px, height_px)


def a_recipe(kind: str = "fake", **ladder: object) -> Recipe:
    options = OcrOptions(output="o", ladder=LadderConfig.model_validate(ladder))
    return make_recipe(options, kind)


ONCE = a_recipe(enabled=False)
"""Nothing is tried after the first answer."""


async def test_text_is_ok():
    result = await recognise(FakeEngine(HANDLERS["echo"]), request_of(), ONCE)
    assert result.status is Status.OK
    assert "40x30" in result.text
    assert [block.text for block in result.blocks] == [result.text]
    assert result.generation.output_tokens == len(result.text.split())


async def test_equal_pages_give_equal_text_and_other_pages_another():
    engine = FakeEngine(HANDLERS["echo"])
    white, again = [await recognise(engine, request_of(), ONCE) for _ in range(2)]
    black = await recognise(engine, Request(INKED, 40, 30), ONCE)
    assert white.text == again.text != black.text


@pytest.mark.parametrize("handler", ["truncates", "repeats"])
async def test_an_answer_that_is_cut_off_is_truncated(handler: str):
    result = await recognise(FakeEngine(HANDLERS[handler]), request_of(), ONCE)
    assert result.status is Status.TRUNCATED
    assert result.text
    assert result.raw == result.text


async def test_an_engine_that_fails_gives_a_result_that_says_so():
    result = await recognise(FakeEngine(HANDLERS["crashes"]), request_of(), ONCE)
    assert result.status is Status.FAILED
    assert result.failure.kind is ErrorKind.ENGINE
    assert "on purpose" in result.failure.message


async def test_nothing_read_is_blank():
    result = await recognise(FakeEngine(lambda request: Generation("  \n")), request_of(), ONCE)
    assert (result.status, result.text, result.blocks) == (Status.BLANK, "", ())


async def test_lines_become_blocks_in_pixels_of_the_page():
    line = Line("hello", (1.0, 1.0, 10.0, 4.0), 0.9)
    engine = FakeEngine(lambda request: Generation(lines=(line,)))
    result = await recognise(
        engine, request_of(scale=2), make_recipe(OcrOptions(output="o"), "onnx")
    )
    assert result.text == "hello"
    assert result.blocks[0].box == (2.0, 2.0, 20.0, 8.0)
    assert result.lines == (Line("hello", (2.0, 2.0, 20.0, 8.0), 0.9),)


async def test_lines_of_a_turned_page_are_on_the_page_as_displayed():
    line = Line("hello", (1.0, 2.0, 10.0, 6.0), 0.9)
    engine = FakeEngine(lambda request: Generation(lines=(line,)))
    request = replace(request_of(), turned_deg=90)  # displayed it is 30 wide and 40 high
    result = await recognise(engine, request, make_recipe(OcrOptions(output="o"), "onnx"))
    assert [each.box for each in result.lines] == [(2.0, 30.0, 6.0, 39.0)]
    assert result.blocks[0].box == result.lines[0].box


async def test_a_fault_of_ours_costs_the_page():
    def broken(request: Request) -> Generation:
        raise ZeroDivisionError

    result = await recognise(FakeEngine(broken), request_of(), ONCE)
    assert result.failure == Failure(ErrorKind.INTERNAL, "ZeroDivisionError()")


@pytest.mark.parametrize("error", [ConfigError, JobError])
async def test_what_no_page_is_to_blame_for_goes_on_up(error: type[Exception]):
    def broken(request: Request) -> Generation:
        raise error("stop")

    with pytest.raises(error):
        await recognise(FakeEngine(broken), request_of(), ONCE)


async def test_the_crashing_handler_raises_what_the_protocol_says():
    with pytest.raises(EngineError):
        await FakeEngine(HANDLERS["crashes"]).generate(request_of())


# --- the ladder


def with_second(recipe: Recipe) -> Recipe:
    """A fake recipe that has a second engine, as one for vLLM has."""
    rungs = ("plain_text", "second_engine", "text_layer", "error_row")
    ladder = recipe.ladder.model_copy(update={"rungs": rungs})
    return recipe.model_copy(update={"ladder": ladder, "second": "1", "onnx": OnnxConfig()})


def inked(layer: str | None = None) -> Request:
    """A page with ink."""
    return replace(request_of(), image=INKED, layer=layer)


@pytest.mark.parametrize(
    ("handler", "outcomes"),
    [
        ("loops_far", ["base looped", "wider_ngram good"]),
        ("loops_in_cells", ["base looped", "wider_ngram looped", "plain_text good"]),
        ("needs_small_view", ["base truncated", "plain_text truncated", "other_view good"]),
        ("truncates", ["base truncated", "plain_text truncated", "other_view truncated"]),
        ("finds_nothing", ["base empty", "plain_text empty", "other_view empty"]),
        ("crashes", ["base failed"]),
        ("echo", ["base good"]),
    ],
)
async def test_a_page_climbs_until_it_is_read(handler: str, outcomes: list[str]):
    result = await recognise(FakeEngine(HANDLERS[handler]), inked(), a_recipe())
    assert [f"{one.rung} {one.outcome}" for one in result.attempts] == outcomes
    rung, outcome = outcomes[-1].split()
    if outcome == "good":
        assert (result.status, result.rung) == (Status.OK, rung)
        assert result.text.startswith("page of 40x30 px")
        assert result.generation.output_tokens == result.attempts[-1].output_tokens


async def test_a_page_that_nothing_helps_keeps_the_first_of_equal_answers():
    result = await recognise(FakeEngine(HANDLERS["truncates"]), inked(), a_recipe())
    assert (result.status, result.rung) == (Status.TRUNCATED, Rung.BASE)


async def test_the_best_is_kept_and_not_the_last():
    loop, cut, none = HANDLERS["repeats"], HANDLERS["truncates"], HANDLERS["finds_nothing"]
    answers = iter([loop, cut, none])
    engine = FakeEngine(lambda request: next(answers)(request))
    result = await recognise(engine, inked(), a_recipe(max_attempts=3))
    assert [one.outcome for one in result.attempts] == ["looped", "truncated", "empty"]
    assert (result.rung, result.text) == (Rung.NGRAM, "a text that has no")
    assert result.generation.finish_reason is FinishReason.LENGTH
    assert [one.output_tokens for one in result.attempts] == [1000, 5, 1]
    assert [round(one.repetition or 0) for one in result.attempts] == [1, 0, 0]


async def test_a_page_without_ink_may_be_empty_and_one_with_ink_may_not():
    engine = FakeEngine(HANDLERS["finds_nothing"])
    blank = await recognise(engine, request_of(), a_recipe())
    assert (blank.status, len(blank.attempts)) == (Status.BLANK, 1)
    missed = await recognise(engine, inked(), a_recipe())
    assert missed.failure.kind is ErrorKind.ENGINE
    assert "no text was found" in missed.failure.message
    lenient = await recognise(engine, inked(), a_recipe(rungs=("plain_text",)))
    assert (lenient.status, len(lenient.attempts)) == (Status.BLANK, 2)


async def test_the_second_engine_reads_what_the_first_cannot():
    line = Line("read", (0.0, 0.0, 9.0, 9.0), 0.9)
    seen = []

    def second(request: Request) -> Generation:
        seen.append(request)
        return Generation(lines=(line,))

    recipe = with_second(a_recipe())
    for handler in ("crashes", "truncates", "finds_nothing"):
        engine = FakeEngine(HANDLERS[handler])
        result = await recognise(engine, inked("a layer"), recipe, FakeEngine(second))
        assert (result.status, result.rung, result.text) == (Status.OK, Rung.SECOND, "read")
        assert result.failure is None
        assert result.attempts[-1].repetition is None
        assert engine_and_model(recipe, result.rung)[0] == "onnx"
    assert len(seen) == 3
    assert "on purpose" in (await recognise(engine_that_crashes(), inked(), recipe)).failure.message


def engine_that_crashes() -> FakeEngine:
    return FakeEngine(HANDLERS["crashes"])


async def test_the_layer_of_the_pdf_is_the_last_resort():
    result = await recognise(engine_that_crashes(), inked("words of the PDF"), a_recipe())
    assert (result.status, result.rung) == (Status.OK, Rung.LAYER)
    assert result.text == result.blocks[0].text == "words of the PDF"
    assert [one.outcome for one in result.attempts] == [Outcome.FAILED, Outcome.GOOD]
    assert "on purpose" in result.attempts[0].error
    assert (await recognise(engine_that_crashes(), inked(" "), a_recipe())).failure


async def test_a_fault_of_the_ladder_costs_the_ladder_and_not_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("pipeline.engines.fake.resize", None)
    result = await recognise(FakeEngine(HANDLERS["needs_small_view"]), inked(), a_recipe())
    assert (result.status, len(result.attempts)) == (Status.TRUNCATED, 2)
    assert "the next rung" in caplog.text


async def test_without_a_ladder_there_is_one_attempt():
    result = await recognise(FakeEngine(HANDLERS["repeats"]), inked(), ONCE)
    assert [one.outcome for one in result.attempts] == [Outcome.LOOPED]


async def test_a_model_is_asked_with_its_own_prompts_and_views():
    """What vLLM would get on each rung; a fake stands in for it."""
    recipe = a_recipe("vllm")
    seen: list[Request] = []

    def loops(request: Request) -> Generation:
        seen.append(request)
        return HANDLERS["repeats"](request)

    page = PageImage(np.full((1650, 1275, 3), 255, np.uint8), 150)
    second = FakeEngine(lambda request: Generation())
    result = await recognise(FakeEngine(loops), prepare_request(page, recipe), recipe, second)
    assert [request.prompt.splitlines()[1] for request in seen] == [
        "<|grounding|>Convert the document to markdown.",
        "<|grounding|>Convert the document to markdown.",
        "Free OCR.",
        "<|grounding|>Convert the document to markdown.",
    ]
    assert [request.image_tokens for request in seen] == [903, 903, 903, 273]
    assert [request.sampling.ngram_window for request in seen] == [0, 1024, 0, 0]
    assert result.rung is Rung.SECOND, "a page without ink may be empty"


async def test_a_second_engine_is_built_once_and_its_absence_costs_a_rung():
    built = []

    def start() -> FakeEngine:
        built.append(1)
        return FakeEngine(HANDLERS["echo"])

    lazy = SecondEngine(start)
    assert built == []
    assert [(await lazy.generate(inked())).text for _ in range(2)]
    assert built == [1]

    def missing() -> FakeEngine:
        raise ConfigError("rapidocr is not installed")

    with pytest.raises(EngineError, match="not installed"):
        await SecondEngine(missing).generate(inked())
