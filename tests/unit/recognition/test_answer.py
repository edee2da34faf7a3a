"""Whether an answer is good: the page's status, and what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import LadderConfig
from pipeline.recognition.answer import outcome, status
from pipeline.types import FinishReason, Generation, Outcome, Status

LIMITS = LadderConfig()


@given(st.text())
def test_an_answer_that_was_cut_off_is_never_ok(text: str):
    assert status(Generation(text, finish_reason=FinishReason.LENGTH), text) is Status.TRUNCATED


@given(st.text())
def test_a_whole_answer_is_ok_or_blank(text: str):
    assert status(Generation(text), text) is (Status.OK if text.strip() else Status.BLANK)


@pytest.mark.parametrize(
    ("status", "repetition", "ppm", "expected"),
    [
        (Status.OK, 0.0, 9e4, Outcome.GOOD),
        (Status.OK, 0.9, 9e4, Outcome.LOOPED),
        (Status.TRUNCATED, 0.1, 9e4, Outcome.TRUNCATED),
        (Status.TRUNCATED, 0.9, 9e4, Outcome.LOOPED),
        (Status.BLANK, 0.0, 0.0, Outcome.GOOD),
        (Status.BLANK, 0.0, 9e4, Outcome.EMPTY),
        (Status.FAILED, 0.0, 0.0, Outcome.FAILED),
    ],
)
def test_outcomes(status: Status, repetition: float, ppm: float, expected: Outcome):
    assert outcome(status, repetition, ppm, LIMITS) is expected
