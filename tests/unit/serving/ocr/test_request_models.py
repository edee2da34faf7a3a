"""The shapes of requests, as callers see them; `test_openai.py` has what they refuse."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from serving.ocr import request_models
from serving.ocr.request_models import ChatRequest, OcrRequest


@pytest.mark.parametrize("model", [ChatRequest, OcrRequest])
def test_every_field_that_callers_may_set_is_described(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    silent = [
        name for name, field in properties.items() if not {"description", "enum"} & field.keys()
    ]
    assert silent == []


def test_a_parameter_without_use_says_which_values_it_may_have() -> None:
    properties = ChatRequest.model_json_schema()["properties"]
    assert properties["n"]["enum"] == [1]
    assert {name for name, field in properties.items() if "enum" in field} == set(
        request_models._NEUTRAL
    )


def test_strings_may_stand_for_lists() -> None:
    schema = ChatRequest.model_json_schema()
    assert {"type": "string"} in schema["properties"]["stop"]["anyOf"]
    for name in ("UserMessage", "SystemMessage", "AssistantMessage"):
        assert {"type": "string"} in schema["$defs"][name]["properties"]["content"]["anyOf"]


def test_the_password_is_not_printed() -> None:
    assert "sesame" not in repr(OcrRequest(document="d", password="sesame"))
