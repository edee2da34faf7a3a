"""The fields of a chat completion that are passed on to vLLM. Pure.

vLLM's requests have more fields than OpenAI's. Some of them change the engine, make it fetch from
the network, or have no bound on their cost. So only the fields that are listed here are accepted; a
field that a later vLLM adds is refused until it is listed.
"""

from __future__ import annotations

from typing import Any, Final

from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http.validation import excerpt

_OPENAI: Final = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "n", "seed", "stop", "user"),
        *("max_tokens", "max_completion_tokens", "temperature", "top_p", "logit_bias"),
        *("frequency_penalty", "presence_penalty", "logprobs", "top_logprobs"),
        *("response_format", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort"),
        # vLLM ignores these.
        *("metadata", "store", "service_tier", "prompt_cache_key", "safety_identifier"),
    }
)
_SAMPLING: Final = frozenset(
    {
        *("top_k", "min_p", "repetition_penalty", "min_tokens", "ignore_eos", "stop_token_ids"),
        *("include_stop_str_in_output", "include_reasoning", "thinking_token_budget"),
        "repetition_detection",
        "cache_salt",  # separates prefix caches, so that timing tells nothing of other callers
    }
)
"""vLLM's own fields that only change the answer to this request."""

_REFUSED: Final = {
    "allowed_token_ids": "it sets the cost of every token",
    "bad_words": "it sets the cost of every token",
    "chat_template": "a template is a program that the server would run",
    "chat_template_kwargs": "they change the template and the tokenizer; use reasoning_effort for"
    " the model's reasoning",
    "documents": "they change the template",
    "add_generation_prompt": "the server makes the prompt",
    "add_special_tokens": "the server makes the prompt",
    "continue_final_message": "the server makes the prompt",
    "echo": "the server makes the prompt",
    "truncate_prompt_tokens": "the server makes the prompt",
    "truncation_side": "the server makes the prompt",
    "ec_transfer_params": "it is for communication between engines",
    "kv_transfer_params": "it is for communication between engines",
    "media_io_kwargs": "the model reads text only",
    "mm_payload": "the model reads text only",
    "return_mm_kwargs": "the model reads text only",
    "mm_processor_kwargs": "it can crash the engine, and the model reads text only",
    "vllm_xargs": "they change the engine",
    "length_penalty": "it is for beam search, whose cost has no limit",
    "use_beam_search": "its cost has no limit",
    "logprob_token_ids": "its cost has no limit",
    "prompt_logprobs": "it costs memory for every token of the vocabulary",
    "priority": "the server schedules the requests",
    "request_id": "equal ids would mix up answers",
    "session_id": "the server keeps no sessions",
    "stream_interval": "the server decides it",
    "watermarking": "the server decides it",
    "return_token_ids": "it shows the server's prompt",
    "return_tokens_as_token_ids": "it shows the server's prompt",
    "return_prompt_text": "it shows the server's prompt",
    "return_token_offsets": "it shows the server's prompt",
    "return_assistant_tokens_mask": "it shows the server's prompt",
    "routed_experts_prompt_start": "it is for the engine's operator",
    "skip_special_tokens": "the parsers of the answer need them",
    "spaces_between_special_tokens": "the parsers of the answer need them",
    "structured_outputs": "the cost of grammars and patterns has no limit; use response_format",
}
"""Fields that callers may try, and why they are refused. All others that are unknown are too."""

_ROLES: Final = ("system", "developer", "user", "assistant", "tool")
_MESSAGE: Final = frozenset(
    {
        *("role", "content", "name", "refusal", "tool_calls", "tool_call_id"),
        *("reasoning", "reasoning_content"),
    }
)
_FORMATS: Final = ("text", "json_object", "json_schema")
_RANGES: Final = {"n": (1, 16), "top_logprobs": (0, 20)}
"""Numbers that multiply the cost of a request."""
_MAX_ITEMS: Final = {"stop": 16, "stop_token_ids": 64, "logit_bias": 1024, "tools": 128}
"""Items of lists whose length adds to the cost of every token or request."""
_COUNTED: Final = ("messages", "tools", "response_format")
"""Fields that end up in the prompt or in a grammar."""


