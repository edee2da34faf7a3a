"""Chat completions of the OCR model, whole or streamed, and the list of models. Pure.

One page is one generation: `max_tokens` and `stop` apply to each page, and the usage is the sum
over the pages. For an engine without tokens the characters of the text are counted, and no prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from pipeline.engines.deepseek_ocr import grounded, prompts
from pipeline.recognition import answer
from pipeline.types import FinishReason, Generation, Recognition, Status
from serving.errors import of_kind

NumberedPage = tuple[int, Recognition]
"""A page's number over all documents of the request, from 1, and its result."""

_Reason = Literal["stop", "length"]
_DONE: Final = "data: [DONE]\n\n"
_OWNER: Final = "rayscribe"


@dataclass(frozen=True, slots=True)
class CompletionHeader:
    """The fields that the answer and each of its chunks start with.

    Attributes:
        id: The answer's id.
        created: Unix time of the request, seconds.
        model: The model's name.
    """

    id: str
    created: int
    model: str


def bounded(recognition: Recognition, max_tokens: int | None, stop: Sequence[str]) -> Recognition:
    """Apply `max_tokens` and `stop` of a request to a page's text.

    For engines that have neither; vLLM applies both itself. A text that is cut has no blocks, which
    would have the whole text.

    Args:
        recognition: The page as the engine read it.
        max_tokens: Maximum characters of the text, None for no limit.
        stop: Strings at which the text ends; they are not part of it.
    """
    text, reason = recognition.text, None
    ends = [place for string in stop if (place := text.find(string)) >= 0]
    if ends:
        text, reason = text[: min(ends)], FinishReason.STOP
    if max_tokens is not None and len(text) > max_tokens:
        text, reason = text[:max_tokens], FinishReason.LENGTH
    if reason is None:
        return recognition
    generation = replace(recognition.generation or Generation(), finish_reason=reason)
    status = answer.status(generation, text)
    return replace(recognition, status=status, text=text, blocks=(), generation=generation)


def raise_if_all_failed(pages: Sequence[NumberedPage]) -> None:
    """Raise the first page's error where no page was read.

    Raises:
        ApiError: By the kind of that error.
    """
    failures = [recognition.failure for _, recognition in pages]
    first = failures[0]
    if first is not None and all(failures):
        raise of_kind(first.kind, first.message, "messages")


def as_asked(recognition: Recognition, prompt: str, width_px: int, height_px: int) -> Recognition:
    """A page's text with labels and boxes, where the caller's prompt asks for DeepSeek's grammar.

    Args:
        recognition: The page. One without blocks keeps its text.
        prompt: The prompt of the request.
        width_px: Width of the page's image.
        height_px: Its height.
    """
    if not (prompts.asks_for_boxes(prompt) and recognition.blocks):
        return recognition
    return replace(recognition, text=grounded.write(recognition.blocks, width_px, height_px))


def join(pages: Iterable[NumberedPage], separator: str) -> str:
    """Join the texts of pages.

    Args:
        pages: The pages, in their order.
        separator: Text between two pages; {page} is the number of the second.
    """
    texts = (page_text(page, separator, first=not index) for index, page in enumerate(pages))
    return "".join(texts)


def page_text(page: NumberedPage, separator: str, *, first: bool) -> str:
    """The text of a page with its separator; for a failed page a comment with its error.

    Args:
        page: The page.
        separator: Text between two pages; {page} is the number of the second.
        first: Whether there is no page before it.
    """
    number, recognition = page
    text = recognition.text
    if failure := recognition.failure:
        text = f"<!-- page {number} failed: {failure.kind}: {_comment(failure.message)} -->"
    return text if first else separator.format(page=number) + text


def _comment(message: str) -> str:
    """A message without the characters that end an HTML comment."""
    line = re.sub("--+", "-", " ".join(message.split()))
    return line.replace(">", "&gt;").encode("utf-8", "replace").decode()


def usage(pages: Iterable[NumberedPage]) -> CompletionUsage:
    """The tokens of all pages: of their prompts with the images, and of their answers."""
    counts = [_tokens(recognition) for _, recognition in pages]
    prompt, completion = (sum(count[side] for count in counts) for side in (0, 1))
    return CompletionUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


def _tokens(recognition: Recognition) -> tuple[int, int]:
    generation = recognition.generation
    if generation is None or generation.output_tokens is None:
        return 0, len(recognition.text)
    return generation.prompt_tokens or 0, generation.output_tokens


def _finish_reason(pages: Iterable[NumberedPage]) -> _Reason:
    cut = any(recognition.status is Status.TRUNCATED for _, recognition in pages)
    return "length" if cut else "stop"


def completion(
    header: CompletionHeader, pages: Sequence[NumberedPage], separator: str
) -> ChatCompletion:
    """The whole answer.

    Args:
        header: Its first fields.
        pages: The pages, in their order.
        separator: Text between two pages; {page} is the number of the second.
    """
    message = ChatCompletionMessage(role="assistant", content=join(pages, separator))
    choice = Choice(index=0, message=message, finish_reason=_finish_reason(pages), logprobs=None)
    return ChatCompletion(
        id=header.id,
        created=header.created,
        model=header.model,
        object="chat.completion",
        choices=[choice],
        usage=usage(pages),
    )


class ChatStream:
    """The answer as server-sent events, a page at a time: `start`, `page`, ..., `end`.

    Each method returns whole events.

    Args:
        header: The first fields of each chunk.
        separator: Text between two pages; {page} is the number of the second.
        include_usage: End with a chunk that has the token counts; `usage` of all others is null.
    """

    def __init__(self, header: CompletionHeader, separator: str, include_usage: bool) -> None:
        self._header = header
        self._separator = separator
        self._include_usage = include_usage
        self._pages: list[NumberedPage] = []

    def start(self) -> str:
        """The first chunk: the role."""
        return self._choice(ChoiceDelta(role="assistant", content=""))

    def page(self, page: NumberedPage) -> str:
        """The chunk of a page. Call it in the order of the pages."""
        text = page_text(page, self._separator, first=not self._pages)
        self._pages.append(page)
        return self._choice(ChoiceDelta(content=text))

    def end(self) -> str:
        """The chunk with the finish reason, the usage if requested, and `[DONE]`."""
        events = self._choice(ChoiceDelta(), _finish_reason(self._pages))
        if self._include_usage:
            events += self._chunk([], usage(self._pages))
        return events + _DONE

    def _choice(self, delta: ChoiceDelta, reason: _Reason | None = None) -> str:
        return self._chunk([ChunkChoice(index=0, delta=delta, finish_reason=reason)])

    def _chunk(self, choices: list[ChunkChoice], counts: CompletionUsage | None = None) -> str:
        chunk = ChatCompletionChunk(
            id=self._header.id,
            created=self._header.created,
            model=self._header.model,
            object="chat.completion.chunk",
            choices=choices,
        )
        if self._include_usage:
            chunk.usage = counts
        return f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n"


def models(names: Iterable[str], created: int) -> dict[str, Any]:
    """The list of models.

    Args:
        names: Their names in requests.
        created: Unix time at which the service was started, seconds.
    """
    return {"object": "list", "data": [model(name, created).model_dump() for name in names]}


def model(name: str, created: int) -> Model:
    """One entry of the list of models."""
    return Model(id=name, created=created, object="model", owned_by=_OWNER)
