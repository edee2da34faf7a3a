"""The rule against repetition as tensors, against the definition in Python."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.vllm_plugin.ngram_rule.history import History, Rule, RuleTable, ban
from pipeline.vllm_plugin.ngram_rule.naive import banned
from pipeline.vllm_plugin.ngram_rule.rows import Rows, rule_of
from pipeline.vllm_plugin.options import Options
from pipeline.vllm_plugin.runner import extend, install

CPU = torch.device("cpu")
VOCABULARY = 5
SLOTS, LENGTH = 4, 64

tokens = st.integers(0, 2)
rules = st.one_of(
    st.just(None),
    st.fixed_dictionaries(
        {"ngram_size": st.integers(2, 5)},
        optional={
            "window_size": st.integers(1, 24),
            "whitelist_token_ids": st.lists(tokens, max_size=2),
        },
    ),
)


def expected(written: Sequence[int], rule: Rule) -> set[int]:
    return banned(list(written), rule.size, rule.window, rule.allowed) if rule.size else set()


def found(logits: torch.Tensor) -> list[set[int]]:
    return [set(torch.nonzero(row == -torch.inf).flatten().tolist()) for row in logits]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(rules, st.lists(tokens, max_size=40)), min_size=1, max_size=4))
def test_what_is_banned_is_what_the_definition_bans(given_rows: list[Any]) -> None:
    table, history = RuleTable(SLOTS + 1, CPU), History(SLOTS, LENGTH, CPU)
    known = {slot: rule_of(extra) for slot, (extra, _) in enumerate(given_rows)}
    table.put(known)
    history.put({slot: written for slot, (_, written) in enumerate(given_rows)})
    slots = torch.arange(len(given_rows)).flip(0)
    logits = torch.zeros(len(given_rows), VOCABULARY)
    ban(logits, history.tokens, slots, history.count[slots], None, table)
    for row, slot in enumerate(slots.tolist()):
        assert found(logits)[row] == expected(given_rows[slot][1], known[slot])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(rules, st.lists(tokens, max_size=40)), min_size=1, max_size=4),
    st.lists(st.tuples(tokens, st.booleans()), min_size=4, max_size=4),
)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="the kernels need a GPU")
def test_the_kernels_ban_and_remember_the_same(given_rows: list[Any], picked: list[Any]) -> None:
    device = torch.device("cuda")
    on_cpu, on_gpu = History(SLOTS, LENGTH, CPU), History(SLOTS, LENGTH, device)
    table = RuleTable(SLOTS + 1, device)
    known = {slot: rule_of(extra) for slot, (extra, _) in enumerate(given_rows)}
    table.put(known)
    for history in (on_cpu, on_gpu):
        history.put({slot: written for slot, (_, written) in enumerate(given_rows)})
    slots = torch.arange(len(given_rows)).flip(0)
    logits = torch.zeros(len(given_rows), VOCABULARY, device=device)
    sent = slots.to(device)
    ban(logits, on_gpu.tokens, sent, on_gpu.count[sent], None, table)
    for row, slot in enumerate(slots.tolist()):
        assert found(logits)[row] == expected(given_rows[slot][1], known[slot])
    ids, keep = (torch.tensor(one)[: len(slots)] for one in zip(*picked, strict=True))
    on_cpu.push(slots, ids, keep)
    on_gpu.push(sent, ids.to(device), keep.to(device))
    assert on_gpu.count[:SLOTS].tolist() == on_cpu.count[:SLOTS].tolist()
    assert on_gpu.tokens[:SLOTS].tolist() == on_cpu.tokens[:SLOTS].tolist()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_batch_that_changes_from_step_to_step_is_followed(data: st.DataObject) -> None:
    """Requests come, move, are preempted, resume, start anew with more input, and end."""
    rows = Rows(SLOTS, LENGTH, CPU)
    running: dict[str, tuple[Any, list[int]]] = {}
    waiting: dict[str, tuple[Any, list[int]]] = {}
    for step in range(data.draw(st.integers(1, 25))):
        enter: dict[str, tuple[Any, list[int]]] = {}
        for request in data.draw(st.sets(st.sampled_from(sorted(running)))) if running else ():
            what = data.draw(st.sampled_from(("end", "preempt", "more input")))
            extra, written = running.pop(request)
            if what == "preempt":
                waiting[request] = (extra, written)
            elif what == "more input":
                enter[request] = running[request] = (extra, [])
        while len(running) < SLOTS and data.draw(st.booleans()):
            if waiting and data.draw(st.booleans()):
                request, state = waiting.popitem()
            else:
                request, state = f"{step}-{len(running)}", (data.draw(rules), [])
            enter[request] = running[request] = state
        ids = data.draw(st.permutations(sorted(running)))
        rows.retain(ids)
        rows.renew(enter)
        assert rows.unknown(ids) == []
        if not ids:
            continue
        logits = torch.zeros(len(ids), VOCABULARY)
        rows.ban(ids, logits)
        assert found(logits) == [expected(running[one][1], rule_of(running[one][0])) for one in ids]
        picked = [data.draw(tokens) for _ in ids]
        discard = [data.draw(st.booleans()) for _ in ids]
        rows.push(ids, torch.tensor(picked), torch.tensor(discard))
        for request, token, gone in zip(ids, picked, discard, strict=True):
            if not gone:
                running[request][1].append(token)


def test_rows_without_a_rule_keep_their_logits_whatever_they_are() -> None:
    rows = Rows(2, LENGTH, CPU)
    rows.renew({"free": (None, [1, 1, 1, 1]), "bound": ({"ngram_size": 2}, [1, 1])})
    logits = torch.tensor([[-torch.inf, 3.0, torch.nan], [0.5, 1.0, -2.0]])
    rows.ban(["free", "bound"], logits)
    assert logits[0, :2].tolist() == [-torch.inf, 3.0]
    assert logits[0, 2].isnan()
    assert logits[1].tolist() == [0.5, -torch.inf, -2.0]


def test_a_wide_window_costs_nothing_once_its_request_has_ended() -> None:
    narrow, wide = {"ngram_size": 3, "window_size": 9}, {"ngram_size": 30, "window_size": 90}
    rows = Rows(2, LENGTH, CPU)
    rows.renew({"a": (narrow, []), "b": (wide, [])})
    assert (rows._rules.max_size, rows._rules.max_distance) == (30, 61)
    rows.retain(["a"])
    assert (rows._rules.max_size, rows._rules.max_distance) == (3, 7)
    rows.retain([])
    assert (rows._rules.max_size, rows._rules.max_distance) == (0, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_of_any_type_are_taken(dtype: torch.dtype) -> None:
    rows = Rows(1, LENGTH, CPU)
    rows.renew({"a": ({"ngram_size": 2}, [1, 1])})
    logits = torch.zeros(1, 3, dtype=dtype)
    rows.ban(["a"], logits)
    assert found(logits) == [{1}]


@pytest.mark.parametrize(
    "extra",
    [{"ngram_size": 1}, {"ngram_size": "3"}, {"ngram_size": 3, "window_size": 0}],
)
def test_arguments_without_sense_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has to be a whole number"):
        rule_of(extra)


# --- in vLLM's runners


class FakeRunner:
    """What the additions need of a runner of vLLM's."""

    def __init__(self) -> None:
        self.speculative_config = None
        self.max_num_reqs, self.max_model_len, self.device = SLOTS, LENGTH, CPU
        self.requests: dict[str, Any] = {}
        self.input_batch = SimpleNamespace(req_ids=[], num_reqs=0)
        mask = torch.zeros(SLOTS, dtype=torch.bool)
        self.discard_request_mask = SimpleNamespace(gpu=mask)
        self.seen: list[torch.Tensor] = []

    def _update_states(self, scheduler_output: Any) -> str:
        self.input_batch.req_ids = list(scheduler_output.batch)
        self.input_batch.num_reqs = len(scheduler_output.batch)
        return "corrections"

    def _sample(self, logits: torch.Tensor, spec_decode_metadata: Any) -> Any:
        self.seen.append(logits.clone())
        return SimpleNamespace(sampled_token_ids=logits.argmax(-1, keepdim=True))


