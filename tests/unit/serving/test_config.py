"""Names of the service's settings."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pydantic import ValidationError
from ray import serve
from ray.serve.config import AutoscalingConfig

from pipeline.config import Settings
from serving.config import (
    ChatConfig,
    ChatScaleConfig,
    IngressConfig,
    OcrScaleConfig,
    ServeConfig,
)

ACTOR_OPTIONS = {"num_cpus", "num_gpus"}
OLD_NAMES = [
    (("scale", "ocr"), OcrScaleConfig),
    (("scale", "chat"), ChatScaleConfig),
    (("ingress",), IngressConfig),
    (("chat",), ChatConfig),
]


@pytest.mark.parametrize("model", [OcrScaleConfig, ChatScaleConfig])
def test_the_settings_of_replicas_have_the_names_of_ray_serve(model: type[Settings]) -> None:
    options = set(inspect.signature(serve.deployment).parameters)
    assert (
        model.model_fields.keys() <= options | set(AutoscalingConfig.model_fields) | ACTOR_OPTIONS
    )


@pytest.mark.parametrize(("section", "model"), OLD_NAMES)
def test_an_old_name_is_refused_and_has_a_new_one(section: tuple[str, ...], model: Any) -> None:
    assert model.RENAMED
    for old, new in model.RENAMED.items():
        assert new in model.model_fields
        values: dict[str, Any] = {old: 1}
        for name in reversed(section):
            values = {name: values}
        with pytest.raises(ValidationError, match=old):
            ServeConfig.model_validate(values)
