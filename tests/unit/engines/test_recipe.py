"""Which engine reads, and what a page becomes for it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from pipeline.config import EngineConfig, EngineKind, OcrOptions, Recipe, VllmConfig
from pipeline.documents import layout_model
from pipeline.engines.recipe import make_recipe, tasks
from pipeline.engines.request import prepare_request
from pipeline.errors import ConfigError
from pipeline.types import Instruction, PageImage, Request, Sampling, Task

PAGE = PageImage(np.full((800, 700, 3), 255, np.uint8), dpi=150)
KINDS: tuple[EngineKind, ...] = ("onnx", "fake", "vllm")


def a_recipe(kind: EngineKind, task: str = "markdown", **vllm: object) -> Recipe:
    engine = EngineConfig(vllm=VllmConfig(**vllm))
    return make_recipe(OcrOptions(output="out", task=task, engine=engine), kind)


def same(one: Request, other: Request) -> bool:
    pairs: list[tuple[Any, Any]] = [
        (getattr(one, field.name), getattr(other, field.name)) for field in fields(Request)
    ]
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("kind", "model", "known"),
    [
        ("onnx", "m", {Task.MARKDOWN, Task.TEXT}),
        ("fake", "m", set(Task)),
        ("vllm", "deepseek-ai/DeepSeek-OCR", set(Task)),
        ("vllm", "deepseek-ai/DeepSeek-OCR-2", {Task.MARKDOWN, Task.TEXT}),
    ],
)
def test_engines_know_their_tasks_and_a_recipe_has_no_other(
    kind: EngineKind, model: str, known: set[Task]
) -> None:
    assert set(tasks(a_recipe(kind, model=model))) == known
    for task in Task:
        if task in known:
            assert a_recipe(kind, task, model=model, find="x").task is task
            continue
        with pytest.raises(ConfigError, match=rf"the task {task}; choose from: markdown, text"):
            a_recipe(kind, task, model=model, find="x")


def test_locate_needs_a_phrase_in_the_config_or_in_the_request() -> None:
    with pytest.raises(ConfigError, match=r"engine\.vllm\.find"):
        a_recipe("vllm", "locate")
    recipe = a_recipe("vllm")
    assert "Total" in prepare_request(PAGE, recipe, Instruction(Task.LOCATE, find="Total")).prompt
    with pytest.raises(ConfigError, match="plain phrase"):
        prepare_request(PAGE, recipe, Instruction(Task.LOCATE))


@pytest.mark.parametrize("kind", KINDS)
def test_an_ask_for_the_recipes_task_changes_nothing(kind: EngineKind) -> None:
    recipe = a_recipe(kind, "text")
    batch = prepare_request(PAGE, recipe)
    assert batch.task is Task.TEXT
    assert batch.sampling == Sampling()
    assert same(batch, prepare_request(PAGE, recipe, Instruction(Task.TEXT), sampling=Sampling()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_may_ask_for_another_task(kind: EngineKind) -> None:
    request = prepare_request(
        PAGE, a_recipe(kind), Instruction(Task.TEXT), sampling=Sampling(seed=3)
    )
    assert (request.task, request.sampling.seed) == (Task.TEXT, 3)
    assert request.prompt == ("<image>\nFree OCR." if kind == "vllm" else "")


def test_an_ask_for_an_unknown_task_or_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not know the task figure"):
        prepare_request(PAGE, a_recipe("onnx"), Instruction(Task.FIGURE))
    ocr_2 = a_recipe("vllm", model="deepseek-ai/DeepSeek-OCR-2")
    with pytest.raises(ConfigError, match="has no prompt"):
        prepare_request(
            PAGE, ocr_2, Instruction(Task.TEXT, prompt="<image>\n<|grounding|>OCR this image.")
        )


def test_a_request_may_have_fewer_tokens_and_not_more() -> None:
    recipe = a_recipe("vllm", max_tokens=100)
    assert prepare_request(PAGE, recipe).max_tokens == 100
    assert prepare_request(PAGE, recipe, max_tokens=7).max_tokens == 7
    assert prepare_request(PAGE, recipe, max_tokens=10**30).max_tokens == 100
    assert prepare_request(PAGE, a_recipe("onnx"), max_tokens=7).max_tokens == 0


def test_without_rapidocr_no_page_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    options = OcrOptions(output="o")
    assert make_recipe(options, "vllm").route.turn
    for module in ("recipe", "ppocr.spec"):
        monkeypatch.setattr(f"pipeline.engines.{module}.find_spec", lambda name: None)
    found = make_recipe(options, "vllm")
    assert not found.route.turn
    assert found.second == ""


def test_the_layout_model_is_wanted_only_where_it_would_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise ConfigError("no model")

    monkeypatch.setattr(layout_model, "check_installed", missing)
    no_second = {"ladder": {"enabled": False}}
    for structure in ("auto", "plain"):
        options = OcrOptions(output="o", structure=structure, **no_second)
        assert make_recipe(options, "vllm").structure == structure
    assert (
        make_recipe(OcrOptions(output="o", task="text", **no_second), "onnx").structure == "plain"
    )
    for kind, structure in (("vllm", "layout"), ("onnx", "auto"), ("onnx", "layout")):
        options = OcrOptions(output="o", structure=structure, **no_second)
        with pytest.raises(ConfigError, match="no model"):
            make_recipe(options, kind)
