"""What of a chat completion may go on to vLLM. Pure.

vLLM's requests have more fields than OpenAI's, some of which reach into its engine, make it fetch
from the network or cost more than a caller should be able to spend. So only the fields that are
listed here pass; a field that a later vLLM adds does not, until it is listed.
"""

from __future__ import annotations

from typing import Any, Final

from serving.config import LimitConfig
from serving.errors import ApiError
from serving.ocr.validation import plain

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
        "cache_salt",  # keeps a caller's prefixes from being guessed by another's timing
    }
)
"""vLLM's own fields that change nothing but the answer to this request."""

_CLOSED: Final = {
    "allowed_token_ids": "it sets the cost of every token",
    "bad_words": "it sets the cost of every token",
    "chat_template": "a template is a program that the server would run",
    "chat_template_kwargs": "they reach into the template and the tokenizer; for thinking there is"
    " reasoning_effort",
    "documents": "they reach into the template",
    "add_generation_prompt": "the server makes the prompt",
    "add_special_tokens": "the server makes the prompt",
    "continue_final_message": "the server makes the prompt",
    "echo": "the server makes the prompt",
    "truncate_prompt_tokens": "the server makes the prompt",
    "truncation_side": "the server makes the prompt",
    "ec_transfer_params": "it lets engines talk to each other",
    "kv_transfer_params": "it lets engines talk to each other",
    "media_io_kwargs": "the model reads text alone",
    "mm_processor_kwargs": "it can end the engine, and the model reads text alone",
    "vllm_xargs": "they reach into the engine",
    "length_penalty": "it is for beam search, whose cost has no limit",
    "use_beam_search": "its cost has no limit",
    "logprob_token_ids": "its cost has no limit",
    "prompt_logprobs": "it costs memory for every token of the vocabulary",
    "priority": "the server decides who is next",
    "request_id": "ids that meet would mix up answers",
    "session_id": "the server keeps no sessions",
    "stream_interval": "the server decides it",
    "return_token_ids": "it shows the server's prompt",
    "return_tokens_as_token_ids": "it shows the server's prompt",
    "return_prompt_text": "it shows the server's prompt",
    "return_token_offsets": "it shows the server's prompt",
    "return_assistant_tokens_mask": "it shows the server's prompt",
    "routed_experts_prompt_start": "it is for those who run the engine",
    "skip_special_tokens": "the parsers of the answer count on them",
    "spaces_between_special_tokens": "the parsers of the answer count on them",
    "structured_outputs": "grammars and patterns can cost without limit; use response_format",
}
"""Fields that callers try, and why they are refused. Fields that are not listed are as well."""

_ROLES: Final = ("system", "developer", "user", "assistant", "tool")
_MESSAGE: Final = frozenset(
    {
        *("role", "content", "name", "refusal", "tool_calls", "tool_call_id"),
        *("reasoning", "reasoning_content"),
    }
)
_FORMATS: Final = ("text", "json_object", "json_schema")
_BETWEEN: Final = {"n": (1, 16), "top_logprobs": (0, 20)}
"""Numbers that multiply the cost of a request."""
_LONGEST: Final = {"stop": 16, "stop_token_ids": 64, "logit_bias": 1024, "tools": 128}
"""Items of lists that are gone through for every token or every request."""
_READ: Final = ("messages", "tools", "response_format")
"""Fields that end up in the prompt or in a grammar."""


def chat_limits(body: object, limits: LimitConfig) -> None:
    """Check a chat completion before it goes on to vLLM, which checks the rest.

    Args:
        body: The body of the request, any parsed JSON.
        limits: What one request may ask for.

    Raises:
        ApiError: 400: not a request, or a field or part that is not for callers; 413: too long.
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
    count = _characters([given.get(name) for name in _READ])
    if count > limits.prompt_chars:
        said = f"{count} characters in one request; {limits.prompt_chars} are allowed"
        raise ApiError(413, "prompt_too_long", said, param="messages")


def _check_field(name: str) -> None:
    if name not in _OPENAI | _SAMPLING:
        name, why = plain(name), _CLOSED.get(name, "it is not known here")
        said = f"the parameter {name} cannot be set by a request: {why}"
        raise ApiError(400, "unsupported_parameter", said, param=name)


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
        said = f"the role must be one of {', '.join(_ROLES)}"
        raise ApiError(400, "invalid_value", said, param=f"{param}.role")
    for name in message.keys() - _MESSAGE:
        if message[name] is not None:
            place = f"{param}.{plain(str(name))}"
            raise ApiError(400, "unsupported_parameter", f"{place} is not supported", param=place)
    content = message.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            _check_part(part, f"{param}.content[{index}]")
    elif not isinstance(content, str | None):
        raise _wrong_type(f"{param}.content", "string or list of parts")


def _check_part(part: object, param: str) -> None:
    """VLLM goes by more than `type` and fetches what it takes for an address: text alone passes."""
    if not isinstance(part, dict):
        raise _wrong_type(param, "object")
    if part.get("type") != "text" or part.keys() - {"type", "text"}:
        said = f"{param}: the chat model reads text parts alone"
        raise ApiError(400, "unsupported_parameter", said, param=param)
    if not isinstance(part.get("text"), str):
        raise _wrong_type(f"{param}.text", "string")


def _check_sizes(given: dict[str, Any]) -> None:
    for name, (least, most) in _BETWEEN.items():
        value = given.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(name, "integer")
        if not least <= value <= most:
            said = f"{name} must be from {least} to {most}"
            raise ApiError(400, "invalid_value", said, param=name)
    for name, most in _LONGEST.items():
        value = given.get(name)
        if isinstance(value, list | dict) and len(value) > most:
            raise ApiError(400, "invalid_value", f"{name} has more than {most} items", param=name)


def _check_format(wanted: object) -> None:
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in _FORMATS:
        said = f"response_format.type must be one of {', '.join(_FORMATS)}"
        raise ApiError(400, "invalid_value", said, param="response_format")


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
