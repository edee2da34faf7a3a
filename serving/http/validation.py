"""Validates request bodies: parsed JSON to models, pydantic's errors to `ApiError`.

Nothing is converted: "1" is not a number. Unknown fields are refused by name. A top-level null
counts as a missing field.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from serving.errors import ApiError

_MAX_EXCERPT_CHARS: Final = 100
"""Characters of a caller's input that an error message may repeat."""
_MAX_MESSAGE_CHARS: Final = 500


class Body(BaseModel):
    """The base of every request model: nothing is converted, unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


BodyT = TypeVar("BodyT", bound=Body)


def _encodable(text: str) -> str:
    """Refuse lone surrogates, which JSON can express and UTF-8 cannot."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("invalid_value", "must be valid Unicode") from None
    return text


Text = Annotated[str, AfterValidator(_encodable)]
"""A string that can be encoded as UTF-8."""


def parsed(model: type[BodyT], body: object) -> BodyT:
    """Validate the body of a request.

    Args:
        model: The model of the request.
        body: Any parsed JSON.

    Raises:
        ApiError: 400: the body is not valid; `param` names the field.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_type", "the body must be a JSON object")
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name not in model.model_fields:  # pydantic's error would list all of them
            raise _unsupported(excerpt(name))
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _api_error(first, given) from None


def _api_error(error: ErrorDetails, body: dict[str, Any]) -> ApiError:
    param = _param(error["loc"], body)
    if error["type"] == "extra_forbidden":
        return _unsupported(excerpt(param))
    message = error["msg"].replace("Input should be", "must be")
    code, message = _code(error["type"]), message.removeprefix("Value error, ")
    if error["type"].startswith("union_tag"):
        context = error["ctx"]
        param += "." + str(context["discriminator"]).strip("'")
        message = f"must be one of {context.get('expected_tags', 'the known ones')}"
    param = excerpt(param)
    return ApiError(400, code, f"{param}: {message}"[:_MAX_MESSAGE_CHARS], param=param)


def _unsupported(param: str) -> ApiError:
    message = f"{param}: this parameter is not supported"
    return ApiError(400, "unsupported_parameter", message, param=param)


def _code(kind: str) -> str:
    if kind in ("missing", "union_tag_not_found"):
        return "missing_required_parameter"
    if kind in ("unsupported_parameter", "invalid_type"):
        return kind
    return "invalid_type" if kind.endswith("_type") else "invalid_value"


def excerpt(text: str) -> str:
    """The start of a caller's input, encodable as UTF-8, for an error message."""
    return text[:_MAX_EXCERPT_CHARS].encode("utf-8", "replace").decode()


def _param(loc: tuple[int | str, ...], body: object) -> str:
    """The path of a field, such as ``messages[0].content``.

    Pydantic's locations also name the branches of unions, which are not in the body.
    """
    path = ""
    node = body
    for depth, key in enumerate(loc, 1):
        if isinstance(node, dict) and (key in node or depth == len(loc)):
            path, node = f"{path}.{key}", node.get(key)
        elif isinstance(node, list) and isinstance(key, int) and key < len(node):
            path, node = f"{path}[{key}]", node[key]
    return path.removeprefix(".")
