"""Models of requests to the OCR model; also their description in the OpenAPI schema.

A parameter of OpenAI's that has no meaning for the OCR model is refused like an unknown one, unless
its value is the one that changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from pipeline.config import TaskName
from pipeline.page_range import PageSelection
from serving.http.validation import Body, Text

# --- messages


class TextPart(Body):
    """Text."""

    type: Literal["text"]
    text: Text
    """The text."""


class RefusalPart(Body):
    """An assistant's refusal."""

    type: Literal["refusal"]
    refusal: Text
    """Its text."""


class ImageUrl(Body):
    """The address of an image."""

    url: Text
    """A data URI in base64, or an http(s) URL if the server may fetch from its host."""
    detail: Text | None = None
    """Accepted and ignored: every page is read at the resolution that the server is set to."""


class ImagePart(Body):
    """An image or a document."""

    type: Literal["image_url"]
    image_url: ImageUrl


class File(Body):
    """A document."""

    file_id: None = None
    """Not supported: the server stores no files."""
    file_data: Text
    """The document: a data URI in base64, or base64 alone."""
    filename: Text | None = None
    """Its name."""

    @field_validator("file_id", mode="before")
    @classmethod
    def _refuse_file_id(cls, value: object) -> None:
        if value is not None:
            raise PydanticCustomError(
                "unsupported_parameter", "the server stores no files; send file_data"
            )


class FilePart(Body):
    """A document."""

    type: Literal["file"]
    file: File


def _parts(content: object) -> object:
    """Content as a list of parts; a string becomes one part."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise PydanticCustomError("invalid_type", "must be a string or a list of parts")
    return content


def _parts_or_nothing(content: object) -> object:
    return [] if content is None else _parts(content)


_TextParts = list[TextPart]
_AssistantParts = list[Annotated[TextPart | RefusalPart, Field(discriminator="type")]]
_UserParts = list[Annotated[TextPart | ImagePart | FilePart, Field(discriminator="type")]]


class SystemMessage(Body):
    """An instruction. It is ignored: the OCR model takes only its own prompts."""

    role: Literal["system", "developer"]
    content: Annotated[
        _TextParts, FailFast(), BeforeValidator(_parts, json_schema_input_type=str | _TextParts)
    ]
    name: Text | None = None


class AssistantMessage(Body):
    """An earlier answer. It is ignored: the OCR model reads one page at a time."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["assistant"]
    content: Annotated[
        _AssistantParts,
        FailFast(),
        BeforeValidator(_parts_or_nothing, json_schema_input_type=str | _AssistantParts | None),
    ] = Field(default_factory=list)


class UserMessage(Body):
    """Images and documents, and the task in words. Only the last user message is used."""

    role: Literal["user"]
    content: Annotated[
        _UserParts, FailFast(), BeforeValidator(_parts, json_schema_input_type=str | _UserParts)
    ]
    name: Text | None = None


Message = Annotated[SystemMessage | AssistantMessage | UserMessage, Field(discriminator="role")]

# --- chat completions of the OCR model


class StreamOptions(Body):
    """Options of a stream."""

    include_usage: bool | None = None
    """End with a chunk that has the token counts."""
    include_obfuscation: bool | None = None
    """Accepted and ignored."""


_NEUTRAL: Final[dict[str, tuple[Any, ...]]] = {
    "n": (1,),
    "top_p": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "store": (False,),
    "service_tier": ("auto", "default"),
}
"""Parameters that have no meaning for the OCR model, and the values that change nothing."""


def _neutral(name: str) -> Any:
    return Field(default=None, json_schema_extra={"enum": list(_NEUTRAL[name])})


def _listed(stop: object) -> object:
    if isinstance(stop, str):
        return (stop,)
    return tuple(stop) if isinstance(stop, list) else stop


_StopString = Annotated[Text, Field(min_length=1)]


class ChatRequest(Body):
    """A chat completion of the OCR model: documents in the last user message, text as answer."""

    model: Text
    """The model's name."""
    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    """The conversation. Only its last user message is used; it must have an image or a document."""
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.0
    """Sampling temperature. The default is 0, other than in OpenAI's API."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Maximum tokens of each page (characters, for an engine without tokens)."""
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The newer name of `max_tokens`."""
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    """Seed of the sampling, for temperatures above 0."""
    stop: Annotated[
        tuple[_StopString, ...],
        Field(max_length=4),
        BeforeValidator(_listed, json_schema_input_type=str | list[_StopString]),
    ] = ()
    """Up to 4 strings at which the text of a page ends; they are not part of it."""
    stream: bool = False
    """Answer page by page, as server-sent events."""
    stream_options: StreamOptions | None = None
    """Options of a stream; only with `stream`."""

    user: Text | None = None
    """Accepted and ignored."""
    safety_identifier: Text | None = None
    """Accepted and ignored."""
    prompt_cache_key: Text | None = None
    """Accepted and ignored."""
    metadata: dict[str, Any] | None = None
    """Accepted and ignored."""
    parallel_tool_calls: bool | None = None
    """Accepted and ignored."""

    n: Any = _neutral("n")
    top_p: Any = _neutral("top_p")
    frequency_penalty: Any = _neutral("frequency_penalty")
    presence_penalty: Any = _neutral("presence_penalty")
    logprobs: Any = _neutral("logprobs")
    top_logprobs: Any = _neutral("top_logprobs")
    logit_bias: Any = _neutral("logit_bias")
    response_format: Any = _neutral("response_format")
    modalities: Any = _neutral("modalities")
    tools: Any = _neutral("tools")
    tool_choice: Any = _neutral("tool_choice")
    store: Any = _neutral("store")
    service_tier: Any = _neutral("service_tier")

    @field_validator(*_NEUTRAL)
    @classmethod
    def _is_neutral(cls, value: Any, info: ValidationInfo) -> Any:
        allowed = _NEUTRAL[str(info.field_name)]
        if not any(_equal(value, other) for other in allowed):
            raise PydanticCustomError(
                "unsupported_parameter",
                "only {allowed} is supported by the OCR model",
                {"allowed": " or ".join(map(repr, allowed))},
            )
        return value


def _equal(value: object, other: object) -> bool:
    """Equality in which 1 and True differ."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


# --- /v1/ocr


class OcrFields(Body):
    """Options for a document that is uploaded in the same form."""

    model: Text = ""
    """The model's name. Empty: the OCR model of the service."""
    pages: Text = ""
    """Pages, such as 1-3,7. Empty: all."""
    password: Annotated[Text, Field(repr=False)] = ""
    """Password of an encrypted PDF."""
    task: TaskName | None = None
    """The task of the model. Not together with `prompt`."""
    prompt: Text = ""
    """The task in words, or one of the model's own prompts."""

    @field_validator("pages")
    @classmethod
    def _pages_parse(cls, pages: str) -> str:
        PageSelection.parse(pages)
        return pages


class OcrRequest(OcrFields):
    """Read a document: one result for every page."""

    document: Text
    """The document: a data URI in base64, or an http(s) URL if its host may be fetched from."""
