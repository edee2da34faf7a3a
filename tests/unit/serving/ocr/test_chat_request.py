"""Requests to the OCR model in OpenAI's shape."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.page_range import PageSelection
from pipeline.types import Sampling, Task
from serving.config import LimitConfig
from serving.errors import ApiError
from serving.ocr.chat_request import ParsedChatRequest, ParsedOcrRequest, parse_chat, parse_ocr
from serving.ocr.uploads import Upload

LIMITS = LimitConfig(images=2, prompt_chars=100)
DATA = b"%PDF-1.7"
BASE64 = base64.b64encode(DATA).decode()
PNG, PDF = f"data:image/png;base64,{BASE64}", f"data:application/pdf;base64,{BASE64}"


def image(url: str = PNG, **more: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def user(*parts: object) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def a_body(**more: object) -> dict[str, Any]:
    return {"model": "m", "messages": [user(image())], **more}


def refused(body: object, limits: LimitConfig = LIMITS) -> tuple[int, str, str | None]:
    with pytest.raises(ApiError) as caught:
        parse_chat(body, limits)
    return caught.value.status, caught.value.code, caught.value.param


def test_a_minimal_request() -> None:
    found = Upload("messages[0].content[0].image_url.url", DATA, media_type="image/png")
    assert parse_chat(a_body(), LIMITS) == ParsedChatRequest(
        model="m",
        uploads=(found,),
        prompt="",
        max_tokens=None,
        sampling=Sampling(),
        stream=False,
        include_usage=False,
    )


def test_a_request_with_every_field() -> None:
    file = {"type": "file", "file": {"file_data": BASE64, "filename": "a.pdf", "file_id": None}}
    body = {
        "model": "m",
        "messages": [user(words("OCR"), image("https://x.example/a", detail="high"), file)],
        "max_tokens": 7,
        "max_completion_tokens": 7,
        "temperature": 1,
        "seed": -(2**63),
        "stop": ["a", "b"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    ask = parse_chat(body, LIMITS)
    at = "messages[0].content"
    assert ask.uploads == (
        Upload(f"{at}[1].image_url.url", url="https://x.example/a"),
        Upload(f"{at}[2].file.file_data", DATA, filename="a.pdf"),
    )
    assert (ask.prompt, ask.max_tokens, ask.stream, ask.include_usage) == ("OCR", 7, True, True)
    assert ask.sampling == Sampling(1.0, -(2**63), ("a", "b"))


def test_only_the_last_user_message_is_read() -> None:
    messages = [
        {"role": "system", "content": "You are a poet."},
        {"role": "developer", "content": [words("Rhyme.")]},
        user(image("data:image/png;base64,not decoded"), words("describe this")),
        {"role": "assistant", "content": "Once", "refusal": None, "tool_calls": None},
        user(image(PDF), words("OCR"), words("this")),
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    ask = parse_chat(a_body(messages=messages), LIMITS)
    assert ask.prompt == "OCR\nthis"
    assert [part.param for part in ask.uploads] == ["messages[4].content[0].image_url.url"]


def test_parameters_that_change_nothing_are_accepted() -> None:
    neutral = {
        "n": 1,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logprobs": False,
        "response_format": {"type": "text"},
        "user": "someone",
        "metadata": {"a": [1]},
        "store": False,
        "service_tier": "auto",
        "modalities": ["text"],
        "parallel_tool_calls": True,
        "tools": [],
        "tool_choice": "none",
        "logit_bias": {},
        "stop": [],
        "functions": [],
        "function_call": "none",
        "top_k": -1,
        "min_p": 0.0,
        "min_tokens": 0,
        "repetition_penalty": 1.0,
        "length_penalty": 1.0,
        "use_beam_search": False,
        "ignore_eos": False,
        "stop_token_ids": [],
        "include_stop_str_in_output": False,
        "skip_special_tokens": False,
        "echo": False,
        "add_generation_prompt": True,
        "vllm_xargs": {},
    }
    nothing = dict.fromkeys([*neutral, "audio", "temperature", "stream", "vllm_xargs", "anything"])
    assert parse_chat(a_body(**neutral), LIMITS) == parse_chat(a_body(), LIMITS)
    assert parse_chat(a_body(**nothing), LIMITS) == parse_chat(a_body(), LIMITS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("n", True),
        ("top_p", 0.9),
        ("frequency_penalty", 0.1),
        ("presence_penalty", -1),
        ("logprobs", True),
        ("logprobs", 0),
        ("response_format", {"type": "json_object"}),
        ("modalities", ["audio"]),
        ("store", True),
        ("service_tier", "flex"),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "required"),
        ("reasoning_effort", "high"),
        ("functions", [{}]),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}),
        ("audio", {}),
        ("prediction", {}),
        ("mm_processor_kwargs", {}),
        ("repetition_penalty", 1.1),
        ("ignore_eos", True),
        ("chat_template", ""),
        ("chat_template_kwargs", {}),
        ("kv_transfer_params", {}),
        ("extra_body", {}),
        ("top_k", 1),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(name: str, value: object) -> None:
    assert refused(a_body(**{name: value})) == (400, "unsupported_parameter", name)


def test_json_of_a_schema_is_refused_with_the_path_that_gives_json() -> None:
    with pytest.raises(ApiError, match="/v1/ocr"):
        parse_chat(a_body(response_format={"type": "json_object"}), LIMITS)


def test_the_body_that_vllms_recipe_sends() -> None:
    rule = {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": [128821, 128822]}
    body = a_body(temperature=0.0, max_tokens=2048, skip_special_tokens=False, vllm_xargs=rule)
    assert parse_chat(body, LIMITS).sampling == Sampling(ngram_size=30, ngram_window=90)


def test_the_rule_against_repetition_may_differ() -> None:
    body = a_body(vllm_xargs={"window_size": 200, "whitelist_token_ids": []})
    assert parse_chat(body, LIMITS).sampling == Sampling(ngram_window=200, cells_repeat=False)


@pytest.mark.parametrize(
    ("rule", "code", "name"),
    [
        ({"ngram_size": 1}, "invalid_value", "ngram_size"),
        ({"ngram_size": 65}, "invalid_value", "ngram_size"),
        ({"ngram_size": "30"}, "invalid_type", "ngram_size"),
        ({"window_size": 1025}, "invalid_value", "window_size"),
        ({"whitelist_token_ids": [5]}, "unsupported_parameter", "whitelist_token_ids"),
        ({"other": 1}, "unsupported_parameter", "other"),
    ],
)
def test_levers_of_the_engine_are_refused(rule: dict[str, Any], code: str, name: str) -> None:
    assert refused(a_body(vllm_xargs=rule)) == (400, code, f"vllm_xargs.{name}")


def test_a_follow_up_refers_to_the_last_picture() -> None:
    messages = [
        user(image(), words("OCR")),
        user(image(PDF)),
        {"role": "assistant", "content": "a page"},
        user(words("now as markdown")),
    ]
    ask = parse_chat(a_body(messages=messages), LIMITS)
    assert ask.prompt == "now as markdown"
    assert [part.param for part in ask.uploads] == ["messages[1].content[0].image_url.url"]


def test_vllms_name_of_a_picture_is_ignored() -> None:
    named = a_body(messages=[user(image() | {"uuid": "sha256"})])
    assert parse_chat(named, LIMITS) == parse_chat(a_body(), LIMITS)


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"model": 1}, "invalid_type", "model"),
        ({"model": None}, "missing_required_parameter", "model"),
        ({"messages": "x"}, "invalid_type", "messages"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": ["x"]}, "invalid_type", "messages[0]"),
        ({"messages": [{}]}, "missing_required_parameter", "messages[0].role"),
        ({"messages": [{"role": "tool", "content": ""}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": []}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"role": "system", "content": ""}]}, "invalid_value", "messages"),
        ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
        ({"temperature": "0"}, "invalid_type", "temperature"),
        ({"temperature": True}, "invalid_type", "temperature"),
        ({"temperature": 2.1}, "invalid_value", "temperature"),
        ({"temperature": float("nan")}, "invalid_value", "temperature"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"max_tokens": 1.0}, "invalid_type", "max_tokens"),
        ({"max_completion_tokens": "1"}, "invalid_type", "max_completion_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "invalid_value", "max_tokens"),
        ({"seed": 2**63}, "invalid_value", "seed"),
        ({"stop": ""}, "invalid_value", "stop"),
        ({"stop": list("abcde")}, "invalid_value", "stop"),
        ({"stop": ["a", ""]}, "invalid_value", "stop[1]"),
        ({"stop": ["a", 1]}, "invalid_type", "stop[1]"),
        ({"stop": 1}, "invalid_type", "stop"),
        ({"stream": "true"}, "invalid_type", "stream"),
        ({"stream": 1}, "invalid_type", "stream"),
        ({"stream_options": {}}, "invalid_value", "stream_options"),
        (
            {"stream": True, "stream_options": {"x": 1}},
            "unsupported_parameter",
            "stream_options.x",
        ),
        ({"metadata": []}, "invalid_type", "metadata"),
    ],
)
def test_wrong_values_name_their_field(more: dict[str, Any], code: str, param: str) -> None:
    assert refused(a_body(**more)) == (400, code, param)


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (1, "invalid_type", ""),
        (None, "invalid_type", ""),
        ("\ud800", "invalid_value", ""),
        ([words("\ud800")], "invalid_value", "[0].text"),
        ([], "image_missing", ""),
        ("OCR", "image_missing", ""),
        (["x"], "invalid_type", "[0]"),
        ([{"type": "input_image"}], "invalid_value", "[0].type"),
        ([image(), {"type": "image_url"}], "missing_required_parameter", "[1].image_url"),
        ([{"type": "image_url", "image_url": PNG}], "invalid_type", "[0].image_url"),
        ([image(uuid="1")], "unsupported_parameter", "[0].image_url.uuid"),
        ([image(1)], "invalid_type", "[0].image_url.url"),  # type: ignore[arg-type]
        ([image(), image("x")], "invalid_value", "[1].image_url.url"),
        ([{"type": "file", "file": {}}], "missing_required_parameter", "[0].file.file_data"),
        (
            [{"type": "file", "file": {"file_id": "file-1"}}],
            "unsupported_parameter",
            "[0].file.file_id",
        ),
        ([{"type": "file", "file": {"file_data": "?"}}], "invalid_base64", "[0].file.file_data"),
        ([{"type": "text"}], "missing_required_parameter", "[0].text"),
    ],
)
def test_wrong_content_names_its_place(content: object, code: str, place: str) -> None:
    messages = [{"role": "user", "content": content}]
    assert refused(a_body(messages=messages)) == (400, code, f"messages[0].content{place}")


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object(body: object) -> None:
    assert refused(body) == (400, "invalid_type", None)


def test_limits() -> None:
    place = "messages[0].content"
    three = a_body(messages=[user(*[image()] * 3)])
    assert refused(three) == (413, "too_many_images", place)
    assert len(parse_chat(three, LimitConfig(images=3)).uploads) == 3
    long = a_body(messages=[user(words("x" * 50)), user(words("x" * 51), image())])
    assert refused(long) == (413, "prompt_too_long", None)
    svg = a_body(messages=[user(image("data:image/svg+xml;base64,AAAA"))])
    assert refused(svg)[:2] == (415, "unsupported_media_type")


def test_errors_repeat_little_of_what_was_sent() -> None:
    for hostile in ("x" * 10**6, "\ud800" * 1000):
        with pytest.raises(ApiError) as caught:
            parse_chat(a_body(**{hostile: 1}), LIMITS)
        assert caught.value.param is not None
        assert len(caught.value.param.encode()) + len(str(caught.value).encode()) < 500


def outcome(parse: Callable[[Any, LimitConfig], Any], body: object) -> Any:
    try:
        return parse(body, LIMITS)
    except ApiError as error:
        return error


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    plain | st.integers(min_value=10**30, max_value=10**400),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
urls = st.sampled_from([PNG, PDF, "https://x.example", "data:,", "data:image/png;base64,A"])
parts = st.one_of(
    st.builds(image, urls | anything),
    st.builds(words, st.text(max_size=60) | anything),
    st.fixed_dictionaries({"type": st.just("file"), "file": anything}),
    st.fixed_dictionaries({"type": anything}),
    anything,
)
messages = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "user", "assistant", "system"]) | anything,
        "content": st.lists(parts, max_size=4) | anything,
    }
)
names = ["max_tokens", "temperature", "seed", "stop", "stream", "stream_options", "n", "tools"]
bodies = st.builds(
    lambda base, more: base | more,
    st.fixed_dictionaries({"model": st.text(), "messages": st.lists(messages | anything)}),
    st.dictionaries(st.sampled_from(names) | st.text(max_size=4), anything, max_size=3),
)


@given(bodies | anything)
@example(a_body(temperature=10**400))
@example(a_body(max_tokens=10**400))
@example(a_body(seed=10**400))
def test_any_body_is_parsed_or_an_error_that_can_be_sent(body: Any) -> None:
    ask = outcome(parse_chat, body)
    if isinstance(ask, ApiError):
        assert 400 <= ask.status < 500
        assert json.dumps(ask.body(), ensure_ascii=False).encode()
        return
    assert ask.uploads
    assert repr(ask).encode()
    assert all((part.data is None) != (part.url is None) for part in ask.uploads)


# --- /v1/ocr


def test_a_document_in_json() -> None:
    body = {"document": PDF, "model": "m", "pages": "1-3,7", "password": "p", "task": "text"}
    assert parse_ocr(body, LIMITS) == ParsedOcrRequest(
        model="m",
        document=Upload("document", DATA, media_type="application/pdf"),
        pages=PageSelection.parse("1-3,7"),
        password="p",
        task=Task.TEXT,
        prompt="",
    )


def test_a_document_in_a_form() -> None:
    upload = Upload("document", DATA)
    ask = parse_ocr({"prompt": "OCR"}, LIMITS, upload)
    assert (ask.document, ask.task, ask.prompt, ask.pages) == (upload, None, "OCR", PageSelection())


def test_a_password_is_not_printed() -> None:
    assert "sesame" not in repr(parse_ocr({"document": PDF, "password": "sesame"}, LIMITS))


@pytest.mark.parametrize(
    ("more", "status", "code", "param"),
    [
        ({"document": None}, 400, "missing_required_parameter", "document"),
        ({"document": "x"}, 400, "invalid_value", "document"),
        ({"pages": "3-1"}, 400, "invalid_value", "pages"),
        ({"pages": "9" * 5000}, 400, "invalid_value", "pages"),
        ({"pages": [1]}, 400, "invalid_type", "pages"),
        ({"task": "poem"}, 400, "invalid_value", "task"),
        ({"task": "text", "prompt": "OCR"}, 400, "invalid_value", "prompt"),
        ({"prompt": "x" * 101}, 413, "prompt_too_long", None),
        ({"dpi": 300}, 400, "unsupported_parameter", "dpi"),
    ],
)
def test_a_wrong_request_for_a_document(
    more: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    with pytest.raises(ApiError) as caught:
        parse_ocr({"document": PDF, **more}, LIMITS)
    error = caught.value
    assert (error.status, error.code, error.param) == (status, code, param)
    assert len(str(error)) <= 500


@given(st.dictionaries(st.sampled_from(["document", "pages", "task", "x"]), anything) | anything)
def test_any_request_for_a_document_is_parsed_or_an_error(body: Any) -> None:
    ask = outcome(parse_ocr, body)
    if isinstance(ask, ApiError):
        assert 400 <= ask.status < 500
        assert json.dumps(ask.body(), ensure_ascii=False).encode()
    else:
        assert ask.document.data is not None
