"""The rule in vLLM's second model runner (0.31 and later), with vLLM's own state of requests.

That runner's kernels need Triton, which there is none of on a CPU. So the parts that the rule
touches are vLLM's (the loader, the requests' slots and tokens, the batch's layout), and what its
kernels do to them, copying staged tokens and adding sampled ones, is done here by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm import SamplingParams

from pipeline.vllm_plugin import choice
from pipeline.vllm_plugin.ngram_rule.naive import banned
from pipeline.vllm_plugin.ngram_rule.rows import rule_of

loader = pytest.importorskip(
    "vllm.v1.worker.gpu.sample.logits_processor", reason="vLLM before 0.31"
)
buffers = pytest.importorskip("vllm.v1.worker.gpu.buffer_utils", reason="vLLM before 0.31")
exceptions = pytest.importorskip("vllm.exceptions", reason="vLLM before 0.31")
states = pytest.importorskip("vllm.v1.worker.gpu.states", reason="vLLM before 0.31")

CPU = torch.device("cpu")
SLOTS, LENGTH, VOCABULARY = 4, 96, 5
CONFIG = SimpleNamespace(speculative_config=None)

tokens = st.integers(0, 2)
prompts = st.lists(tokens, min_size=1, max_size=8)
arguments = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"ngram_size": st.integers(2, 5)},
        optional={
            "window_size": st.integers(1, 24),
            "whitelist_token_ids": st.lists(tokens, max_size=2),
        },
    ),
)


@pytest.fixture(scope="module", autouse=True)
def plain_memory() -> Iterator[None]:
    """Memory that a GPU could read too does not exist without one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "is_uva_available", lambda: False)
        yield


class Request(SimpleNamespace):
    """A request as the engine sees it: prompt, tokens written, and its sampling."""

    prompt: list[int]
    written: list[int]
    extra: Mapping[str, Any] | None
    temperature: float

    def expected(self) -> set[int]:
        rule = rule_of(self.extra)
        return banned(self.written, rule.size, rule.window, rule.allowed) if rule.size else set()


class Runner:
    """What the second model runner does with a logits processor, step by step."""

    def __init__(self) -> None:
        self.states = states.RequestState(SLOTS, LENGTH, LENGTH, 0, VOCABULARY, CPU)
        (self.rule,) = loader.build_custom_logits_processors(
            CONFIG, self.states, False, (choice.PROCESSOR_V2,)
        )
        self.validate = loader.build_custom_logits_processors_params_validator(
            (choice.PROCESSOR_V2,)
        )

    def add(self, name: str, request: Request) -> None:
        params = SamplingParams(temperature=request.temperature, extra_args=request.extra)
        self.validate(params)
        fed = [*request.prompt, *request.written]
        self.states.add_request(name, len(request.prompt), fed, 0, LENGTH)
        self.rule.add_request(self.states.req_id_to_index[name], params)

    def remove(self, name: str) -> None:
        self.states.remove_request(name)

    def flush(self) -> None:
        """What is staged for the device, as vLLM's kernel copies it."""
        self.states.prompt_len.copy_to_uva()
        staged = self.states.all_token_ids
        begin = 0
        for row, start, end in zip(
            staged._staged_write_indices,
            staged._staged_write_starts,
            staged._staged_write_cu_lens,
            strict=True,
        ):
            content = staged._staged_write_contents[begin:end]
            staged.gpu[row, start : start + len(content)] = torch.tensor(content)
            begin = end
        staged.clear_staged_writes()
        self.rule.apply_staged_writes()

    def logits(self, names: Sequence[str], lengths: Sequence[int]) -> torch.Tensor:
        """Logits of a step under the rule, shape (requests, vocabulary)."""
        slots = [self.states.req_id_to_index[name] for name in names]
        index, last = torch.tensor(slots), torch.tensor(lengths) - 1
        context = loader.LogitsContext(
            expanded_idx_mapping=index.int(),
            idx_mapping=index.int(),
            idx_mapping_np=np.array(slots),
            expanded_local_pos=torch.zeros(len(slots), dtype=torch.int32),
            input_ids=self.states.all_token_ids.gpu[index, last],
            pos=last,
            seq_lens_upper_bound_np=np.array(lengths),
        )
        return self.rule.apply(torch.zeros(len(names), VOCABULARY), context)

    def push(self, name: str, length: int, token: int) -> None:
        """A sampled token, as vLLM's kernel adds it after the step."""
        self.states.all_token_ids.gpu[self.states.req_id_to_index[name], length] = token