def planned(batch: list[str], new: Sequence[str] = (), resumed: Sequence[str] = ()) -> Any:
    return SimpleNamespace(
        batch=batch,
        scheduled_new_reqs=[SimpleNamespace(req_id=one) for one in new],
        scheduled_cached_reqs=SimpleNamespace(resumed_req_ids=set(resumed)),
    )


def state(extra: dict[str, Any] | None, written: list[int]) -> Any:
    return SimpleNamespace(
        sampling_params=SimpleNamespace(extra_args=extra), output_token_ids=written
    )


def test_the_runner_samples_under_the_rule_and_remembers() -> None:
    runner: Any = FakeRunner()
    install(runner, Options(ngram=True))
    assert type(runner).__name__ == "OcrFakeRunner"
    runner.requests = {"a": state({"ngram_size": 2}, []), "b": state(None, [])}
    assert runner._update_states(planned(["a", "b"], new=["a", "b"])) == "corrections"
    favourite = torch.tensor([[0.0, 5.0, 3.0, 1.0]] * 2)
    picked = [runner._sample(favourite.clone(), None).sampled_token_ids for _ in range(3)]
    assert [one.flatten().tolist() for one in picked] == [[1, 1], [1, 1], [2, 1]]


@settings(max_examples=60, deadline=None)
@given(rules, st.lists(tokens, max_size=30), st.floats(0.1, 3.0))
def test_what_is_banned_is_never_sampled_at_any_temperature(
    extra: dict[str, Any] | None, written: list[int], temperature: float
) -> None:
    runner: Any = FakeRunner()
    install(runner, Options(ngram=True))
    runner.requests = {"a": state(extra, written)}
    runner._update_states(planned(["a"], resumed=["a"]))
    runner._sample(torch.zeros(1, VOCABULARY), None)
    chances = torch.softmax(runner.seen[0][0] / temperature, -1)
    assert {token for token in range(VOCABULARY) if not chances[token]} == expected(
        written, rule_of(extra)
    )


