"""A chat engine without a model, for tests and for measuring the service around the model."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from serving.chat.reasoning import add_reasoning_content
from serving.config import ChatConfig
from serving.errors import ApiError

_REASONING = "The user wants an echo."


class FakeChatEngine:
    """Repeats the last message word by word, after one sentence of reasoning.

    Args:
        config: `name` and `fake_ms_per_word` are used.
    """

    def __init__(self, config: ChatConfig) -> None:
        self._name = config.name
        self._pause_s = config.fake_ms_per_word / 1000

    async def answer(self, body: Mapping[str, Any]) -> dict[str, Any] | AsyncGenerator[str, None]:
        """As `serving.chat.engine.VllmChatEngine.answer`.

        Raises:
            ApiError: There is no message to repeat.
        """
        prompt = _last_text(body).split()
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        words = prompt[:limit]
        frame = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self._name,
        }
        finish = "length" if len(words) < len(prompt) else "stop"
        usage = {
            "prompt_tokens": len(prompt),
            "completion_tokens": len(words),
            "total_tokens": len(prompt) + len(words),
        }
        if body.get("stream"):
            wants_usage = (body.get("stream_options") or {}).get("include_usage")
            return self._stream(frame, words, finish, usage if wants_usage else None)
        await asyncio.sleep(self._pause_s * len(words))
        message = {"role": "assistant", "content": " ".join(words), "reasoning": _REASONING}
        add_reasoning_content(message)
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return frame | {"object": "chat.completion", "choices": [choice], "usage": usage}

    async def _stream(
        self, frame: dict[str, Any], words: list[str], finish: str, usage: dict[str, int] | None
    ) -> AsyncGenerator[str, None]:
        frame = frame | {"object": "chat.completion.chunk"}
        reasoning = {"role": "assistant", "content": "", "reasoning": _REASONING}
        add_reasoning_content(reasoning)
        yield _event(frame, reasoning)
        for index, word in enumerate(words):
            if self._pause_s:
                await asyncio.sleep(self._pause_s)
            yield _event(frame, {"content": f" {word}" if index else word})
        yield _event(frame, {}, finish)
        if usage is not None:
            yield f"data: {json.dumps(frame | {'choices': [], 'usage': usage})}\n\n"
        yield "data: [DONE]\n\n"

    async def healthy(self) -> bool:
        """Always true."""
        return True


def _event(frame: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps(frame | {'choices': [choice]})}\n\n"


def _last_text(body: Mapping[str, Any]) -> str:
    try:
        content = body["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        return " ".join(part["text"] for part in content if part["type"] == "text")
    except (KeyError, IndexError, TypeError) as error:
        message = f"there is no message to repeat: {error!r}"
        raise ApiError(400, "invalid_request", message, param="messages") from error
