"""Answers of the OCR model in OpenAI's shape: whole, as a stream, and the list of models. Pure.

One page is one generation. `max_tokens` and `stop` bound each page's answer, and the usage is the
sum over the pages. An engine without tokens is counted in characters of its text, its prompt as
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from pipeline.recognition import answer
from pipeline.types import FinishReason, Generation, Recognition, Status
from serving.errors import ApiError

Page = tuple[int, Recognition]
"""A page's number and what was read on it."""

_Reason = Literal["stop", "length"]
_DONE: Final = "data: [DONE]\n\n"
_OWNER: Final = "rayscribe"


@dataclass(frozen=True, slots=True)
class Head:
    """What the answer and every chunk of it start with.

    Attributes:
        id: The answer's id.
        created: Unix time of the request, seconds.
        model: The model's name, as the request gave it.
    """

    id: str
    created: int
    model: str


def bounded(recognition: Recognition, max_tokens: int | None, stop: Sequence[str]) -> Recognition:
    """What is left of a page under the bounds of a request.

    For engines that know neither tokens nor stop strings; vLLM keeps both by itself. Blocks say
    what the text says, so a text that is cut has none.

    Args:
        recognition: The page as the engine read it.
        max_tokens: The most characters of the text, None for any number.
        stop: Strings that end the text, which does not contain them.
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


def join(pages: Iterable[Page], separator: str) -> str:
    """The text of pages, as one.

    Args:
        pages: The pages, in their order.
        separator: Stands between two pages; {page} is the number of the second.
    """
    texts = (_text(page, separator, first=not index) for index, page in enumerate(pages))
    return "".join(texts)


def _text(page: Page, separator: str, *, first: bool) -> str:
    """What a page adds to an answer: its text, or a comment on why there is none."""
    number, recognition = page
    text = recognition.text
    if failure := recognition.failure:
        text = f"<!-- page {number} failed: {failure.kind}: {_comment(failure.message)} -->"
    return text if first else separator.format(page=number) + text


def _comment(message: str) -> str:
    """A message that cannot end the HTML comment that it stands in."""
    line = re.sub("--+", "-", " ".join(message.split()))
    return line.replace(">", "&gt;").encode("utf-8", "replace").decode()


def usage(pages: Iterable[Page]) -> CompletionUsage:
    """Tokens of pages: of their prompts with the pictures, and of their answers."""
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


def _finish_reason(pages: Iterable[Page]) -> _Reason:
    cut = any(recognition.status is Status.TRUNCATED for _, recognition in pages)
    return "length" if cut else "stop"


def completion(head: Head, pages: Sequence[Page], separator: str) -> ChatCompletion:
    """The whole answer.

    Args:
        head: What it starts with.
        pages: The pages, in their order.
        separator: Stands between two pages; {page} is the number of the second.
    """
    message = ChatCompletionMessage(role="assistant", content=join(pages, separator))
    choice = Choice(index=0, message=message, finish_reason=_finish_reason(pages), logprobs=None)
    return ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        object="chat.completion",
        choices=[choice],
        usage=usage(pages),
    )


class ChatStream:
    """The answer as server-sent events, a page at a time: `start`, `page`, ..., `end`.

    Each returns whole events. A stream that breaks gets `error_event` in place of `end`.

    Args:
        head: What each chunk starts with.
        separator: Stands between two pages; {page} is the number of the second.
        include_usage: End with a chunk that counts tokens; the others then say that they do not.
    """

    def __init__(self, head: Head, separator: str, include_usage: bool) -> None:
        self._head = head
        self._separator = separator
        self._include_usage = include_usage
        self._pages: list[Page] = []

    def start(self) -> str:
        """The first chunk: who speaks."""
        return self._choice(ChoiceDelta(role="assistant", content=""))

    def page(self, page: Page) -> str:
        """The chunk of a page, to be given in their order."""
        text = _text(page, self._separator, first=not self._pages)
        self._pages.append(page)
        return self._choice(ChoiceDelta(content=text))

    def end(self) -> str:
        """The chunk with the reason of the end, the usage if it is wanted, and the end's mark."""
        events = self._choice(ChoiceDelta(), _finish_reason(self._pages))
        if self._include_usage:
            events += self._chunk([], usage(self._pages))
        return events + _DONE

    def _choice(self, delta: ChoiceDelta, reason: _Reason | None = None) -> str:
        return self._chunk([ChunkChoice(index=0, delta=delta, finish_reason=reason)])

    def _chunk(self, choices: list[ChunkChoice], counts: CompletionUsage | None = None) -> str:
        chunk = ChatCompletionChunk(
            id=self._head.id,
            created=self._head.created,
            model=self._head.model,
            object="chat.completion.chunk",
            choices=choices,
        )
        if self._include_usage:
            chunk.usage = counts
        return f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n"


def error_event(error: ApiError) -> str:
    """The last event of a stream that broke after it began: no mark of an end follows it."""
    return f"data: {json.dumps(error.body())}\n\n"


def models(names: Iterable[str], created: int) -> dict[str, Any]:
    """The list of models.

    Args:
        names: Their names in requests.
        created: Unix time since when they are served, seconds.
    """
    return {"object": "list", "data": [model(name, created).model_dump() for name in names]}


def model(name: str, created: int) -> Model:
    """One entry of the list of models."""
    return Model(id=name, created=created, object="model", owned_by=_OWNER)
