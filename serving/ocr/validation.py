"""From parsed JSON to models, and from what pydantic complains about to errors that name a field.

Values are taken as they are: "1" is no number. A field that a model does not have is refused by its
name. At the top, null stands for a field that is not there.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from serving.errors import ApiError

_LONGEST_NAME: Final = 100
"""Characters of a caller's own words that an error repeats."""
_LONGEST_MESSAGE: Final = 500


class Body(BaseModel):
    """The base of every model here: nothing is converted, unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


BodyT = TypeVar("BodyT", bound=Body)


def _sendable(text: str) -> str:
    """JSON can spell halves of characters, of which no answer and no prompt can be made."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError("invalid_value", "must be valid Unicode") from None
    return text


Words = Annotated[str, AfterValidator(_sendable)]


def parsed(model: type[BodyT], body: object) -> BodyT:
    """The body of a request as a model.

    Args:
        model: What it must be.
        body: Any parsed JSON.

    Raises:
        ApiError: 400: it is something else; `param` names the field that is to blame.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_type", "the body must be a JSON object")
    given = {name: value for name, value in body.items() if value is not None}
    for name in given:
        if name not in model.model_fields:  # pydantic would list them all
            raise _unsupported(plain(name))
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _api_error(first, given) from None


def _api_error(error: ErrorDetails, body: dict[str, Any]) -> ApiError:
    param = _param(error["loc"], body)
    if error["type"] == "extra_forbidden":
        return _unsupported(plain(param))
    code, message = _code(error["type"]), error["msg"].replace("Input should be", "must be")
    if error["type"].startswith("union_tag"):
        context = error["ctx"]
        param += "." + str(context["discriminator"]).strip("'")
        message = f"must be one of {context.get('expected_tags', 'the known ones')}"
    param = plain(param)
    return ApiError(400, code, f"{param}: {message}"[:_LONGEST_MESSAGE], param=param)


def _unsupported(param: str) -> ApiError:
    message = f"{param}: this parameter is not supported"
    return ApiError(400, "unsupported_parameter", message, param=param)


def _code(kind: str) -> str:
    if kind in ("missing", "union_tag_not_found"):
        return "missing_required_parameter"
    if kind in ("unsupported_parameter", "invalid_type"):
        return kind
    return "invalid_type" if kind.endswith("_type") else "invalid_value"


def plain(words: str) -> str:
    """A caller's words as an error may repeat them: short, and of characters that can be sent."""
    return words[:_LONGEST_NAME].encode("utf-8", "replace").decode()


def _param(loc: tuple[int | str, ...], body: object) -> str:
    """The path of a field, such as ``messages[0].content``.

    Pydantic's places also name the branches of unions, which are nowhere in the body.
    """
    path = ""
    node = body
    for depth, key in enumerate(loc, 1):
        if isinstance(node, dict) and (key in node or depth == len(loc)):
            path, node = f"{path}.{key}", node.get(key)
        elif isinstance(node, list) and isinstance(key, int) and key < len(node):
            path, node = f"{path}[{key}]", node[key]
    return path.removeprefix(".")
