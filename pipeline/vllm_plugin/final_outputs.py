"""Tokens of an answer that is wanted only whole are kept in the core until it ends.

After each step vLLM makes a message of every running request's new token, sends all of them to
the process that takes requests, and has them looked at there, 512 at a time and 40 times a
second; an answer that is wanted only at its end (`FINAL_ONLY`) leaves nothing there to be done.
Here such a token is noted in the request, and the last message carries them all. Statistics of
vLLM that count tokens as they come count them when the page ends.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from vllm.sampling_params import RequestOutputKind
from vllm.v1.request import RequestStatus

_LEAST_WRITTEN = 2
"""Tokens that go vLLM's own way: with them it takes the prompt's end down and frees pictures."""


class FinalOutputs:
    """The additions, to be put in front of a scheduler of vLLM's."""

    requests: dict[str, Any]
    connector: Any
    max_model_len: int
    keeps_tokens: bool
    """Whether tokens may be kept: `outputs` is on, and full blocks are entered in no cache."""

    def update_from_output(self, scheduler_output: Any, model_output: Any) -> Any:
        """Take in a step's tokens. Those that end nothing and are not waited for are kept."""
        if not self.keeps_tokens or _is_special(self, scheduler_output, model_output):
            return super().update_from_output(scheduler_output, model_output)  # type: ignore[misc]
        others = self._keep(scheduler_output.num_scheduled_tokens, model_output)
        requests = {name: self.requests.get(name) for name in others}  # those that end are removed
        rest = copy.copy(scheduler_output)
        rest.num_scheduled_tokens = others
        made = super().update_from_output(rest, model_output)  # type: ignore[misc]
        for outputs in made.values():
            for output in outputs.outputs:
                # A request may have no message: one that reads on in its prompt after a preemption.
                if tokens := _take_kept(requests.get(output.request_id)):
                    output.new_token_ids = [*tokens, *output.new_token_ids]
        return made

    def _keep(self, scheduled: dict[str, int], model_output: Any) -> dict[str, int]:
        """Note what can be kept; the requests of which that is not so, with their counts."""
        tokens, places = model_output.sampled_token_ids, model_output.req_id_to_index
        others = {}
        for name, count in scheduled.items():
            request = self.requests.get(name)
            if (
                count != 1
                or request is None
                or request.status is not RequestStatus.RUNNING
                or not self._keeps(request, tokens[places[name]])
            ):
                others[name] = count
        return others

    def _keeps(self, request: Any, tokens: Collection[int]) -> bool:
        """Whether a step's token was noted in its request: nobody waits for it, it ends nothing."""
        try:
            stops, most = request.kept_until
        except AttributeError:
            stops, most = request.kept_until = _end(request, self.max_model_len)
            request.kept_tokens = []
        written = len(request._output_token_ids)
        if not _LEAST_WRITTEN <= written < most - 1 or len(tokens) != 1 or _is_stale(request):
            return False
        (token,) = tokens
        if token in stops:
            return False
        request.num_in_flight_tokens -= 1
        request.num_output_placeholders -= 1
        request.append_output_token_ids(token)
        request.kept_tokens.append(token)
        return True


def _end(request: Any, max_model_len: int) -> tuple[frozenset[int], int]:
    """What ends an answer: token ids and a length in tokens; the length 0: nothing is kept."""
    asked = request.sampling_params
    if (
        asked is None
        or asked.output_kind is not RequestOutputKind.FINAL_ONLY
        or asked.logprobs is not None
        or asked.prompt_logprobs is not None
        or asked.stop
        or getattr(asked, "repetition_detection", None) is not None
        or request.use_structured_output
        or request.resumable
    ):
        return frozenset(), 0
    stops = {asked.eos_token_id, *(asked.stop_token_ids or ())} - {None}
    return frozenset(stops), min(request.max_tokens, max_model_len - request.num_prompt_tokens)


def _is_special(scheduler: Any, scheduler_output: Any, model_output: Any) -> bool:
    """Whether a step has what only vLLM's own way knows."""
    return bool(
        scheduler.connector
        or scheduler_output.scheduled_spec_decode_tokens
        or not model_output.sampled_token_ids
        or model_output.num_nans_in_logits
        or getattr(model_output, "routed_experts", None) is not None
    )


def _is_stale(request: Any) -> bool:
    """Whether the token was asked for before the request was preempted. Names differ by version."""
    return bool(
        getattr(request, "async_tokens_to_discard", 0)
        or getattr(request, "num_stale_output_tokens", 0)
    )


def _take_kept(request: Any) -> list[int]:
    """The tokens that were kept of a request, which are sent with its next one."""
    kept: list[int] = getattr(request, "kept_tokens", [])
    if kept:
        request.kept_tokens = []
    return kept
