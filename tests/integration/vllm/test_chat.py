"""The chat model on the real vLLM: a small Llama that says one sentence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from models import write_llama

from serving.chat import allowed_fields
from serving.chat.engine import VllmChatEngine
from serving.config import ChatConfig
from serving.errors import ApiError

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
QUESTION = {"messages": [{"role": "user", "content": "Is it so?"}], "temperature": 0}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmChatEngine]:
    folder = write_llama(tmp_path_factory.mktemp("llama"), ("Why?", "</think>", "Yes."))
    config = ChatConfig(
        model=str(folder), dtype="float32", max_model_len=512, max_num_seqs=4, enforce_eager=True
    )
    model = VllmChatEngine(config)
    yield model
    model.close()


async def test_an_answer_is_parted_from_its_reasoning(chat: VllmChatEngine) -> None:
    answer = await chat.answer({**QUESTION, "model": "deepseek-r1"})
    assert isinstance(answer, dict)
    (choice,) = answer["choices"]
    assert choice["message"]["content"] == "Yes."
    assert choice["message"]["reasoning"] == "Why?"
    assert choice["finish_reason"] == "stop"
    assert answer["model"] == "deepseek-r1"
    assert answer["usage"]["completion_tokens"] == len("Why?") + 1 + len("Yes.") + 1


async def test_a_stream_brings_the_same_piece_by_piece(chat: VllmChatEngine) -> None:
    stream = await chat.answer({**QUESTION, "stream": True})
    assert not isinstance(stream, dict)
    lines = [line async for line in stream]
    assert lines[-1] == "data: [DONE]\n\n"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    assert "".join(delta.get("reasoning") or "" for delta in deltas) == "Why?"
    assert "".join(delta.get("content") or "" for delta in deltas) == "Yes."
    assert len(deltas) > 4


async def test_an_answer_ends_at_its_limit(chat: VllmChatEngine) -> None:
    answer = await chat.answer({**QUESTION, "max_tokens": 3})
    assert isinstance(answer, dict)
    (choice,) = answer["choices"]
    assert (choice["finish_reason"], choice["message"]["reasoning"]) == ("length", "Why")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"messages": "hello"}, 400, "messages"),
        ({**QUESTION, "temperature": -1}, 400, "temperature"),
        ({**QUESTION, "model": "another"}, 404, "another"),
        ({**QUESTION, "max_tokens": 4096}, 400, "4096|512"),
        ({**QUESTION, "mm_processor_kwargs": {"crop_mode": False}}, 400, "mm_processor_kwargs"),
    ],
)
async def test_a_wrong_request_says_why(
    chat: VllmChatEngine, body: dict[str, object], status: int, message: str
) -> None:
    with pytest.raises(ApiError, match=message) as caught:
        await chat.answer(body)
    assert caught.value.status == status
    assert await chat.healthy()


async def test_every_field_of_a_request_is_open_or_closed_on_purpose() -> None:
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    known = allowed_fields._OPENAI | allowed_fields._SAMPLING | allowed_fields._REFUSED.keys()
    assert set(ChatCompletionRequest.model_fields) - known == set()
