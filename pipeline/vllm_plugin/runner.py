"""vLLM's model runner with the rule against repetition on the device, and cheaper steps.

A runner is given the class made by `extend` once vLLM has built it: CUDA and CPU have runners
of their own, and each gets the same additions. Written for vLLM's first runner, which is
there from 0.26 to 0.32; the second one has an interface for such rules
(`pipeline.vllm_plugin.ngram_rule.v2`).
"""

from __future__ import annotations

from typing import Any

import torch

from pipeline.vllm_plugin.ngram_rule.rows import Rows
from pipeline.vllm_plugin.options import Options


class OcrRunner:
    """The additions, to be put in front of a class of vLLM's."""

    rows: Rows | None
    decode_only: bool

    def _update_states(self, scheduler_output: Any) -> Any:
        """Bring the batch up to date, and the slots of the token history with it."""
        corrections = super()._update_states(scheduler_output)  # type: ignore[misc]
        if self.rows is not None:
            self._renew(self.rows, scheduler_output)
        return corrections

    def _renew(self, rows: Rows, scheduler_output: Any) -> None:
        """Follow the requests that came, went, or start anew in this step.

        A request that vLLM names as new though it is known got more input (streaming); what it
        wrote is part of its prompt now. A request that resumes after preemption is written
        anew: vLLM may have dropped tokens of it that were in flight.
        """
        ids = self._batch_ids()
        rows.retain(ids)
        enter = set(scheduler_output.scheduled_cached_reqs.resumed_req_ids)
        enter.update(request.req_id for request in scheduler_output.scheduled_new_reqs)
        enter.update(rows.unknown(ids))
        if enter:
            rows.renew({request: self._written(request) for request in enter})

    def _written(self, request: str) -> tuple[dict[str, Any] | None, list[int]]:
        """The arguments of a request's processors, and the tokens of its answer so far."""
        state = self.requests[request]  # type: ignore[attr-defined]
        return state.sampling_params and state.sampling_params.extra_args, state.output_token_ids

    def _batch_ids(self) -> list[str]:
        batch = self.input_batch  # type: ignore[attr-defined]
        ids: list[str] = batch.req_ids[: batch.num_reqs]
        return ids

    def _sample(self, logits: torch.Tensor, spec_decode_metadata: Any) -> Any:
        """Sample under the rule, and remember what was sampled."""
        rows = self.rows
        if rows is None:
            return super()._sample(logits, spec_decode_metadata)  # type: ignore[misc]
        ids = self._batch_ids()
        rows.ban(ids, logits)
        output = super()._sample(logits, spec_decode_metadata)  # type: ignore[misc]
        discard = self.discard_request_mask.gpu[: len(ids)]  # type: ignore[attr-defined]
        rows.push(ids, output.sampled_token_ids[: len(ids), 0], discard)
        return output

    def _gather_mm_embeddings(self, scheduler_output: Any, *args: Any, **kwargs: Any) -> Any:
        """Collect the pictures' embeddings; none where every request is past its prompt.

        vLLM looks for them request by request in every step, also in those that only decode.
        """
        batch = self.input_batch  # type: ignore[attr-defined]
        count = batch.num_reqs
        if self.decode_only and (
            scheduler_output.total_num_scheduled_tokens == count
            and not scheduler_output.scheduled_encoder_inputs
            and bool(
                (batch.num_computed_tokens_cpu[:count] >= batch.num_prompt_tokens[:count]).all()
            )
        ):
            return [], torch.zeros(count, dtype=torch.bool)
        return super()._gather_mm_embeddings(scheduler_output, *args, **kwargs)  # type: ignore[misc]


def install(runner: Any, options: Options) -> None:
    """Give a runner that vLLM has built the additions that the options ask for.

    Raises:
        ValueError: Speculative decoding is on, for which the rule is not written.
    """
    if options.ngram and runner.speculative_config is not None:
        raise ValueError("the n-gram rule on the device does not know speculative decoding")
    rows = None
    if options.ngram:
        rows = Rows(runner.max_num_reqs, runner.max_model_len + 1, runner.device)
    runner.rows, runner.decode_only = rows, options.steps
    runner.__class__ = extend(type(runner))


def extend(base: Any) -> type:
    """A runner's class with the additions in front."""
    return type(f"Ocr{base.__name__}", (OcrRunner, base), {})
