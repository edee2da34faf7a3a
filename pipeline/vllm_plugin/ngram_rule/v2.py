"""The rule against repetition for vLLM's second model runner (0.31 and later).

That runner refuses processors of the old kind, DeepSeek's own among them. Its interface hands
over the tokens of all requests on the device, so nothing has to be remembered here but the rules.
Loaded by name, in the engine's process and in the one that takes requests (`choice.PROCESSOR_V2`).
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsProcessor

from pipeline.vllm_plugin.ngram_rule.history import Rule, RuleTable, ban
from pipeline.vllm_plugin.ngram_rule.rows import rule_of


class NGramRule(LogitsProcessor):  # type: ignore[misc]  # vLLM has no types here
    """The rule for all requests of a step.

    Raises:
        ValueError: Speculative decoding is on: the tokens of drafts are not where the others are.
    """

    def __init__(self, vllm_config: Any, req_states: Any) -> None:
        if vllm_config.speculative_config is not None:
            raise ValueError("the n-gram rule does not know speculative decoding")
        self._states = req_states
        self._rules = RuleTable(req_states.max_num_reqs, req_states.device)
        self._staged: dict[int, Rule] = {}
        self._ruled: set[int] = set()

    @classmethod
    def validate_params(cls, sampling_params: Any) -> None:
        """Refuse arguments that make no sense.

        Raises:
            ValueError: They make none.
        """
        rule_of(sampling_params.extra_args)

    def add_request(self, req_idx: int, sampling_params: Any) -> bool:
        """Note the rule of a request that takes a slot; whether it has one."""
        rule = self._staged[req_idx] = rule_of(sampling_params.extra_args)
        if not rule.distance:
            self._ruled.discard(req_idx)
            return False
        self._ruled.add(req_idx)
        return True

    def apply_staged_writes(self) -> None:
        """Send the rules of new requests to the device."""
        self._rules.put(self._staged)
        self._staged = {}

    def apply(self, logits: torch.Tensor, ctx: Any) -> torch.Tensor:
        """Set the logits of banned tokens to minus infinity, in place.

        Args:
            logits: Shape (rows, vocabulary).
            ctx: Slot and position of each row.
        """
        if self._ruled.isdisjoint(ctx.idx_mapping_np.tolist()):
            return logits
        slots = ctx.expanded_idx_mapping.long()
        begin = self._states.prompt_len.gpu[slots]
        ban(logits, self._states.all_token_ids.gpu, slots, ctx.pos + 1, begin, self._rules)
        return logits
