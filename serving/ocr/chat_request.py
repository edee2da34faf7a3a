"""Parses requests to the OCR model: chat completions, and `/v1/ocr`. Pure.

`serving.ocr.request_models` has the models of the bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.page_range import PageSelection
from pipeline.types import Sampling, Task
from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http.validation import parsed
from serving.ocr.page_extras import Extra, parse_include
from serving.ocr.request_models import (
    ChatRequest,
    FilePart,
    ImagePart,
    OcrFields,
    OcrRequest,
    RefusalPart,
    TextPart,
    UserMessage,
    VllmArgs,
)
from serving.ocr.uploads import Upload, from_base64, from_uri


@dataclass(frozen=True, slots=True)
class ParsedChatRequest:
    """A chat completion of the OCR model.

    Attributes:
        model: The model's name in the request.
        uploads: Images and documents, in their order; at least one.
        prompt: The text of the last user message, "" where it has none.
        max_tokens: Maximum tokens of each page (one page is one generation), or None.
        sampling: How tokens are sampled.
        stream: Whether the answer is streamed page by page.
        include_usage: Whether a stream ends with the token counts.
    """

    model: str
    uploads: tuple[Upload, ...]
    prompt: str
    max_tokens: int | None
    sampling: Sampling
    stream: bool
    include_usage: bool


@dataclass(frozen=True, slots=True)
class ParsedOcrRequest:
    """A request to `/v1/ocr`.

    Attributes:
        model: The model's name in the request, "" where it has none.
        document: The document.
        pages: The pages that are requested.
        password: For an encrypted PDF, "" where there is none.
        task: The task, None where the request does not name one.
        prompt: The task in words, "" where there is no prompt.
        include: What pages are to have beside their text.
    """

    model: str
    document: Upload
    pages: PageSelection
    password: str = field(repr=False)
    task: Task | None
    prompt: str
    include: frozenset[Extra] = frozenset()


def parse_chat(body: object, limits: LimitConfig) -> ParsedChatRequest:
    """Parse a chat completion of the OCR model.

    The task is that of the last user message, the documents those of the last user message that
    has any: the model takes neither instructions nor a conversation. All other messages are
    validated and count towards `limits.prompt_chars`, and are ignored otherwise; their images are
    neither decoded nor fetched.

    Args:
        body: The body of the request, any parsed JSON.
        limits: `images` and `prompt_chars` are used.

    Raises:
        ApiError: 400: not a valid request, or without an image or document; 413: over a limit;
            415: a media type that is not supported.
    """
    request = parsed(ChatRequest, body)
    _check_characters(sum(map(len, _texts(request))), limits)
    prompt = _prompt(_user_messages(request)[-1][1])
    index, message = _last_with_document(request)
    param = f"messages[{index}].content"
    count = sum(not isinstance(part, TextPart) for part in message.content)
    if count > limits.images:
        text = f"{count} images and documents in one request; {limits.images} are allowed"
        raise ApiError(413, "too_many_images", text, param=param)
    return ParsedChatRequest(
        model=request.model,
        uploads=_uploads(message, param),
        prompt=prompt,
        max_tokens=_max_tokens(request),
        sampling=_sampling(request),
        stream=request.stream,
        include_usage=_include_usage(request),
    )


def parse_ocr(body: object, limits: LimitConfig, upload: Upload | None = None) -> ParsedOcrRequest:
    """Parse a request to `/v1/ocr`.

    Args:
        body: The JSON of the request, or the fields of the form.
        limits: `prompt_chars` is used.
        upload: The document of the form; None where the body is JSON.

    Raises:
        ApiError: As `parse_chat`.
    """
    fields = parsed(OcrRequest, body) if upload is None else parsed(OcrFields, body)
    _check_characters(len(fields.prompt), limits)
    if fields.task and fields.prompt:
        text = "task and prompt have the same meaning: send one of them"
        raise ApiError(400, "invalid_value", text, param="prompt")
    return ParsedOcrRequest(
        model=fields.model,
        document=upload or from_uri(getattr(fields, "document", ""), "document"),
        pages=PageSelection.parse(fields.pages),
        password=fields.password,
        task=Task(fields.task) if fields.task else None,
        prompt=fields.prompt,
        include=parse_include(fields.include),
    )


def _texts(request: ChatRequest) -> list[str]:
    parts = [part for message in request.messages for part in message.content]
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    return texts + [part.refusal for part in parts if isinstance(part, RefusalPart)]


def _check_characters(count: int, limits: LimitConfig) -> None:
    if count > limits.prompt_chars:
        text = f"{count} characters in one request; {limits.prompt_chars} are allowed"
        raise ApiError(413, "prompt_too_long", text)


def _user_messages(request: ChatRequest) -> list[tuple[int, UserMessage]]:
    found = [
        (index, message)
        for index, message in enumerate(request.messages)
        if isinstance(message, UserMessage)
    ]
    if not found:
        raise ApiError(400, "invalid_value", "there is no user message", param="messages")
    return found


def _last_with_document(request: ChatRequest) -> tuple[int, UserMessage]:
    """The last user message that has an image or a document: a follow-up refers to that one."""
    messages = _user_messages(request)
    for index, message in reversed(messages):
        if any(not isinstance(part, TextPart) for part in message.content):
            return index, message
    text = "no user message has an image or document: send an image_url or a file part"
    raise ApiError(400, "image_missing", text, param=f"messages[{messages[-1][0]}].content")


def _prompt(message: UserMessage) -> str:
    return "\n".join(part.text for part in message.content if isinstance(part, TextPart))


def _uploads(message: UserMessage, param: str) -> tuple[Upload, ...]:
    found: list[Upload] = []
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


def _sampling(request: ChatRequest) -> Sampling:
    rule = request.vllm_xargs or VllmArgs()
    return Sampling(
        request.temperature,
        request.seed,
        request.stop,
        ngram_size=rule.ngram_size or 0,
        ngram_window=rule.window_size or 0,
        cells_repeat=rule.whitelist_token_ids != [],
    )


def _max_tokens(request: ChatRequest) -> int | None:
    old, new = request.max_tokens, request.max_completion_tokens
    if old and new and old != new:
        text = "max_tokens and max_completion_tokens differ: send one of them"
        raise ApiError(400, "invalid_value", text, param="max_tokens")
    return new or old


def _include_usage(request: ChatRequest) -> bool:
    options = request.stream_options
    if options and not request.stream:
        text = "stream_options only go with stream"
        raise ApiError(400, "invalid_value", text, param="stream_options")
    return bool(options and options.include_usage)