def check_fields(body: object, limits: LimitConfig) -> None:
    """Check a chat completion before it is passed on to vLLM, which validates it in full.

    Args:
        body: The body of the request, any parsed JSON.
        limits: `prompt_chars` is used.

    Raises:
        ApiError: 400: not a request, or a field or part that is refused; 413: too long.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "invalid_type", "the body must be a JSON object")
    given = {str(name): value for name, value in body.items() if value is not None}
    for name in given:
        _check_field(name)
    for name, kind in (("model", str), ("stream", bool)):
        if not isinstance(given.get(name, kind()), kind):
            raise _wrong_type(name, kind.__name__)
    _check_messages(given.get("messages"))
    _check_sizes(given)
    _check_format(given.get("response_format"))
    count = _characters([given.get(name) for name in _COUNTED])
    if count > limits.prompt_chars:
        message = f"{count} characters in one request; {limits.prompt_chars} are allowed"
        raise ApiError(413, "prompt_too_long", message, param="messages")


def _check_field(name: str) -> None:
    if name not in _OPENAI | _SAMPLING:
        name, reason = excerpt(name), _REFUSED.get(name, "it is not known here")
        message = f"the parameter {name} cannot be set by a request: {reason}"
        raise ApiError(400, "unsupported_parameter", message, param=name)


def _check_messages(messages: object) -> None:
    if messages is None:
        raise ApiError(400, "missing_required_parameter", "messages are missing", param="messages")
    if not isinstance(messages, list):
        raise _wrong_type("messages", "list")
    if not messages:
        raise ApiError(400, "invalid_value", "there is no message", param="messages")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")


def _check_message(message: object, param: str) -> None:
    if not isinstance(message, dict):
        raise _wrong_type(param, "object")
    if message.get("role") not in _ROLES:
        text = f"the role must be one of {', '.join(_ROLES)}"
        raise ApiError(400, "invalid_value", text, param=f"{param}.role")
    for name in message.keys() - _MESSAGE:
        if message[name] is not None:
            place = f"{param}.{excerpt(str(name))}"
            raise ApiError(400, "unsupported_parameter", f"{place} is not supported", param=place)
    content = message.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            _check_part(part, f"{param}.content[{index}]")
    elif not isinstance(content, str | None):
        raise _wrong_type(f"{param}.content", "string or list of parts")


def _check_part(part: object, param: str) -> None:
    """Accept text parts only: vLLM infers other parts without `type`, and fetches their URLs."""
    if not isinstance(part, dict):
        raise _wrong_type(param, "object")
    if part.get("type") != "text" or part.keys() - {"type", "text"}:
        message = f"{param}: the chat model reads text parts only"
        raise ApiError(400, "unsupported_parameter", message, param=param)
    if not isinstance(part.get("text"), str):
        raise _wrong_type(f"{param}.text", "string")


def _check_sizes(given: dict[str, Any]) -> None:
    for name, (minimum, maximum) in _RANGES.items():
        value = given.get(name, minimum)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(name, "integer")
        if not minimum <= value <= maximum:
            message = f"{name} must be from {minimum} to {maximum}"
            raise ApiError(400, "invalid_value", message, param=name)
    for name, maximum in _MAX_ITEMS.items():
        value = given.get(name)
        if isinstance(value, list | dict) and len(value) > maximum:
            message = f"{name} has more than {maximum} items"
            raise ApiError(400, "invalid_value", message, param=name)


def _check_format(wanted: object) -> None:
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in _FORMATS:
        message = f"response_format.type must be one of {', '.join(_FORMATS)}"
        raise ApiError(400, "invalid_value", message, param="response_format")


def _characters(value: object) -> int:
    """Characters of all strings in a value, names of fields included."""
    count, rest = 0, [value]
    while rest:
        node = rest.pop()
        if isinstance(node, str):
            count += len(node)
        elif isinstance(node, dict):
            rest += [*node.keys(), *node.values()]
        elif isinstance(node, list):
            rest += node
    return count


def _wrong_type(param: str, wanted: str) -> ApiError:
    return ApiError(400, "invalid_type", f"{param} must be a {wanted}", param=param)
