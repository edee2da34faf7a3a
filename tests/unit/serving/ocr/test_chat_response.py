"""Answers of the OCR model in OpenAI's shape."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from pipeline.errors import ErrorKind
from pipeline.recognition.recognise import failed
from pipeline.types import Block, FinishReason, Generation, Recognition, Status
from serving.config import OcrModelConfig
from serving.ocr import chat_response
from serving.ocr.chat_response import (
    ChatStream,
    CompletionHeader,
    NumberedPage,
    bounded,
    completion,
    join,
)
from tests.support.strategies import recognitions

HEADER = CompletionHeader("chatcmpl-1", 1_700_000_000, "pp-ocrv6")
SEPARATOR = OcrModelConfig().page_separator


def read(text: str, **counts: Any) -> Recognition:
    return Recognition(Status.OK, text, generation=Generation(**counts))


def events(text: str) -> list[str]:
    """The data of a stream's events; anything else in the stream fails."""
    assert text.endswith("\n\n")
    lines = text.removesuffix("\n\n").split("\n\n")
    assert all(line.startswith("data: ") and "\n" not in line for line in lines)
    return [line.removeprefix("data: ") for line in lines]


def streamed(pages: list[NumberedPage], include_usage: bool) -> list[str]:
    stream = ChatStream(HEADER, SEPARATOR, include_usage)
    return events(stream.start() + "".join(map(stream.page, pages)) + stream.end())


def test_separators_stand_between_pages() -> None:
    pages = [(3, read("a")), (5, read("")), (7, read("c"))]
    assert join(pages, "<{page}>") == "a<5><7>c"
    assert join([(3, read("a"))], SEPARATOR) == "a"
    assert join(pages[:2], SEPARATOR) == "a\n\n<!-- page 5 -->\n\n"
    assert join([], SEPARATOR) == ""


def test_a_failed_page_leaves_a_comment() -> None:
    broken = failed(ErrorKind.RENDER, "a --> b\n---- <x>")
    text = join([(1, read("a")), (2, broken), (3, read("c"))], "|")
    assert text == "a|<!-- page 2 failed: render: a -&gt; b - <x&gt; -->|c"


@given(st.text(alphabet="->!< \nx\ud800"))
def test_no_message_ends_its_comment(message: str) -> None:
    text = join([(1, failed(ErrorKind.CRASH, message))], SEPARATOR)
    assert text.encode()
    inner = text.removeprefix("<!--").removesuffix("-->")
    assert "--" not in inner
    assert ">" not in inner


def test_usage_is_what_the_engine_counted() -> None:
    pages = [
        (1, read("abc", prompt_tokens=900, output_tokens=20)),
        (2, read("abc", prompt_tokens=280, output_tokens=5)),
        (3, failed(ErrorKind.ENGINE, "x")),
    ]
    counts = chat_response.usage(pages)
    assert (counts.prompt_tokens, counts.completion_tokens, counts.total_tokens) == (1180, 25, 1205)


def test_an_engine_without_tokens_is_counted_in_characters() -> None:
    counts = chat_response.usage([(1, read("abc")), (2, read("de"))])
    assert (counts.prompt_tokens, counts.completion_tokens, counts.total_tokens) == (0, 5, 5)


def test_a_page_that_was_cut_is_the_reason_of_the_end() -> None:
    cut = Recognition(Status.TRUNCATED, "b", generation=Generation(finish_reason="length"))
    for pages, reason in (([(1, read("a"))], "stop"), ([(1, cut), (2, read("a"))], "length")):
        assert completion(HEADER, pages, "").choices[0].finish_reason == reason
        *_, last, done = streamed(pages, include_usage=False)
        assert json.loads(last)["choices"] == [{"delta": {}, "finish_reason": reason, "index": 0}]
        assert done == "[DONE]"


def test_the_client_understands_a_completion() -> None:
    answer = completion(HEADER, [(1, read("a")), (2, read("b"))], "|")
    parsed = ChatCompletion.model_validate_json(answer.model_dump_json(), strict=True)
    assert parsed == answer
    assert parsed.choices[0].message.content == "a|b"
    assert (parsed.id, parsed.created, parsed.model) == ("chatcmpl-1", 1_700_000_000, "pp-ocrv6")


pages = st.lists(st.tuples(st.integers(1, 99), recognitions()), max_size=4)


@given(pages, st.booleans())
def test_a_stream_says_what_the_completion_says(
    given: list[NumberedPage], include_usage: bool
) -> None:
    whole = completion(HEADER, given, SEPARATOR)
    *data, done = streamed(given, include_usage)
    assert done == "[DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(line, strict=True) for line in data]
    assert {(chunk.id, chunk.created, chunk.model) for chunk in chunks} == {
        (whole.id, whole.created, whole.model)
    }
    raw = [json.loads(line) for line in data]
    if include_usage:
        assert chunks.pop().usage == whole.usage
        assert raw.pop()["choices"] == []
        assert all(chunk["usage"] is None for chunk in raw)
    else:
        assert not any("usage" in chunk for chunk in raw)
    assert len(chunks) == len(given) + 2
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert choices[0].delta.role == "assistant"
    text = "".join(choice.delta.content or "" for choice in choices)
    assert text == whole.choices[0].message.content
    reasons = [choice.finish_reason for choice in choices]
    assert reasons == [None] * (len(choices) - 1) + [whole.choices[0].finish_reason]


def test_the_list_of_models() -> None:
    listed = chat_response.models(["a", "b"], 12)
    assert listed["object"] == "list"
    assert [Model.model_validate(entry).id for entry in listed["data"]] == ["a", "b"]
    assert json.loads(json.dumps(listed)) == listed


# --- bounds


def test_without_bounds_a_page_is_the_same() -> None:
    page = replace(read("abc"), blocks=(Block("text", "abc"),))
    assert bounded(page, None, ()) is page
    assert bounded(page, 3, ("x",)) is page
    broken = failed(ErrorKind.ENGINE, "x")
    assert bounded(broken, 1, ("x",)) is broken


@pytest.mark.parametrize(
    ("max_tokens", "stop", "text", "status"),
    [
        (2, (), "ab", Status.TRUNCATED),
        (None, ("d", "bc"), "a", Status.OK),
        (1, ("bc",), "a", Status.OK),
        (1, ("d",), "a", Status.TRUNCATED),
        (None, ("a",), "", Status.BLANK),
        (10**30, ("e",), "abcd", Status.OK),
    ],
)
def test_a_page_is_cut_at_the_first_bound(
    max_tokens: int | None, stop: tuple[str, ...], text: str, status: Status
) -> None:
    page = replace(read("abcde", queue_ms=1.0), blocks=(Block("text", "abcde"),))
    cut = bounded(page, max_tokens, stop)
    assert (cut.text, cut.status, cut.blocks) == (text, status, ())
    assert cut.generation is not None
    assert cut.generation.queue_ms == 1.0
    expected = FinishReason.LENGTH if status is Status.TRUNCATED else FinishReason.STOP
    assert cut.generation.finish_reason is expected


@given(
    recognitions(),
    st.none() | st.integers(1, 50),
    st.lists(st.text(min_size=1, max_size=2), max_size=4),
)
def test_bounds_hold_for_any_page(page: Recognition, most: int | None, stop: list[str]) -> None:
    cut = bounded(page, most, stop)
    assert page.text.startswith(cut.text)
    assert most is None or len(cut.text) <= most
    assert not any(string in cut.text for string in stop)
    assert bounded(cut, most, stop) is cut
