"""What a request to the OCR model may say, as models that are checked and described to callers.

A parameter of OpenAI's that the OCR model has no use for is refused like one that is not known,
unless its value is the one that changes nothing.
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
from serving.ocr.validation import Body, Words

# --- messages


class TextPart(Body):
    """Words."""

    type: Literal["text"]
    text: Words
    """The words."""


class RefusalPart(Body):
    """Words by which an assistant refused."""

    type: Literal["refusal"]
    refusal: Words
    """The words."""


class ImageUrl(Body):
    """Where a picture is."""

    url: Words
    """A data URI in base64, or an http(s) address if the server fetches from its host."""
    detail: Words | None = None
    """Read and not used: the model sees all it can of every page."""


class ImagePart(Body):
    """A picture or a document."""

    type: Literal["image_url"]
    image_url: ImageUrl


class File(Body):
    """A document."""

    file_id: None = None
    """Not supported: nothing is stored here."""
    file_data: Words
    """The document: a data URI in base64, or base64 alone."""
    filename: Words | None = None
    """Its name."""

    @field_validator("file_id", mode="before")
    @classmethod
    def _nothing_is_stored(cls, value: object) -> None:
        if value is not None:
            raise PydanticCustomError(
                "unsupported_parameter", "no files are stored here; send file_data"
            )


class FilePart(Body):
    """A document."""

    type: Literal["file"]
    file: File


def _parts(content: object) -> object:
    """Content as parts, also where it is a string."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise PydanticCustomError("invalid_type", "must be a string or a list of parts")
    return content


def _parts_or_nothing(content: object) -> object:
    return [] if content is None else _parts(content)


_Text = list[TextPart]
_Said = list[Annotated[TextPart | RefusalPart, Field(discriminator="type")]]
_Shown = list[Annotated[TextPart | ImagePart | FilePart, Field(discriminator="type")]]


class SystemMessage(Body):
    """An instruction. It is not read: the OCR model knows its own prompts alone."""

    role: Literal["system", "developer"]
    content: Annotated[
        _Text, FailFast(), BeforeValidator(_parts, json_schema_input_type=str | _Text)
    ]
    name: Words | None = None


class AssistantMessage(Body):
    """An earlier answer. It is not read: the OCR model has no memory."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["assistant"]
    content: Annotated[
        _Said,
        FailFast(),
        BeforeValidator(_parts_or_nothing, json_schema_input_type=str | _Said | None),
    ] = Field(default_factory=list)


class UserMessage(Body):
    """Pictures and documents, and what is wanted of them. Only the last one is read."""

    role: Literal["user"]
    content: Annotated[
        _Shown, FailFast(), BeforeValidator(_parts, json_schema_input_type=str | _Shown)
    ]
    name: Words | None = None


Message = Annotated[SystemMessage | AssistantMessage | UserMessage, Field(discriminator="role")]

# --- chat completions of the OCR model


class StreamOptions(Body):
    """What a stream holds."""

    include_usage: bool | None = None
    """End with a chunk that counts tokens."""
    include_obfuscation: bool | None = None
    """Read and not used."""


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
"""Parameters of OpenAI's that the OCR model has no use for, and the values that ask for nothing."""


def _neutral(name: str) -> Any:
    return Field(default=None, json_schema_extra={"enum": list(_NEUTRAL[name])})


def _listed(stop: object) -> object:
    if isinstance(stop, str):
        return (stop,)
    return tuple(stop) if isinstance(stop, list) else stop


_StopString = Annotated[Words, Field(min_length=1)]


class ChatRequest(Body):
    """A chat completion of the OCR model: pages in the last user message, their text as answer."""

    model: Words
    """The model's name."""
    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    """The conversation. Only its last user message is read, and it must hold a page."""
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.0
    """0 reads what is there. Unlike with OpenAI, 0 is the default."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens of each page (an engine without tokens counts characters)."""
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The same under its newer name."""
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    """Makes answers above temperature 0 repeatable."""
    stop: Annotated[
        tuple[_StopString, ...],
        Field(max_length=4),
        BeforeValidator(_listed, json_schema_input_type=str | list[_StopString]),
    ] = ()
    """Strings that end a page's answer, which does not contain them; up to 4."""
    stream: bool = False
    """Answer page by page, as server-sent events."""
    stream_options: StreamOptions | None = None
    """What a stream holds; only with `stream`."""

    user: Words | None = None
    """Read and not used."""
    safety_identifier: Words | None = None
    """Read and not used."""
    prompt_cache_key: Words | None = None
    """Read and not used."""
    metadata: dict[str, Any] | None = None
    """Read and not used."""
    parallel_tool_calls: bool | None = None
    """Read and not used."""

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
    def _asks_for_nothing(cls, value: Any, info: ValidationInfo) -> Any:
        allowed = _NEUTRAL[str(info.field_name)]
        if not any(_equal(value, other) for other in allowed):
            raise PydanticCustomError(
                "unsupported_parameter",
                "only {allowed} is supported by the OCR model",
                {"allowed": " or ".join(map(repr, allowed))},
            )
        return value


def _equal(value: object, other: object) -> bool:
    """Equality that tells 1 from True."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


# --- /v1/ocr


class OcrFields(Body):
    """What is wanted of a document that is sent beside these fields."""

    model: Words = ""
    """The model's name. Empty: the OCR model that is served."""
    pages: Words = ""
    """Pages, such as 1-3,7. Empty: all."""
    password: Annotated[Words, Field(repr=False)] = ""
    """Password of an encrypted PDF."""
    task: TaskName | None = None
    """What the model is asked for. Not together with `prompt`."""
    prompt: Words = ""
    """The same in words, or one of the model's own prompts."""

    @field_validator("pages")
    @classmethod
    def _pages_parse(cls, pages: str) -> str:
        PageSelection.parse(pages)
        return pages


class OcrRequest(OcrFields):
    """Read a document: one result for every page."""

    document: Words
    """The document: a data URI in base64, or an http(s) address if the server fetches from it."""
