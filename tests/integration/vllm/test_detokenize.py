"""Answers decoded once are those that vLLM decodes token by token."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import OCR_TOKENS, write_deepseek_ocr
from transformers import PreTrainedTokenizerFast
from vllm import SamplingParams

from pipeline.engines.deepseek_ocr.tokens import PromptTokenizer

SIZE = 320
"""Of the small model's vocabulary: bytes from 3 on, special tokens at the end."""
END = 1

letters = st.characters(exclude_categories=("Cs",))
pieces = st.one_of(st.text(letters, max_size=12), st.sampled_from(OCR_TOKENS))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = write_deepseek_ocr(tmp_path_factory.mktemp("model"))
    return PreTrainedTokenizerFast.from_pretrained(folder)


def token_by_token(tokenizer: Any, ids: list[int], ended: bool) -> str:
    from vllm.v1.engine.detokenizer import IncrementalDetokenizer

    request = SimpleNamespace(
        sampling_params=SamplingParams(skip_special_tokens=False),
        prompt_token_ids=[0, SIZE - len(OCR_TOKENS)],
        request_id="page",
    )
    made = IncrementalDetokenizer.from_new_request(tokenizer, request)
    for number, token in enumerate(ids, start=1):
        made.update([token], ended and number == len(ids))
    assert made.output_token_ids == ids
    return made.output_text


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=8), st.booleans(), st.integers(0, 6))
def test_the_text_is_the_same(tokenizer: Any, parts: list[str], ended: bool, cut: int) -> None:
    ids = list(tokenizer.encode("".join(parts), add_special_tokens=False))
    ids = [*ids, END] if ended else ids[: max(0, len(ids) - cut)]  # cut off within a character
    expected = token_by_token(tokenizer, ids, ended)
    assert PromptTokenizer(tokenizer).answer(ids, ended=ended) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, SIZE - 1), max_size=40), st.booleans())
def test_the_text_of_tokens_that_are_no_text_is_the_same(
    tokenizer: Any, ids: list[int], ended: bool
) -> None:
    ids = [*ids, END] if ended else ids
    expected = token_by_token(tokenizer, ids, ended)
    assert PromptTokenizer(tokenizer).answer(ids, ended=ended) == expected
