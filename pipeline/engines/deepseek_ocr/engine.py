"""DeepSeek-OCR on vLLM: one `AsyncLLM`, many pages in flight, prepared beside its event loop.

The only module that calls vLLM's engine, from 0.26 to 0.32. Three things differ from its examples:

- A page is turned into model input by `renderer.render_cmpl` in threads of our own. Given raw
  prompts, `AsyncLLM.generate` does that work on its event loop (0.26) or on one thread (0.29).
- The prompt goes in as token ids with the start token in front, so that no default of the
  tokenizer decides what the model reads.
- The count of image tokens is compared before a page is submitted: a mismatch inside the core
  ends the core. No request sets `mm_processor_kwargs`, which can cause one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from PIL import Image

from pipeline.config import VllmConfig
from pipeline.engines.deepseek_ocr import model, requests, views
from pipeline.engines.deepseek_ocr import self_test as selftest
from pipeline.engines.deepseek_ocr.engine_args import (
    check_engine_kwargs,
    check_version,
    engine_args,
    set_environment,
)
from pipeline.engines.deepseek_ocr.supervisor import Core, EngineDied, Supervisor
from pipeline.engines.deepseek_ocr.tokens import PromptTokenizer
from pipeline.errors import EngineError
from pipeline.types import FinishReason, Generation, Request, Sampling
from pipeline.vllm_plugin import choice, sharing

_log = logging.getLogger(__name__)


class VllmEngine:
    """The engine of the config's model. Starting it takes minutes on a GPU.

    Args:
        config: The model and how it is run.
        self_test: Test it with a page of our own before the first one.

    Raises:
        ConfigError: vLLM is missing, or a version that this release does not know.
        EngineError: vLLM did not start.
    """

    def __init__(self, config: VllmConfig, self_test: bool = True) -> None:
        start = partial(VllmCore.start, config, self_test)
        self._cores = Supervisor(start, config.max_restarts)

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: The page failed.
            ConfigError: The self-test failed (with the first page).
            JobError: The engine died too often.
        """
        return await self._cores.generate(request)

    def close(self) -> None:
        """End the engine and its processes."""
        self._cores.close()


