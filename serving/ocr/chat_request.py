"""Requests to the OCR model, from OpenAI's shape to what is to be read. Pure.

`serving.ocr.request_models` has the shapes, `serving.ocr.chat_response` the way back,
`serving.ocr.document_response` the answers of `/v1/ocr`, and `serving.chat.allowed_fields` what may
go on to the chat model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.page_range import PageSelection
from pipeline.types import Sampling, Task
from serving.config import LimitConfig
from serving.errors import ApiError
from serving.ocr.request_models import (
    ChatRequest,
    FilePart,
    ImagePart,
    OcrFields,
    OcrRequest,
    RefusalPart,
    TextPart,
    UserMessage,
)
from serving.ocr.uploads import Attachment, from_base64, from_uri
from serving.ocr.validation import parsed


@dataclass(frozen=True, slots=True)
class ChatAsk:
    """A chat completion that is asked of the OCR model.

    Attributes:
        model: The name that the request gives.
        parts: Pictures and documents, in their order; at least one.
        prompt: What is wanted of them in the caller's words, "" where nothing is said.
        max_tokens: The most tokens of each page's answer (one page is one generation), or None.
        sampling: How tokens are picked.
        stream: Whether the answer comes page by page.
        include_usage: Whether a stream ends with its usage.
    """

    model: str
    parts: tuple[Attachment, ...]
    prompt: str
    max_tokens: int | None
    sampling: Sampling
    stream: bool
    include_usage: bool


@dataclass(frozen=True, slots=True)
class OcrAsk:
    """A document that is to be read for `/v1/ocr`.

    Attributes:
        model: The name that the request gives, "" where it gives none.
        document: The document.
        pages: Which of its pages are wanted.
        password: Opens it, "" where none is needed.
        task: What is asked for, None where the request does not say so by a name.
        prompt: The same in words, "" where nothing is said.
    """

    model: str
    document: Attachment
    pages: PageSelection
    password: str = field(repr=False)
    task: Task | None
    prompt: str


def parse_chat(body: object, limits: LimitConfig) -> ChatAsk:
    """What a chat completion asks of the OCR model.

    Only the last user message is read: the model has no memory and no instructions. System,
    developer and assistant messages and earlier user messages must have their shape, count
    towards `limits.prompt_chars`, and are ignored otherwise; their pages are neither decoded nor
    fetched.

    Args:
        body: The body of the request, any parsed JSON.
        limits: What one request may ask for.

    Raises:
        ApiError: 400: not a request, nothing to read, or something that is not supported;
            413: over a limit; 415: a kind of document that is not read here.
    """
    request = parsed(ChatRequest, body)
    _check_characters(sum(map(len, _texts(request))), limits)
    index, message = _last_user(request)
    param = f"messages[{index}].content"
    shown = [part for part in message.content if not isinstance(part, TextPart)]
    if not shown:
        said = "the last user message holds no page: send an image_url or a file part"
        raise ApiError(400, "image_missing", said, param=param)
    if len(shown) > limits.images:
        said = f"{len(shown)} images and documents in one request; {limits.images} are allowed"
        raise ApiError(413, "too_many_images", said, param=param)
    return ChatAsk(
        model=request.model,
        parts=_attachments(message, param),
        prompt="\n".join(part.text for part in message.content if isinstance(part, TextPart)),
        max_tokens=_max_tokens(request),
        sampling=Sampling(request.temperature, request.seed, request.stop),
        stream=request.stream,
        include_usage=_include_usage(request),
    )


def parse_ocr(body: object, limits: LimitConfig, upload: Attachment | None = None) -> OcrAsk:
    """What a request to `/v1/ocr` asks for.

    Args:
        body: The JSON of the request, or the fields of the form that the document came with.
        limits: What one request may ask for.
        upload: The document of the form; None where the JSON holds it.

    Raises:
        ApiError: As `parse_chat`.
    """
    fields = parsed(OcrRequest, body) if upload is None else parsed(OcrFields, body)
    _check_characters(len(fields.prompt), limits)
    if fields.task and fields.prompt:
        said = "task and prompt say the same thing: send one of them"
        raise ApiError(400, "invalid_value", said, param="prompt")
    return OcrAsk(
        model=fields.model,
        document=upload or from_uri(getattr(fields, "document", ""), "document"),
        pages=PageSelection.parse(fields.pages),
        password=fields.password,
        task=Task(fields.task) if fields.task else None,
        prompt=fields.prompt,
    )


def _texts(request: ChatRequest) -> list[str]:
    parts = [part for message in request.messages for part in message.content]
    said = [part.text for part in parts if isinstance(part, TextPart)]
    return said + [part.refusal for part in parts if isinstance(part, RefusalPart)]


def _check_characters(count: int, limits: LimitConfig) -> None:
    if count > limits.prompt_chars:
        said = f"{count} characters in one request; {limits.prompt_chars} are allowed"
        raise ApiError(413, "prompt_too_long", said)


def _last_user(request: ChatRequest) -> tuple[int, UserMessage]:
    for index in reversed(range(len(request.messages))):
        message = request.messages[index]
        if isinstance(message, UserMessage):
            return index, message
    raise ApiError(400, "invalid_value", "there is no user message", param="messages")


def _attachments(message: UserMessage, param: str) -> tuple[Attachment, ...]:
    found: list[Attachment] = []
    for index, part in enumerate(message.content):
        place = f"{param}[{index}]"
        if isinstance(part, ImagePart):
            found.append(from_uri(part.image_url.url, f"{place}.image_url.url"))
        if isinstance(part, FilePart):
            file = part.file
            found.append(
                from_base64(file.file_data, f"{place}.file.file_data", file.filename or "")
            )
    return tuple(found)


def _max_tokens(request: ChatRequest) -> int | None:
    old, new = request.max_tokens, request.max_completion_tokens
    if old and new and old != new:
        said = "max_tokens and max_completion_tokens differ: send one of them"
        raise ApiError(400, "invalid_value", said, param="max_tokens")
    return new or old


def _include_usage(request: ChatRequest) -> bool:
    options = request.stream_options
    if options and not request.stream:
        said = "stream_options only go with stream"
        raise ApiError(400, "invalid_value", said, param="stream_options")
    return bool(options and options.include_usage)
