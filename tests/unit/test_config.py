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
    ReadConfig,
    Recipe,
    RenderConfig,
)
from pipeline.engines.fake import HANDLERS
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


@given(st.integers(max_value=0))
def test_limits_are_bounded(number: int):
    with pytest.raises(ValidationError):
        ReadConfig(wall_s=number)
