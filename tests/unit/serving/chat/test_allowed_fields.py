"""What of a chat completion may go on to vLLM."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.chat import allowed_fields as module
from serving.chat.allowed_fields import check_fields
from serving.config import LimitConfig
from serving.errors import ApiError

LIMITS = LimitConfig(prompt_chars=1000)


def a_body(**more: object) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **more}


def says(content: object, **more: object) -> dict[str, Any]:
    return a_body(messages=[{"role": "user", "content": content, **more}])


def refused(body: object, limits: LimitConfig = LIMITS) -> tuple[int, str, str | None]:
    with pytest.raises(ApiError) as caught:
        check_fields(body, limits)
    return caught.value.status, caught.value.code, caught.value.param


def test_a_conversation_passes_and_stays_as_it_is() -> None:
    body = a_body(
        messages=[
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "What is the time?", "name": "x"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}], "audio": None},
            {"role": "tool", "content": "noon", "tool_call_id": "1"},
        ],
        stream=True,
        stream_options={"include_usage": True},
        temperature=0.6,
        top_k=20,
        n=16,
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
        tools=[{"type": "function", "function": {"name": "clock"}}],
        chat_template=None,
    )
    before = copy.deepcopy(body)
    check_fields(body, LIMITS)
    assert body == before


@pytest.mark.parametrize("name", [*module._REFUSED, "best_of", "guided_json", "extra_body", "x"])
def test_a_field_of_the_server_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ApiError, match=module._REFUSED.get(name, "not known")) as caught:
        check_fields(a_body(**{name: {}}), LIMITS)
    error = caught.value
    assert (error.status, error.code, error.param) == (400, "unsupported_parameter", name)


def test_no_field_is_both_open_and_closed() -> None:
    assert not (module._OPENAI | module._SAMPLING) & module._REFUSED.keys()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}},
        {"image_url": "http://169.254.169.254/"},
        {"type": "text", "text": "x", "image_url": "http://169.254.169.254/"},
        {"type": "text", "text": "x", "uuid": "1"},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "file:///etc/passwd"}},
        {"type": "file", "file": {"file_id": "1"}},
        {"type": "prompt_embeds", "data": ""},
        {"type": ["text"], "text": "x"},
        {},
    ],
)
def test_only_text_reaches_vllm(part: object) -> None:
    place = "messages[0].content[1]"
    body = says([{"type": "text", "text": "x"}, part])
    assert refused(body) == (400, "unsupported_parameter", place)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_type", None),
        ({}, "missing_required_parameter", "messages"),
        (a_body(messages="x"), "invalid_type", "messages"),
        (a_body(messages=[]), "invalid_value", "messages"),
        (a_body(messages=["x"]), "invalid_type", "messages[0]"),
        (a_body(messages=[{"role": "root"}]), "invalid_value", "messages[0].role"),
        (says(1), "invalid_type", "messages[0].content"),
        (says(["x"]), "invalid_type", "messages[0].content[0]"),
        (says([{"type": "text", "text": 1}]), "invalid_type", "messages[0].content[0].text"),
        (says("x", audio={"id": "1"}), "unsupported_parameter", "messages[0].audio"),
        (says("x", tools=[]), "unsupported_parameter", "messages[0].tools"),
        (a_body(model=1), "invalid_type", "model"),
        (a_body(stream="yes"), "invalid_type", "stream"),
        (a_body(n=17), "invalid_value", "n"),
        (a_body(n=0), "invalid_value", "n"),
        (a_body(n=True), "invalid_type", "n"),
        (a_body(n=2.0), "invalid_type", "n"),
        (a_body(top_logprobs=-1), "invalid_value", "top_logprobs"),
        (a_body(stop=["x"] * 17), "invalid_value", "stop"),
        (a_body(logit_bias={str(i): 1 for i in range(2000)}), "invalid_value", "logit_bias"),
        (a_body(response_format={"type": "structural_tag"}), "invalid_value", "response_format"),
        (a_body(response_format="text"), "invalid_value", "response_format"),
    ],
)
def test_wrong_values_name_their_field(body: object, code: str, param: str | None) -> None:
    assert refused(body) == (400, code, param)


def test_all_that_the_model_or_a_grammar_reads_is_counted() -> None:
    fits = says("x" * 900)
    check_fields(fits, LIMITS)
    too_long = (413, "prompt_too_long", "messages")
    assert refused(says("x" * 1001)) == too_long
    assert refused(says([{"type": "text", "text": "x" * 400}] * 3)) == too_long
    assert refused({**fits, "tools": [{"function": {"parameters": {"x" * 200: 1}}}]}) == too_long
    schema = {"type": "json_schema", "json_schema": {"pattern": "x" * 200}}
    assert refused({**fits, "response_format": schema}) == too_long


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
part = anything | st.fixed_dictionaries({"type": st.just("text"), "text": anything})
message = st.fixed_dictionaries(
    {"role": st.just("user") | anything, "content": anything | st.lists(part, max_size=3)}
)
fields = st.sampled_from(["n", "stop", "stream", "response_format", "tools", "model", "logit_bias"])


@given(
    anything
    | st.builds(
        lambda messages, more: {"messages": messages, **more},
        st.lists(message | anything, max_size=3),
        st.dictionaries(fields | st.text(max_size=3), anything, max_size=2),
    )
)
def test_any_body_passes_or_is_an_error_that_can_be_sent(body: Any) -> None:
    error: ApiError | None = None
    try:
        check_fields(body, LIMITS)
    except ApiError as raised:
        error = raised
    if error:
        assert error.status in (400, 413)
        assert json.dumps(error.body(), ensure_ascii=False).encode()
    else:
        assert body["messages"]
