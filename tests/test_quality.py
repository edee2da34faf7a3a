from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.quality import status
from pipeline.types import FinishReason, Generation, Status


@given(st.text())
def test_an_answer_that_was_cut_off_is_never_ok(text: str):
    assert status(Generation(text, finish_reason=FinishReason.LENGTH), text) is Status.TRUNCATED


@given(st.text())
def test_a_whole_answer_is_ok_or_blank(text: str):
    assert status(Generation(text), text) is (Status.OK if text.strip() else Status.BLANK)
