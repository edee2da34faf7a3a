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
