"""The shorter way of requests that only decode, against the scheduler of the installed vLLM."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

PAGE = SimpleNamespace(num_prompt_tokens=10, has_encoder_inputs=True, mm_features=[object()])


def scheduler() -> Any:
    from pipeline.vllm_plugin.scheduler import OcrAsyncScheduler

    made = OcrAsyncScheduler.__new__(OcrAsyncScheduler)
    made.is_encoder_decoder = False
    return made


def test_a_page_past_its_prompt_gets_its_token_without_a_look_at_pictures() -> None:
    """The scheduler has nothing here that a look at pictures would need."""
    inputs, tokens, budget, *rest = scheduler()._try_schedule_encoder_inputs(PAGE, 11, 1, 99)
    assert (inputs, tokens, budget) == ([], 1, 99)
    assert all(part == [] for part in rest)


def test_as_much_comes_back_as_from_vllm() -> None:
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler

    text = SimpleNamespace(num_prompt_tokens=10, has_encoder_inputs=False)
    ours = scheduler()._try_schedule_encoder_inputs(PAGE, 11, 1, 99)
    vllms = AsyncScheduler._try_schedule_encoder_inputs(scheduler(), text, 11, 1, 99)
    assert ours == vllms


def test_a_page_in_its_prompt_goes_vllms_own_way() -> None:
    with pytest.raises(AttributeError):  # it asks for its encoder cache
        scheduler()._try_schedule_encoder_inputs(PAGE, 10, 1, 99)


def started(options: Any) -> Any:
    """A scheduler that vLLM has started with full attention and no prefix cache."""
    from vllm.v1.core.encoder_cache_manager import EncoderCacheManager
    from vllm.v1.core.kv_cache_manager import KVCacheManager
    from vllm.v1.core.single_type_kv_cache_manager import FullAttentionManager

    from pipeline.vllm_plugin.scheduler import _DecodeSteps

    class Base:
        def __init__(self) -> None:
            self.vllm_config = SimpleNamespace(additional_config=options)
            self.encoder_cache_manager = EncoderCacheManager(cache_size=900)
            attention = FullAttentionManager.__new__(FullAttentionManager)
            self.kv_cache_manager = KVCacheManager.__new__(KVCacheManager)
            self.kv_cache_manager.enable_caching = False
            self.kv_cache_manager.coordinator = SimpleNamespace(single_type_managers=[attention])

    return type("Scheduler", (_DecodeSteps, Base), {})()


@pytest.mark.parametrize("outputs", [True, False])
def test_tokens_stay_in_the_core_only_where_that_is_switched_on(outputs: bool) -> None:
    from pipeline.vllm_plugin.options import Options
    from pipeline.vllm_plugin.scheduler import DecodeKVCacheManager

    made = started(Options(steps=True, outputs=outputs))
    assert made.keeps_tokens is outputs
    assert isinstance(made.kv_cache_manager, DecodeKVCacheManager)


def test_pictures_of_three_steps_are_kept() -> None:
    """So the next step encodes pages before vLLM knows that the last one has run."""
    from pipeline.vllm_plugin.options import Options

    cache = started(Options(steps=True)).encoder_cache_manager
    rooms = []
    for name in ("first", "second", "third", "fourth"):
        page = SimpleNamespace(
            request_id=name,
            mm_features=[SimpleNamespace(identifier=name)],
            get_num_encoder_embeds=lambda number: 900,
        )
        rooms.append(cache.can_allocate(page, 0, 900, 0))
        if rooms[-1]:
            cache.allocate(page, 0)
    assert rooms == [True, True, True, False]


def loaded(running: int, waiting: int, pages: int = 4, seats: int = 64) -> Any:
    """A scheduler; `deferred` has what each step said about prompts."""
    made = scheduler()
    made.max_num_running_reqs, made.prefill_pages, made.held_steps = seats, pages, 0
    made.prefill_capacity_bound = True
    made.get_request_counts = lambda: (running, waiting)
    return made


def deferred(made: Any, steps: int, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    from vllm.v1.core.sched.async_scheduler import AsyncScheduler

    monkeypatch.setattr(
        AsyncScheduler,
        "schedule",
        lambda self, throttle: throttle and not self.prefill_capacity_bound,
    )
    return [made.schedule() for _ in range(steps)]


def test_pages_wait_for_others_for_eight_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deferred(loaded(62, 30), 10, monkeypatch) == [*[True] * 8, False, True]


@pytest.mark.parametrize(
    ("running", "waiting", "pages", "seats"),
    [
        (60, 30, 4, 64),  # four can enter
        (64, 30, 4, 64),  # none can
        (63, 0, 4, 64),  # none waits
        (31, 1, 4, 64),  # most seats are free: the page that waits would wait for nobody
        (62, 30, 1, 64),  # switched off
        (7, 30, 4, 8),  # of so few pages no other ends soon
    ],
)
def test_pages_enter_at_once(
    running: int, waiting: int, pages: int, seats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deferred(loaded(running, waiting, pages, seats), 3, monkeypatch) == [False] * 3


def test_vllm_can_be_told_to_defer_prompts() -> None:
    """The argument that this rests on, in the installed version."""
    import inspect

    from vllm.v1.core.sched.async_scheduler import AsyncScheduler

    parameters = list(inspect.signature(AsyncScheduler.schedule).parameters)
    assert parameters == ["self", "throttle_prefills"]
    source = inspect.getsource(AsyncScheduler.schedule)
    assert "self.prefill_capacity_bound" in source