class VllmCore:
    """One running `AsyncLLM`. See `pipeline.engines.deepseek_ocr.supervisor.Core`.

    Args:
        llm: The `AsyncLLM`, or something with its `renderer`, `model_config`, `generate`,
            `errored` and `shutdown`.
        config: The model and how it is run.
        self_test: Whether `check` does anything.
    """

    def __init__(self, llm: Any, config: VllmConfig, self_test: bool) -> None:
        self.config = config
        self.parts = choice.parts(config, model.family(config).name)
        self.vocabulary = PromptTokenizer(llm.renderer.get_tokenizer())
        self.architecture: str = llm.model_config.architecture
        self._llm = llm
        self._self_test = self_test
        self._closed = False
        self._threads = ThreadPoolExecutor(config.prepare_threads, thread_name_prefix="render")
        self._numbers = itertools.count()

    @classmethod
    def start(cls, config: VllmConfig, self_test: bool) -> Core:
        """Start vLLM; blocks until the model is loaded."""
        check_version()
        parts = choice.parts(config, model.family(config).name)
        set_environment(config.cache_dir, second_runner=parts.second_runner)
        for shared in sharing.report(config.engines_per_gpu).values():
            _log.warning("%s; they start one after the other", shared)
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        check_engine_kwargs(config, AsyncEngineArgs)
        try:
            with sharing.starting():
                llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**engine_args(config)))
        except Exception as error:
            raise EngineError(f"vLLM did not start with {config.model}: {error}") from error
        return cls(llm, config, self_test)

    async def check(self) -> None:
        """Run the self-test, unless it is switched off.

        Raises:
            ConfigError: It failed; the message says what to change.
        """
        if self._self_test:
            await selftest.run(self)

    async def generate(self, request: Request) -> Generation:
        """Recognise one page.

        Raises:
            EngineError: This page failed.
            EngineDied: vLLM's core is dead.
        """
        start = time.perf_counter()
        prompt = await self.render(request)
        input_ms = (time.perf_counter() - start) * 1000
        size = len(prompt["prompt_token_ids"])
        output = await self.complete(
            prompt,
            max_tokens=model.max_answer_tokens(request.max_tokens, self.config.max_model_len, size),
            ignore_eos=self.config.ignore_eos,
            extra_args=model.ngram_args(self.config, self.vocabulary.whitelist, request.sampling),
            sampling=request.sampling,
        )
        return self._generation(output, request, input_ms)

    async def render(self, request: Request) -> dict[str, Any]:
        """Turn a page into the model's input, beside the event loop.

        Raises:
            EngineError: vLLM cannot, or makes another number of image tokens than expected.
            EngineDied: vLLM's core is dead.
        """
        loop = asyncio.get_running_loop()
        try:
            prompt = await loop.run_in_executor(self._threads, self._render, request)
        except Exception as error:
            raise self._as_ours(error, "cannot prepare the page") from error
        made = sum(place.length for place in prompt["mm_placeholders"]["image"])
        if made != request.image_tokens:
            raise EngineError(
                f"vLLM made {made} image tokens of the page where {request.image_tokens} belong"
            )
        return prompt

    def _render(self, request: Request) -> dict[str, Any]:
        ids = self.vocabulary.encode(request.prompt)
        if self.parts.encoder:
            return self._plugin_input(ids, request)
        image = Image.fromarray(request.image)
        prompt = {"prompt_token_ids": ids, "multi_modal_data": {"image": image}}
        rendered: list[dict[str, Any]] = self._llm.renderer.render_cmpl([prompt])
        return rendered[0]

    def _plugin_input(self, ids: list[int], request: Request) -> dict[str, Any]:
        """The page as the plugin's encoder takes it.

        The tokens are counted from the image and not taken from the request, as in vLLM's own way:
        `render` compares both, and a wrong count would end the engine.
        """
        from pipeline.vllm_plugin.encoder.inputs import page_input

        family = model.family(self.config)
        height_px, width_px = request.image.shape[:2]
        pieces = requests.pieces(request, family)
        count = views.image_tokens(width_px, height_px, family)
        return page_input(ids, self.vocabulary.image, count, pieces)

    async def complete(
        self,
        prompt: Mapping[str, Any],
        *,
        max_tokens: int,
        extra_args: Mapping[str, object],
        ignore_eos: bool = False,
        logit_bias: Mapping[int, float] | None = None,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    ) -> Any:
        """Let the model answer a rendered prompt; vLLM's `RequestOutput` when it has finished.

        Raises:
            EngineError: This page failed.
            EngineDied: vLLM's core is dead.
        """
        from vllm.sampling_params import RequestOutputKind, SamplingParams
        from vllm.v1.engine.exceptions import EngineDeadError

        if "ngram_size" not in extra_args:
            raise EngineError("ngram_size is missing: vLLM would not look for repetitions")
        params = SamplingParams(
            **_sampling_arguments(sampling),
            max_tokens=max_tokens,
            skip_special_tokens=model.SKIP_SPECIAL_TOKENS,
            ignore_eos=ignore_eos,
            logit_bias=dict(logit_bias) if logit_bias else None,
            extra_args=dict(extra_args),
            output_kind=RequestOutputKind.FINAL_ONLY,
            # One decoding at the end instead of one for each token; stop strings need the latter.
            detokenize=bool(sampling.stop),
        )
        number = next(self._numbers)
        try:
            outputs = [out async for out in self._llm.generate(prompt, params, f"page-{number}")]
        except EngineDeadError as error:
            raise EngineDied from error
        except Exception as error:
            raise self._as_ours(error, "failed on the page") from error
        if not outputs or not outputs[-1].outputs:
            raise EngineError("vLLM ended the page without an answer")
        return outputs[-1]

    def _generation(self, output: Any, request: Request, input_ms: float) -> Generation:
        answer, times = output.outputs[0], output.metrics
        if answer.finish_reason not in ("stop", "length"):
            raise EngineError(f"vLLM ended the page early: {answer.finish_reason}")
        text = answer.text
        if not request.sampling.stop:
            ended = answer.finish_reason == "stop"
            text = self.vocabulary.answer(list(answer.token_ids), ended=ended)
        return Generation(
            text=text,
            finish_reason=FinishReason(answer.finish_reason),
            prompt_tokens=len(output.prompt_token_ids),
            image_tokens=request.image_tokens,
            output_tokens=len(answer.token_ids),
            input_ms=input_ms,
            queue_ms=_between(times, "queued_ts", "scheduled_ts"),
            prefill_ms=_between(times, "scheduled_ts", "first_token_ts"),
            decode_ms=_between(times, "first_token_ts", "last_token_ts"),
        )

    def _as_ours(self, error: Exception, what: str) -> EngineError | EngineDied:
        """`EngineDied` where the core is dead or closed by now, else an error of the page."""
        if self._closed or self._llm.errored:
            return EngineDied()
        return EngineError(f"vLLM {what}: {error}")

    def close(self) -> None:
        """End vLLM's processes."""
        self._closed = True
        self._threads.shutdown(wait=False)
        self._llm.shutdown()


def _sampling_arguments(sampling: Sampling) -> dict[str, Any]:
    """The arguments of `SamplingParams` for a `Sampling`, without those that are unset.

    VLLM leaves a stop string out of the text, and searches the text with its special tokens.
    """
    arguments: dict[str, Any] = {"temperature": sampling.temperature}
    if sampling.seed is not None:
        arguments["seed"] = sampling.seed
    if sampling.stop:
        arguments["stop"] = list(sampling.stop)
    return arguments


def _between(times: Any, start: str, end: str) -> float | None:
    """Milliseconds between two of vLLM's time stamps, None where one of them is missing."""
    from_s, to_s = getattr(times, start, 0.0), getattr(times, end, 0.0)
    return (to_s - from_s) * 1000 if from_s and to_s else None