def likely(logits: torch.Tensor, temperature: float) -> set[int]:
    """Tokens that can be sampled at a temperature."""
    if not temperature:
        return {int(logits.argmax())}
    return set(torch.nonzero(torch.softmax(logits / temperature, -1)).flatten().tolist())


def change(data: st.DataObject, runner: Runner, running: dict[str, Request], waiting: list) -> None:
    """Requests end, are preempted, or go on with more input before a step."""
    for name in data.draw(st.sets(st.sampled_from(sorted(running)))) if running else ():
        request = running.pop(name)
        runner.remove(name)
        what = data.draw(st.sampled_from(("end", "preempt", "more input")))
        if what == "preempt":
            waiting.append((name, request))
        elif what == "more input":
            request.prompt = [*request.prompt, *request.written, data.draw(tokens)]
            request.written = []
            running[name] = request
            runner.add(name, request)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_batch_that_changes_from_step_to_step_is_followed(data: st.DataObject) -> None:
    """Requests come, move, are preempted, resume in parts, get more input, and end."""
    runner, running, waiting = Runner(), dict[str, Request](), list[tuple[str, Request]]()
    for step in range(data.draw(st.integers(1, 16))):
        change(data, runner, running, waiting)
        while len(running) < SLOTS and data.draw(st.booleans()):
            if waiting and data.draw(st.booleans()):
                name, request = waiting.pop()
            else:
                name = f"{step}-{len(running)}"
                request = Request(
                    prompt=data.draw(prompts),
                    written=[],
                    extra=data.draw(arguments),
                    temperature=data.draw(st.sampled_from((0.0, 0.7, 1.5))),
                )
            running[name] = request
            runner.add(name, request)
        names = data.draw(st.permutations(sorted(running)))
        runner.flush()
        if not names:
            continue
        lengths = [len(running[name].prompt) + len(running[name].written) for name in names]
        rows = runner.logits(names, lengths)
        for name, length, row in zip(names, lengths, rows, strict=True):
            request = running[name]
            assert set(torch.nonzero(row == -torch.inf).flatten().tolist()) == request.expected()
            assert not likely(row, request.temperature) & request.expected()
            if data.draw(st.booleans()):  # else its prompt goes on, and the token does not count
                token = data.draw(tokens)
                runner.push(name, length, token)
                request.written.append(token)


def test_a_batch_without_a_rule_keeps_its_logits() -> None:
    runner = Runner()
    runner.add("a", Request(prompt=[1], written=[1, 1, 1], extra=None, temperature=0.0))
    runner.flush()
    assert runner.logits(["a"], [4]).tolist() == [[0.0] * VOCABULARY]


def test_a_slot_that_had_a_rule_has_none_for_the_next_request() -> None:
    runner = Runner()
    ruled = Request(prompt=[1], written=[1, 1], extra={"ngram_size": 2}, temperature=0.0)
    runner.add("ruled", ruled)
    runner.flush()
    assert runner.logits(["ruled"], [3])[0, 1] == -torch.inf
    runner.remove("ruled")
    runner.add("free", Request(prompt=[1], written=[1, 1], extra=None, temperature=0.0))
    runner.flush()
    assert runner.logits(["free"], [3]).tolist() == [[0.0] * VOCABULARY]


def test_arguments_without_sense_are_refused_when_a_request_comes() -> None:
    with pytest.raises(exceptions.VLLMValidationError, match="has to be a whole number"):
        Runner().validate(SamplingParams(extra_args={"ngram_size": 1}))


def test_speculative_decoding_is_refused() -> None:
    requests = states.RequestState(SLOTS, LENGTH, LENGTH, 0, VOCABULARY, CPU)
    with pytest.raises(ValueError, match="speculative"):
        loader.build_custom_logits_processors(
            SimpleNamespace(speculative_config=object()), requests, False, (choice.PROCESSOR_V2,)
        )
