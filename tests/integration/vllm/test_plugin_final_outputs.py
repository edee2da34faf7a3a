"""Answers that are wanted whole leave the core whole, whatever becomes of them before."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what torch and vLLM say of themselves when first imported
    from vllm.sampling_params import RequestOutputKind, SamplingParams
    from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs
    from vllm.v1.request import Request, RequestStatus

    from pipeline.vllm_plugin.final_outputs import FinalOutputs

STOP, MOST = 9, 12


class Stock:
    """As much of vLLM's scheduler as `update_from_output` needs: it sends each token at once."""

    def __init__(self, requests: dict[str, Any]) -> None:
        self.requests, self.connector, self.max_model_len = requests, None, 64
        self.keeps_tokens = True

    def update_from_output(self, scheduler_output: Any, model_output: Any) -> Any:
        sent = []
        for name in scheduler_output.num_scheduled_tokens:
            request = self.requests.get(name)
            if request is None:
                continue
            tokens = model_output.sampled_token_ids[model_output.req_id_to_index[name]]
            if not tokens:
                continue
            (token,) = tokens
            request.num_in_flight_tokens -= 1
            request.num_output_placeholders -= 1
            request.append_output_token_ids(token)
            ends = token == STOP or len(request.output_token_ids) == request.max_tokens
            if ends:
                del self.requests[name]
            reason = "stop" if ends else None
            sent.append(EngineCoreOutput(name, [token], finish_reason=reason))  # type: ignore[arg-type]
        return {0: EngineCoreOutputs(outputs=sent)} if sent else {}


class Ours(FinalOutputs, Stock):
    pass


def request(name: str, **changes: Any) -> Any:
    values = {"output_kind": RequestOutputKind.FINAL_ONLY, "stop_token_ids": [STOP]}
    params = SamplingParams(max_tokens=MOST, **(values | changes))  # type: ignore[arg-type]
    made = Request(name, [1, 2, 3], params, None)
    made.status = RequestStatus.RUNNING
    return made


def step(scheduler: Any, tokens: dict[str, int], **special: Any) -> dict[str, list[int]]:
    """One step; the tokens that leave the core, by request."""
    for name in tokens:
        if name in scheduler.requests:
            scheduler.requests[name].num_in_flight_tokens += 1
            scheduler.requests[name].num_output_placeholders += 1
    planned = SimpleNamespace(
        num_scheduled_tokens=dict.fromkeys(tokens, 1), scheduled_spec_decode_tokens={}
    )
    model_output = SimpleNamespace(
        sampled_token_ids=[[token] for token in tokens.values()],
        req_id_to_index={name: place for place, name in enumerate(tokens)},
        num_nans_in_logits=special.get("nans"),
    )
    made = scheduler.update_from_output(planned, model_output)
    return {one.request_id: one.new_token_ids for sent in made.values() for one in sent.outputs}


def sent_by_step(asked: Any, tokens: list[int]) -> list[list[int]]:
    scheduler = Ours({"a": asked})
    return [step(scheduler, {"a": token}).get("a", []) for token in tokens]


def test_the_first_two_tokens_go_at_once_and_the_others_with_the_last() -> None:
    assert sent_by_step(request("a"), [1, 2, 3, 4, STOP]) == [[1], [2], [], [], [3, 4, STOP]]


def test_an_answer_that_reaches_its_length_is_sent_whole() -> None:
    sent = sent_by_step(request("a"), [5] * MOST)
    assert sent == [[5], [5], *[[]] * (MOST - 3), [5] * (MOST - 2)]


@pytest.mark.parametrize(
    "changes",
    [
        {"output_kind": RequestOutputKind.DELTA},
        {"output_kind": RequestOutputKind.CUMULATIVE},
        {"logprobs": 0},
        {"stop": ["end"], "detokenize": True},
    ],
)
def test_an_answer_that_is_followed_is_sent_token_by_token(changes: dict[str, Any]) -> None:
    assert sent_by_step(request("a", **changes), [1, 2, 3, 4]) == [[1], [2], [3], [4]]


def test_a_request_that_was_preempted_loses_no_token() -> None:
    asked = request("a")
    scheduler = Ours({"a": asked})
    assert [step(scheduler, {"a": token}) for token in (1, 2, 3)][2] == {}
    asked.status = RequestStatus.PREEMPTED
    assert step(scheduler, {"a": 4}) == {"a": [3, 4]}
    asked.status = RequestStatus.RUNNING
    assert step(scheduler, {"a": 5}) == {}
    assert step(scheduler, {"a": STOP}) == {"a": [5, STOP]}
    assert list(asked.output_token_ids) == [1, 2, 3, 4, 5, STOP]


@pytest.mark.parametrize("count", [1, 100])
def test_a_request_that_reads_its_prompt_again_loses_no_token(count: int) -> None:
    asked = request("a")
    scheduler = Ours({"a": asked})
    assert [step(scheduler, {"a": token}) for token in (1, 2, 3)][2] == {}
    planned = SimpleNamespace(num_scheduled_tokens={"a": count}, scheduled_spec_decode_tokens={})
    model_output = SimpleNamespace(
        sampled_token_ids=[[]], req_id_to_index={"a": 0}, num_nans_in_logits=None
    )
    assert scheduler.update_from_output(planned, model_output) == {}
    assert step(scheduler, {"a": STOP}) == {"a": [3, STOP]}


def test_a_step_with_something_unusual_is_vllms_own() -> None:
    scheduler = Ours({"a": request("a")})
    for token in (1, 2):
        step(scheduler, {"a": token})
    assert step(scheduler, {"a": 3}, nans={"a": 1}) == {"a": [3]}


def test_a_request_that_is_gone_is_left_to_vllm() -> None:
    scheduler = Ours({"a": request("a")})
    assert step(scheduler, {"gone": 3, "a": 1}) == {"a": [1]}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_leaves_is_what_was_sampled(data: st.DataObject) -> None:
    kinds = [RequestOutputKind.FINAL_ONLY, RequestOutputKind.DELTA]
    asked = {name: request(name, output_kind=data.draw(st.sampled_from(kinds))) for name in "abcd"}
    scheduler = Ours(dict(asked))
    sampled: dict[str, list[int]] = {name: [] for name in asked}
    arrived: dict[str, list[int]] = {name: [] for name in asked}
    for _ in range(MOST):
        names = data.draw(st.permutations(sorted(scheduler.requests)))
        tokens = {name: data.draw(st.sampled_from([1, 2, 3, STOP])) for name in names}
        for name, token in tokens.items():
            sampled[name].append(token)
        for name, new in step(scheduler, tokens).items():
            arrived[name] += new
    assert arrived == sampled
    for name, one in asked.items():
        assert list(one.output_token_ids) == sampled[name]
        assert one.num_in_flight_tokens == one.num_output_placeholders == 0
