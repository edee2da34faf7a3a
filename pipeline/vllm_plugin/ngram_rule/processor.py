"""The n-gram rule as a logits processor that vLLM loads by name; `naive` has the rule itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from vllm import SamplingParams
from vllm.model_executor.models.deepseek_ocr import NGramPerReqLogitsProcessor

from pipeline.vllm_plugin.ngram_rule.naive import banned

_WINDOW = 100
"""vLLM's own default where a request names none."""


@dataclass(frozen=True, slots=True)
class RequestRule:
    """The rule for one request, as vLLM's `extra_args` give it."""

    size: int
    window: int
    allowed: frozenset[int]

    def __call__(self, tokens: list[int], logits: torch.Tensor) -> torch.Tensor:
        """Ban tokens in the logits of one request."""
        for token in banned(tokens, self.size, self.window, self.allowed):
            logits[token] = -float("inf")
        return logits


class NGramRule(NGramPerReqLogitsProcessor):  # type: ignore[misc]  # vLLM has no types here
    """The rule for all requests of a step, with one write into their logits.

    Which arguments there are, and what is wrong with them, is vLLM's own class's business.
    """

    def new_req_logits_processor(self, params: SamplingParams) -> RequestRule | None:
        """The rule of a new request, None where it asks for none."""
        extra = params.extra_args or {}
        if not extra.get("ngram_size"):
            return None
        allowed = frozenset(extra.get("whitelist_token_ids") or ())
        return RequestRule(extra["ngram_size"], extra.get("window_size", _WINDOW), allowed)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Ban tokens in the logits of a step, shape (requests, vocabulary)."""
        rows: list[int] = []
        columns: list[int] = []
        for row, state in self.req_info.items():
            rule, tokens = state.func, state.args[0]
            for token in banned(tokens, rule.size, rule.window, rule.allowed):
                rows.append(row)
                columns.append(token)
        if rows:
            logits[rows, columns] = -float("inf")
        return logits
