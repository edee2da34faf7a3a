"""The chat model: vLLM's own OpenAI serving classes, behind one method.

Templates, reasoning parsers, tools and streaming are vLLM's; nothing of them is written again
here. The class serves inside any application: Ray Serve's deployments build on it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from pipeline.config import ChatConfig
from pipeline.engines.deepseek_ocr.engine_args import check_version, set_environment
from pipeline.errors import EngineError
from serving.errors import ApiError

REVISIONS = {
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": "6a6f4aa4197940add57724a7707d069478df56b1",
}
"""The commits on the hub that this release was written for."""

_CLOSED = frozenset({"mm_processor_kwargs", "chat_template", "vllm_xargs", "kv_transfer_params"})
"""Fields of vLLM's requests that reach into its engine: not for callers."""
_BAD_REQUEST, _ENGINE_FAILED = 400, 500


class Chat(Protocol):
    """Answers conversations."""

    async def answer(self, body: Mapping[str, Any]) -> dict[str, Any] | AsyncGenerator[str, None]:
        """As `ChatModel.answer`."""
        ...

    async def healthy(self) -> bool:
        """Whether it can answer."""
        ...


def build(config: ChatConfig) -> Chat:
    """The chat model of a config, in the process that will use it.

    Raises:
        ConfigError: vLLM is missing or out of range.
        EngineError: vLLM did not start.
    """
    if config.kind == "fake":
        from serving.chat.fake import FakeChat

        return FakeChat(config)
    return ChatModel(config)


class ChatModel:
    """A chat model on vLLM. Build it where it runs; starting takes minutes on a GPU.

    Args:
        config: The model and how it is run.

    Raises:
        ConfigError: vLLM is missing or out of range.
        EngineError: vLLM did not start.
    """

    def __init__(self, config: ChatConfig) -> None:
        check_version()
        set_environment(config)
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            self._llm = AsyncLLM.from_engine_args(
                AsyncEngineArgs(**engine_args(config)),
                # Else a step takes 2,048 tokens, where that of `vllm serve` takes what suits the
                # GPU (8,192 on an H100).
                usage_context=UsageContext.OPENAI_API_SERVER,
            )
        except Exception as error:
            raise EngineError(f"vLLM did not start with {config.model}: {error}") from error
        self._chat = _serving(self._llm, config)
        self._name = config.name

    async def answer(self, body: Mapping[str, Any]) -> dict[str, Any] | AsyncGenerator[str, None]:
        """Answer one request.

        Args:
            body: An OpenAI chat completion request, as parsed JSON.

        Returns:
            The response as plain values; or, if the body asks for a stream, the lines of an event
            stream ("data: …" and a blank line), the last of them "data: [DONE]". A failure after
            the stream began is an event of its own: vLLM writes it.

        Raises:
            ApiError: The request is wrong, or the engine could not answer it.
        """
        request = _parsed({"model": self._name, **body})
        try:
            result = await self._chat.create_chat_completion(request, None)
        except Exception as error:
            raise _as_api_error(error) from error
        if (failure := getattr(result, "error", None)) is not None:
            raise _error(int(failure.code), str(failure.message))
        if request.stream:
            return _both_names_in_stream(result)
        plain: dict[str, Any] = result.model_dump(mode="json", exclude_none=True)
        for choice in plain["choices"]:
            both_names(choice["message"])
        return plain

    async def healthy(self) -> bool:
        """Whether the engine is alive."""
        return not self._llm.errored

    def close(self) -> None:
        """End vLLM's processes."""
        self._llm.shutdown()


def both_names(message: dict[str, Any]) -> None:
    """Give the reasoning of a message, or of a piece of one, under both its names.

    vLLM calls it `reasoning`, DeepSeek's own interface `reasoning_content`.
    """
    if message.get("reasoning") is not None:
        message["reasoning_content"] = message["reasoning"]


async def _both_names_in_stream(lines: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    async with aclosing(lines):  # vLLM stops writing when its stream is closed
        async for line in lines:
            yield _both_names_in_line(line) if '"reasoning":' in line else line


def _both_names_in_line(line: str) -> str:
    event = json.loads(line.removeprefix("data: "))
    for choice in event["choices"]:
        both_names(choice["delta"])
    return f"data: {json.dumps(event, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _as_api_error(error: Exception) -> ApiError:
    """What an exception of vLLM's serving classes means: 0.26 raises ValueErrors, 0.29 its own."""
    import vllm.exceptions

    own = getattr(vllm.exceptions, "VLLMClientError", ValueError)
    status = _BAD_REQUEST if isinstance(error, (own, ValueError, TypeError)) else _ENGINE_FAILED
    return _error(status, str(error) or type(error).__name__)


def _error(status: int, message: str) -> ApiError:
    return ApiError(status, "engine" if status >= _ENGINE_FAILED else "invalid_request", message)


def engine_args(config: ChatConfig) -> dict[str, Any]:
    """The arguments of vLLM's `AsyncEngineArgs`."""
    revision = config.revision or REVISIONS.get(config.model)
    return {
        "model": config.model,
        "revision": revision,
        "tokenizer_revision": revision,
        "dtype": config.dtype,
        "load_format": config.load_format,
        "max_model_len": config.max_model_len,
        "tensor_parallel_size": config.tensor_parallel_size,
        # Inside a Ray actor vLLM would ask Ray for more actors; the GPUs are this actor's own.
        "distributed_executor_backend": "mp" if config.tensor_parallel_size > 1 else None,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "max_num_seqs": config.max_num_seqs,
        "enforce_eager": config.enforce_eager,
        "reasoning_parser": config.reasoning_parser,
    }


def _serving(llm: Any, config: ChatConfig) -> Any:
    from vllm.entrypoints.openai.chat_completion.serving import OpenAIServingChat
    from vllm.entrypoints.openai.models.protocol import BaseModelPath
    from vllm.entrypoints.openai.models.serving import OpenAIServingModels
    from vllm.renderers.online_renderer import OnlineRenderer

    template: dict[str, Any] = {
        "request_logger": None,
        "chat_template": None,  # the model's own
        "chat_template_content_format": "auto",
        "reasoning_parser": config.reasoning_parser,
    }
    renderer = OnlineRenderer(model_config=llm.model_config, renderer=llm.renderer, **template)
    models = OpenAIServingModels(llm, [BaseModelPath(name=config.name, model_path=config.model)])
    return OpenAIServingChat(llm, models, "assistant", online_renderer=renderer, **template)


def _parsed(body: dict[str, Any]) -> Any:
    """VLLM's request of a body.

    Raises:
        ApiError: It is no chat request, or has fields that are closed to callers.
    """
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    if closed := sorted(_CLOSED & body.keys()):
        message = f"the fields {', '.join(closed)} cannot be set by a request"
        raise ApiError(_BAD_REQUEST, "unsupported_parameter", message, param=closed[0])
    try:
        return ChatCompletionRequest.model_validate(body)
    except Exception as error:  # pydantic's, or what vLLM's validators raise
        raise _as_api_error(error) from error
