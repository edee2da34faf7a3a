"""The chat engine: vLLM's own OpenAI serving classes behind one method.

Chat templates, reasoning parsers, tools and streaming are vLLM's. The class knows nothing of Ray
Serve; `serving.deployments.ChatReplica` wraps it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from pipeline.engines.deepseek_ocr.engine_args import check_version, set_environment
from pipeline.errors import EngineError
from serving.chat.reasoning import add_reasoning_content
from serving.config import ChatConfig
from serving.errors import ApiError

REVISIONS = {
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": "6a6f4aa4197940add57724a7707d069478df56b1",
}
"""The commits on the hub that this release was tested with."""

_CLOSED = frozenset({"mm_processor_kwargs", "chat_template", "vllm_xargs", "kv_transfer_params"})
"""Fields that change how vLLM's engine runs: refused here too, for callers of the class that do
not use `serving.chat.allowed_fields`."""
_BAD_REQUEST, _ENGINE_FAILED = 400, 500


class ChatEngine(Protocol):
    """Answers chat completions."""

    async def answer(self, body: Mapping[str, Any]) -> dict[str, Any] | AsyncGenerator[str, None]:
        """As `VllmChatEngine.answer`."""
        ...

    async def healthy(self) -> bool:
        """Whether it can answer."""
        ...


def build(config: ChatConfig) -> ChatEngine:
    """Build the chat engine of a config, in the process that will use it.

    Raises:
        ConfigError: vLLM is missing or its version is not supported.
        EngineError: vLLM did not start.
    """
    if config.kind == "fake":
        from serving.chat.fake import FakeChatEngine

        return FakeChatEngine(config)
    return VllmChatEngine(config)


class VllmChatEngine:
    """A chat model on vLLM. The constructor loads the model, which takes minutes on a GPU.

    Args:
        config: The model and how it is run.

    Raises:
        ConfigError: vLLM is missing or its version is not supported.
        EngineError: vLLM did not start.
    """

    def __init__(self, config: ChatConfig) -> None:
        check_version()
        set_environment(config.cache_dir)
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        try:
            self._llm = AsyncLLM.from_engine_args(
                AsyncEngineArgs(**engine_args(config)),
                # As in `vllm serve`: the tokens of one step then depend on the GPU (8,192 on an
                # H100). Without it they are 2,048.
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
            The response as JSON values; or, if the body asks for a stream, server-sent events
            ("data: …" and a blank line), the last of them "data: [DONE]". vLLM reports an error
            after the first event as an event.

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
            return _with_reasoning_content(result)
        response: dict[str, Any] = result.model_dump(mode="json", exclude_none=True)
        for choice in response["choices"]:
            add_reasoning_content(choice["message"])
        return response

    async def healthy(self) -> bool:
        """Whether the engine is alive."""
        return not self._llm.errored

    def close(self) -> None:
        """End vLLM's processes."""
        self._llm.shutdown()


async def _with_reasoning_content(events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    async with aclosing(events):  # closing the stream makes vLLM abort the request
        async for event in events:
            yield _rewritten(event) if '"reasoning":' in event else event


def _rewritten(event: str) -> str:
    values = json.loads(event.removeprefix("data: "))
    for choice in values["choices"]:
        add_reasoning_content(choice["delta"])
    return f"data: {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _as_api_error(error: Exception) -> ApiError:
    """Map an exception of vLLM's serving classes.

    For a bad request vLLM 0.26 raises ValueError, and 0.29 VLLMClientError.
    """
    import vllm.exceptions

    client_error = getattr(vllm.exceptions, "VLLMClientError", ValueError)
    is_bad_request = isinstance(error, (client_error, ValueError, TypeError))
    status = _BAD_REQUEST if is_bad_request else _ENGINE_FAILED
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
        # Inside a Ray actor vLLM's default is to start more actors; this actor has the GPUs.
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
    """Parse a body as vLLM's request.

    Raises:
        ApiError: It is not a chat completion request, or has a field of `_CLOSED`.
    """
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    if closed := sorted(_CLOSED & body.keys()):
        message = f"the fields {', '.join(closed)} cannot be set by a request"
        raise ApiError(_BAD_REQUEST, "unsupported_parameter", message, param=closed[0])
    try:
        return ChatCompletionRequest.model_validate(body)
    except Exception as error:  # pydantic's, or what vLLM's validators raise
        raise _as_api_error(error) from error
