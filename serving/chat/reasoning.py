"""The two field names under which clients look for a model's reasoning."""

from __future__ import annotations

from typing import Any


def add_reasoning_content(message: dict[str, Any]) -> None:
    """Copy `reasoning` to `reasoning_content`, in a message or in the delta of a chunk.

    vLLM calls the field `reasoning`; DeepSeek's own API calls it `reasoning_content`.

    Args:
        message: Changed in place. Without reasoning it stays as it is.
    """
    if message.get("reasoning") is not None:
        message["reasoning_content"] = message["reasoning"]
