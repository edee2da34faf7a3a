"""vLLM's scheduler with a shorter way for requests that only decode.

In each step vLLM asks for room in the KV cache and for encoder inputs, request by request. With
256 requests that was the largest part of the time that the engine's Python took. A request that
decodes one token mostly has room in its last block, and its pictures are behind it: both are
seen from three numbers. Whatever is not that plain goes vLLM's own way.

While many requests are decoded, those that enter do so several at a time. Answers that are wanted
whole are sent whole (`final_outputs`).
"""

from __future__ import annotations

from typing import Any

from vllm.v1.core.encoder_cache_manager import EncoderCacheManager
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.single_type_kv_cache_manager import FullAttentionManager

from pipeline.vllm_plugin.final_outputs import FinalOutputs
from pipeline.vllm_plugin.options import Options

_MOST_HELD_STEPS = 8
"""Steps for which pages that could enter wait for others at most."""
_LEAST_SEATS = 64
"""With fewer seats none waits: of 64 answers of 1,000 tokens, one ends in 16 steps."""

_STEPS_ENCODED = 3
"""Steps whose pictures are kept. VLLM keeps those of one step, and gives them back once it knows
that the step has run, which is after the next one is planned: so while the seats fill, each second
step took no page in. A step's are 42 MB."""


class DecodeKVCacheManager(KVCacheManager):  # type: ignore[misc]  # vLLM has no types here
    """Knows when one more token has room already.

    `applies` says for which managers that is all there is to know: one kind of full attention,
    where no block is ever given back early, and no prefix cache, where full blocks are entered.
    """

    @staticmethod
    def applies(manager: Any) -> bool:
        """Whether the shorter way leads to the same end."""
        kinds = manager.coordinator.single_type_managers
        return (
            type(manager) is KVCacheManager
            and not manager.enable_caching
            and len(kinds) == 1
            and type(kinds[0]) is FullAttentionManager
        )

    def allocate_slots(self, request: Any, num_new_tokens: int, *args: Any, **kwargs: Any) -> Any:
        """Make room for new tokens; no block where the last one holds the token."""
        if num_new_tokens == 1 and not args and kwargs == {"num_lookahead_tokens": 0}:
            kind = self.coordinator.single_type_managers[0]
            blocks = kind.req_to_blocks.get(request.request_id)
            if blocks and request.num_computed_tokens < len(blocks) * kind.block_size:
                return self.empty_kv_cache_blocks
        return super().allocate_slots(request, num_new_tokens, *args, **kwargs)


class _DecodeSteps(FinalOutputs):
    """The additions, to be put in front of a scheduler of vLLM's."""

    vllm_config: Any
    kv_cache_manager: Any
    is_encoder_decoder: bool
    max_num_running_reqs: int
    prefill_capacity_bound: bool
    encoder_cache_manager: Any
    prefill_pages: int
    held_steps: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options = Options.from_config(self.vllm_config.additional_config)
        self.prefill_pages = options.prefill_pages
        self.held_steps = 0
        if type(self.encoder_cache_manager) is EncoderCacheManager:
            size = _STEPS_ENCODED * self.encoder_cache_manager.cache_size
            self.encoder_cache_manager = EncoderCacheManager(cache_size=size)
        applies = DecodeKVCacheManager.applies(self.kv_cache_manager)
        self.keeps_tokens = options.outputs and applies
        if applies:
            self.kv_cache_manager.__class__ = DecodeKVCacheManager

    def schedule(self, throttle_prefills: bool = False) -> Any:
        """Plan a step; pages that could enter wait until enough of them can."""
        if self._holds_pages():
            self.prefill_capacity_bound = False  # else vLLM does not defer them
            throttle_prefills = True
        return super().schedule(throttle_prefills)  # type: ignore[misc]

    def _holds_pages(self) -> bool:
        """Whether the pages that could enter now wait for more.

        Once the seats are taken, pages end and enter one by one. The encoder and the experts work
        better on several pages, and a step without a prompt runs as one graph.
        """
        seats = self.max_num_running_reqs
        running, waiting = self.get_request_counts()  # type: ignore[attr-defined]
        few = 0 < min(seats - running, waiting) < self.prefill_pages
        is_busy = seats >= _LEAST_SEATS and 2 * running >= seats
        if few and is_busy and self.held_steps < _MOST_HELD_STEPS:
            self.held_steps += 1
            return True
        self.held_steps = 0
        return False

    def _try_schedule_encoder_inputs(
        self,
        request: Any,
        num_computed_tokens: int,
        num_new_tokens: int,
        budget: int,
        **kwargs: Any,
    ) -> Any:
        """Which encoder inputs a step needs; none for a request past its prompt."""
        if num_computed_tokens > request.num_prompt_tokens and not self.is_encoder_decoder:
            # Asked for no tokens, vLLM looks at no picture. What it returns differs by version.
            inputs, _, *rest = super()._try_schedule_encoder_inputs(  # type: ignore[misc]
                request, num_computed_tokens, 0, budget, **kwargs
            )
            return inputs, num_new_tokens, *rest
        return super()._try_schedule_encoder_inputs(  # type: ignore[misc]
            request, num_computed_tokens, num_new_tokens, budget, **kwargs
        )


class OcrAsyncScheduler(_DecodeSteps, AsyncScheduler):  # type: ignore[misc]
    """For steps that are planned while the one before runs."""
