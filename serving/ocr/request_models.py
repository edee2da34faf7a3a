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
from pipeline.engines.deepseek_ocr.model import WHITELIST_IDS
from pipeline.page_range import PageSelection
from serving.http.validation import Body, Text
from serving.ocr.page_extras import parse_include

MAX_NGRAM_SIZE: Final = 64
MAX_NGRAM_WINDOW: Final = 1024
"""Size times window is compared for all pages of a step at a time, a byte each: 30 MB for 512 pages
at these limits, which one request sets for all."""

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
    uuid: Text | None = None
    """Accepted and ignored: vLLM's name for an image in its cache."""


class File(Body):
    """A document."""

    file_id: None = None
    """Not supported: files that are kept are the lines of batches."""
    file_data: Text
    """The document: a data URI in base64, or base64 alone."""
    filename: Text | None = None
    """Its name."""

    @field_validator("file_id", mode="before")
    @classmethod
    def _refuse_file_id(cls, value: object) -> None:
        if value is not None:
            raise PydanticCustomError(
                "unsupported_parameter", "documents are not read from kept files; send file_data"
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
    """Images and documents, and the task in words.

    The task of the last user message is used, and the documents of the last one that has any.
    """

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
    continuous_usage_stats: bool | None = None
    """Accepted and ignored: vLLM's option for token counts in every chunk."""


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
    "functions": ([],),
    "function_call": ("none", "auto"),
    # vLLM's own.
    "top_k": (-1, 0),
    "min_p": (0,),
    "min_tokens": (0,),
    "repetition_penalty": (1,),
    "length_penalty": (1,),
    "use_beam_search": (False,),
    "ignore_eos": (False,),
    "stop_token_ids": ([],),
    "include_stop_str_in_output": (False,),
    # Labels and boxes are in an answer where the prompt asks for them; docling sends True with it.
    "skip_special_tokens": (False, True),
    "echo": (False,),
    "add_generation_prompt": (True,),
}
"""Parameters that have no meaning for the OCR model, and the values that change nothing."""


def _neutral(name: str) -> Any:
    return Field(default=None, json_schema_extra={"enum": list(_NEUTRAL[name])})


def _listed(stop: object) -> object:
    if isinstance(stop, str):
        return (stop,)
    return tuple(stop) if isinstance(stop, list) else stop


_StopString = Annotated[Text, Field(min_length=1)]


class VllmArgs(Body):
    """The arguments of DeepSeek-OCR's rule against repetition, by the names of vLLM's clients.

    Without effect on an engine that does not write tokens.
    """

    ngram_size: Annotated[int, Field(ge=2, le=MAX_NGRAM_SIZE)] | None = None
    """Tokens of a sequence that may not be repeated within the window."""
    window_size: Annotated[int, Field(ge=2, le=MAX_NGRAM_WINDOW)] | None = None
    """Tokens that are searched for it."""
    whitelist_token_ids: Annotated[list[int], Field(max_length=16)] | None = None
    """Tokens that may repeat: those of empty table cells (128821, 128822), or none."""

    @field_validator("whitelist_token_ids")
    @classmethod
    def _is_cells(cls, ids: list[int] | None) -> list[int] | None:
        if ids and set(ids) != set(WHITELIST_IDS):
            raise PydanticCustomError(
                "unsupported_parameter",
                "only {allowed} or [] is supported",
                {"allowed": repr(list(WHITELIST_IDS))},
            )
        return ids


class ChatRequest(Body):
    """A chat completion of the OCR model: documents in a user message, text as answer."""

    model: Text
    """The model's name."""
    messages: Annotated[list[Message], Field(min_length=1), FailFast()]
    """The conversation. The task is that of its last user message; the documents are those of the
    last one that has any."""
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

    vllm_xargs: VllmArgs | None = None
    """The rule against repetition, where it is to differ from the service's."""

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
    functions: Any = _neutral("functions")
    function_call: Any = _neutral("function_call")
    top_k: Any = _neutral("top_k")
    min_p: Any = _neutral("min_p")
    min_tokens: Any = _neutral("min_tokens")
    repetition_penalty: Any = _neutral("repetition_penalty")
    length_penalty: Any = _neutral("length_penalty")
    use_beam_search: Any = _neutral("use_beam_search")
    ignore_eos: Any = _neutral("ignore_eos")
    stop_token_ids: Any = _neutral("stop_token_ids")
    include_stop_str_in_output: Any = _neutral("include_stop_str_in_output")
    skip_special_tokens: Any = _neutral("skip_special_tokens")
    echo: Any = _neutral("echo")
    add_generation_prompt: Any = _neutral("add_generation_prompt")

    @field_validator(*_NEUTRAL)
    @classmethod
    def _is_neutral(cls, value: Any, info: ValidationInfo) -> Any:
        allowed = _NEUTRAL[str(info.field_name)]
        if info.field_name == "response_format" and value != {"type": "text"}:
            raise PydanticCustomError(
                "unsupported_parameter",
                "the OCR model writes text, not JSON of your schema; /v1/ocr gives each page as"
                " JSON with its blocks and boxes",
            )
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

    include: Text = ""
    """What a page is to have beside its text: html, image, or both with a comma between."""

    @field_validator("include")
    @classmethod
    def _include_is_known(cls, include: str) -> str:
        parse_include(include)
        return include

    @field_validator("pages")
    @classmethod
    def _pages_parse(cls, pages: str) -> str:
        PageSelection.parse(pages)
        return pages


class OcrRequest(OcrFields):
    """Read a document: one result for every page."""

    document: Text
    """The document: a data URI in base64, or an http(s) URL if its host may be fetched from."""
