from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.cli import dump_yaml, validate
from pipeline.config import (
    FAKE_HANDLERS,
    FakeConfig,
    OcrConfig,
    OnnxConfig,
    QualityConfig,
    ReadConfig,
    Recipe,
    RenderConfig,
    RouteConfig,
    VllmConfig,
)
from pipeline.engines.fake import HANDLERS
from pipeline.errors import ConfigError
from pipeline.types import Task
from serving.config import ServeConfig
from tests.support.strategies import configs


@given(configs())
@example(OcrConfig(inputs=("\u2028.pdf",), output="ü", password="next\x85line"))
def test_load_of_dump_is_the_same(config: OcrConfig):
    import yaml

    assert validate(OcrConfig, yaml.safe_load(dump_yaml(config))) == config


def test_the_fake_engine_does_what_the_config_may_ask_for():
    assert set(FAKE_HANDLERS) == set(HANDLERS)
    with pytest.raises(ValidationError, match="choose from: echo"):
        FakeConfig(handler="sings")


def test_models_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        RenderConfig().dpi = 300


def test_the_password_is_not_shown():
    config = OcrConfig(inputs=("a.pdf",), output="out", password="open sesame")
    assert "sesame" not in repr(config)


def test_every_field_has_a_help_text():
    def walk(model):
        for name, field in model.model_fields.items():
            nested = field.annotation
            if isinstance(nested, type) and hasattr(nested, "model_fields"):
                walk(nested)
            else:
                assert field.description, f"{model.__name__}.{name} has no docstring"

    walk(OcrConfig)
    walk(ServeConfig)


def recipe(**changes) -> Recipe:
    fields = {
        "engine": "onnx",
        "model": "m",
        "revision": "1",
        "task": Task.MARKDOWN,
        "render": RenderConfig(),
        "onnx": OnnxConfig(),
    }
    return Recipe(**fields | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"engine": "fake"},
        {"model": "n"},
        {"revision": "2"},
        {"task": Task.TEXT},
        {"render": RenderConfig(dpi=200)},
        {"onnx": OnnxConfig(min_score=0.6)},
        {"fake": FakeConfig(handler="repeats")},
    ],
)
def test_what_changes_the_text_changes_the_hash(changes):
    assert recipe(**changes).hash() != recipe().hash()


def test_what_does_not_change_the_text_keeps_the_hash():
    assert recipe(onnx=OnnxConfig(threads=8)).hash() == recipe().hash()
    assert recipe(quality=QualityConfig(min_text_score=0)).hash() == recipe().hash()


def test_what_is_done_with_pictures_changes_the_hash_where_layers_are_judged():
    read, warn = (RouteConfig(pictures=mode) for mode in ("read", "warn"))
    assert recipe(route=read).hash() != recipe(route=warn).hash()
    assert recipe(route=read, text_layer="only").hash() == (
        recipe(route=warn, text_layer="only").hash()
    )


@given(st.integers(max_value=0))
def test_limits_are_bounded(number: int):
    with pytest.raises(ValidationError):
        ReadConfig(wall_s=number)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ladder: {on: false}", "ladder.on is now ladder.enabled"),
        ("ladder: {True: false}", "ladder.on is now ladder.enabled"),
        ("ladder: {'on': false}", "ladder.on is now ladder.enabled"),
        (
            "engine: {vllm: {tensor_parallel: 2, pipeline_parallel: 2}}",
            "engine.vllm.tensor_parallel is now engine.vllm.tensor_parallel_size\n"
            "engine.vllm.pipeline_parallel is now engine.vllm.pipeline_parallel_size",
        ),
    ],
)
def test_an_old_name_is_refused_with_the_new_one(text: str, message: str):
    import yaml

    with pytest.raises(ConfigError) as refused:
        validate(OcrConfig, {"inputs": ["a.pdf"], "output": "o"} | yaml.safe_load(text))
    assert str(refused.value) == message


@pytest.mark.parametrize("name", ["hf_overrides", "limit_mm_per_prompt", "worker_cls"])
def test_arguments_that_change_what_the_model_gets_are_refused(name: str):
    with pytest.raises(ValidationError, match=f"{name} cannot be set"):
        VllmConfig(engine_kwargs={name: None})


def test_arguments_with_a_setting_of_their_own_are_refused():
    with pytest.raises(ValidationError, match=r"set engine\.vllm\.revision instead"):
        VllmConfig(engine_kwargs={"tokenizer_revision": "x"})


def test_only_arguments_that_can_change_the_text_change_the_hash():
    def hash_with(**kwargs: object) -> str:
        return recipe(vllm=VllmConfig(engine_kwargs=kwargs)).hash()

    assert hash_with(block_size=32) == hash_with()
    assert hash_with(calculate_kv_scales=True) != hash_with()


def test_the_format_of_keys_and_values_changes_the_hash_where_it_is_chosen():
    assert recipe(vllm=VllmConfig(kv_cache_dtype="fp8")).hash() != recipe(vllm=VllmConfig()).hash()