def test_a_resumed_request_has_what_vllm_says_it_has() -> None:
    """Not what was sampled: vLLM may have dropped a token in flight."""
    runner: Any = FakeRunner()
    install(runner, Options(ngram=True))
    runner.requests = {"a": state({"ngram_size": 2}, [])}
    runner._update_states(planned(["a"], new=["a"]))
    logits = torch.tensor([[0.0, 5.0, 3.0]])
    runner._sample(logits.clone(), None)
    runner._sample(logits.clone(), None)  # 1, 1
    runner._update_states(planned([]))
    runner.requests["a"].output_token_ids = [1]
    runner._update_states(planned(["a"], resumed=["a"]))
    assert runner._sample(logits.clone(), None).sampled_token_ids.item() == 1
    assert runner._sample(logits.clone(), None).sampled_token_ids.item() == 2


def test_a_token_that_does_not_count_is_not_remembered() -> None:
    runner: Any = FakeRunner()
    install(runner, Options(ngram=True))
    runner.requests = {"a": state({"ngram_size": 2}, [])}
    runner._update_states(planned(["a"], new=["a"]))
    logits = torch.tensor([[0.0, 5.0, 3.0]])
    runner.discard_request_mask.gpu[0] = True
    runner._sample(logits.clone(), None)
    runner.discard_request_mask.gpu[0] = False
    picked = [runner._sample(logits.clone(), None).sampled_token_ids.item() for _ in range(3)]
    assert picked == [1, 1, 2]


def test_without_the_part_the_runner_is_vllms_own() -> None:
    runner: Any = FakeRunner()
    install(runner, Options())
    runner._update_states(planned(["a"], new=["a"]))
    logits = torch.ones(1, 3)
    runner._sample(logits, None)
    assert runner.seen[0].tolist() == [[1, 1, 1]]


def test_speculative_decoding_is_refused() -> None:
    runner: Any = FakeRunner()
    runner.speculative_config = object()
    with pytest.raises(ValueError, match="speculative"):
        install(runner, Options(ngram=True))


def test_steps_that_only_decode_look_for_no_pictures() -> None:
    class Looks(FakeRunner):
        def _gather_mm_embeddings(self, scheduler_output: Any) -> str:
            return "looked"

    runner: Any = Looks()
    install(runner, Options(steps=True))
    assert isinstance(runner, extend(Looks).__bases__)
    computed, prompt = np.array([10, 9, 0]), np.array([10, 8, 0])
    runner.input_batch = SimpleNamespace(
        num_reqs=2, num_computed_tokens_cpu=computed, num_prompt_tokens=prompt
    )
    decode = SimpleNamespace(total_num_scheduled_tokens=2, scheduled_encoder_inputs={})
    pictures, places = runner._gather_mm_embeddings(decode)
    assert pictures == []
    assert places.tolist() == [False, False]
    computed[0] = 9  # its last prompt token is still to come
    assert runner._gather_mm_embeddings(decode) == "looked"
    computed[0] = 10
    prefill = SimpleNamespace(total_num_scheduled_tokens=30, scheduled_encoder_inputs={})
    assert runner._gather_mm_embeddings(prefill) == "looked"
    some = SimpleNamespace(total_num_scheduled_tokens=2, scheduled_encoder_inputs={"a": [0]})
    assert runner._gather_mm_embeddings(some) == "looked"


# --- vLLM's second runner


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(rules, st.lists(tokens, max_size=8), st.lists(tokens, max_size=30))))
def test_the_second_runners_interface_gives_the_same(given_rows: list[Any]) -> None:
    v2 = pytest.importorskip("pipeline.vllm_plugin.ngram_rule.v2", reason="vLLM before 0.31")
    slots = len(given_rows)
    if not slots:
        return
    all_tokens = torch.full((slots + 1, LENGTH), 1, dtype=torch.int32)
    for slot, (_, prompt, written) in enumerate(given_rows):
        both = [*prompt, *written]
        all_tokens[slot, : len(both)] = torch.tensor(both, dtype=torch.int32)
    states = SimpleNamespace(
        device=CPU,
        max_num_reqs=slots + 1,
        all_token_ids=SimpleNamespace(gpu=all_tokens),
        prompt_len=SimpleNamespace(gpu=torch.tensor([*(len(p) for _, p, _ in given_rows), 0])),
    )
    processor = v2.NGramRule(SimpleNamespace(speculative_config=None), states)
    for slot, (extra, _, _) in enumerate(given_rows):
        changes = processor.add_request(slot, SimpleNamespace(extra_args=extra))
        assert changes == bool(rule_of(extra).distance)
    processor.apply_staged_writes()
    order = list(range(slots))[::-1]
    ends = torch.tensor([len(p) + len(w) for _, p, w in given_rows])[order]
    ctx = SimpleNamespace(
        expanded_idx_mapping=torch.tensor(order), idx_mapping_np=np.array(order), pos=ends - 1
    )
    logits = processor.apply(torch.zeros(slots, VOCABULARY), ctx)
    for row, slot in enumerate(order):
        extra, _, written = given_rows[slot]
        assert found(logits)[row] == expected(written, rule_of(extra))
