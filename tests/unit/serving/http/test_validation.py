"""From JSON to models, and errors that name a field."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from serving.errors import ApiError
from serving.http.validation import Body, Text, excerpt, parsed
from serving.ocr.request_models import OcrFields


class Cat(Body):
    kind: Literal["cat"]
    cat: Text


class Dog(Body):
    kind: Literal["dog"]
    size: Annotated[int, Field(ge=1)] = 1


class Zoo(Body):
    name: Text = ""
    animals: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = Field(default_factory=list)
    either: int | list[int] | None = None


def refused(body: object) -> tuple[str, str | None]:
    with pytest.raises(ApiError) as caught:
        parsed(Zoo, body)
    assert caught.value.status == 400
    return caught.value.code, caught.value.param


def test_null_at_the_top_is_no_value() -> None:
    assert parsed(Zoo, {"name": None, "unknown": None}) == Zoo()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({"name": 1}, "invalid_type", "name"),
        ({"name": "\udfff"}, "invalid_value", "name"),
        ({"x.y": 1}, "unsupported_parameter", "x.y"),
        ({"animals": [{"kind": "cat"}]}, "missing_required_parameter", "animals[0].cat"),
        ({"animals": [{"kind": "cat", "cat": 1}]}, "invalid_type", "animals[0].cat"),
        ({"animals": [{"kind": "cow"}]}, "invalid_value", "animals[0].kind"),
        ({"animals": [{"kind": "dog", "size": 0}]}, "invalid_value", "animals[0].size"),
        ({"animals": [{"kind": "dog", "dog": 0}]}, "unsupported_parameter", "animals[0].dog"),
        ({"either": [1, "x"]}, "invalid_type", "either"),
    ],
)
def test_the_first_wrong_field_is_named(body: object, code: str, param: str | None) -> None:
    assert refused(body) == (code, param)


def test_values_are_not_repeated() -> None:
    with pytest.raises(ApiError) as caught:
        parsed(Zoo, {"animals": [{"kind": "secret"}], "name": ["secret"]})
    assert "secret" not in str(caught.value)


def test_an_excerpt_is_short_and_can_be_encoded() -> None:
    assert excerpt("a\ud800b") == "a?b"
    assert len(excerpt("x" * 1000)) == 100


def test_a_sentence_of_our_own_stands_alone_after_the_field() -> None:
    with pytest.raises(ApiError) as caught:
        parsed(OcrFields, {"pages": "x"})
    assert str(caught.value) == "pages: 'x' is not a page range; write pages as 1-3,7,10-"
