"""What surrounds vLLM's serving classes, without vLLM; `tests.integration.vllm` has the rest."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import AsyncGenerator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipeline.config import ChatConfig
from serving.chat import engine
from serving.errors import ApiError


class Request(SimpleNamespace):
    @classmethod
    def model_validate(cls, body: dict[str, Any]) -> Request:
        if "messages" not in body:
            raise ValueError("messages: field required")
        return cls(stream=body.get("stream", False), body=body)


class Serving:
    """Stands in for vLLM's `OpenAIServingChat`."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.requests: list[Any] = []

    async def create_chat_completion(self, request: Any, raw_request: None) -> Any:
        self.requests.append(request)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture(autouse=True)
def vllm_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = ModuleType("protocol")
    protocol.ChatCompletionRequest = Request  # type: ignore[attr-defined]
    path = "vllm.entrypoints.openai.chat_completion.protocol"
    parents = ["vllm", "vllm.entrypoints", "vllm.entrypoints.openai"]
    for name in (*parents, "vllm.entrypoints.openai.chat_completion", "vllm.exceptions"):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    monkeypatch.setitem(sys.modules, path, protocol)


def a_model(result: Any) -> tuple[engine.ChatModel, Serving]:
    model = engine.ChatModel.__new__(engine.ChatModel)
    serving = Serving(result)
    model._chat, model._name = serving, "deepseek-r1"
    return model, serving


async def test_a_plain_answer_is_plain_values_and_the_model_is_filled_in() -> None:
    message = {"content": "4", "reasoning": "2 and 2"}
    plain = {"id": "1", "choices": [{"message": message}]}
    model, serving = a_model(SimpleNamespace(model_dump=lambda **kwargs: plain | kwargs))
    answer = await model.answer({"messages": []})
    both = message | {"reasoning_content": "2 and 2"}
    assert answer == {"id": "1", "choices": [{"message": both}]} | {
        "mode": "json",
        "exclude_none": True,
    }
    assert serving.requests[0].body == {"model": "deepseek-r1", "messages": []}


async def test_a_stream_is_handed_on() -> None:
    async def lines() -> AsyncGenerator[str, None]:
        yield 'data: {"choices":[{"delta":{"reasoning":"2 \u00e9"}}]}\n\n'
        yield "data: [DONE]\n\n"

    model, _ = a_model(lines())
    stream = await model.answer({"messages": [], "stream": True})
    assert not isinstance(stream, dict)
    first, last = [line async for line in stream]
    assert json.loads(first.removeprefix("data: ")) == {
        "choices": [{"delta": {"reasoning": "2 é", "reasoning_content": "2 é"}}]
    }
    assert last == "data: [DONE]\n\n"


async def test_a_stream_that_is_left_is_closed() -> None:
    closed = []

    async def lines() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "data: {}\n\n"
        finally:
            closed.append(True)

    model, _ = a_model(lines())
    stream = await model.answer({"messages": [], "stream": True})
    assert not isinstance(stream, dict)
    async for _line in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed == [True]


@pytest.mark.parametrize(
    ("result", "status", "message"),
    [
        (SimpleNamespace(error=SimpleNamespace(code=404, message="no such model")), 404, "no such"),
        (ValueError("too many tokens"), 400, "too many"),
        (RuntimeError("the engine is dead"), 500, "dead"),
        (RuntimeError(), 500, "RuntimeError"),
    ],
)
async def test_a_failure_has_a_status(result: Any, status: int, message: str) -> None:
    model, _ = a_model(result)
    with pytest.raises(ApiError, match=message) as caught:
        await model.answer({"messages": []})
    assert caught.value.status == status


@pytest.mark.parametrize("field", ["mm_processor_kwargs", "vllm_xargs", "chat_template"])
async def test_fields_that_reach_into_the_engine_are_closed(field: str) -> None:
    model, serving = a_model(None)
    with pytest.raises(ApiError, match=field):
        await model.answer({"messages": [], field: {}})
    assert serving.requests == []


async def test_a_body_that_is_no_request_is_a_bad_request() -> None:
    model, _ = a_model(None)
    with pytest.raises(ApiError, match="messages") as caught:
        await model.answer({})
    assert caught.value.status == 400


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ApiError(429, "busy", "later", retry_after_s=3)))
    assert (error.status, error.code, str(error)) == (429, "busy", "later")
    assert error.headers() == {"Retry-After": "3"}


def test_the_arguments_pin_the_model_and_part_the_reasoning() -> None:
    args = engine.engine_args(ChatConfig())
    assert args["revision"] == args["tokenizer_revision"] == engine.REVISIONS[args["model"]]
    assert args["reasoning_parser"] == "deepseek_r1"
    folder = engine.engine_args(ChatConfig(model="/models/mine", tensor_parallel_size=2))
    assert folder["revision"] is None
    assert folder["distributed_executor_backend"] == "mp"
