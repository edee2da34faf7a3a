"""The tokens that DeepSeek-OCR's prompts and answers are made of, found in its tokenizer."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pipeline.engines.deepseek_ocr import model
from pipeline.errors import ConfigError

_CACHED_PROMPTS = 64
_INCOMPLETE = "\ufffd"
"""What a decoder writes for bytes that are no character."""


class PromptTokenizer:
    """Turns prompts into token ids, the start token in front.

    Args:
        tokenizer: The model's, with `encode`, `decode` and `bos_token_id`.

    Raises:
        ConfigError: A special token is missing: this is not the tokenizer of DeepSeek-OCR.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.encode = lru_cache(_CACHED_PROMPTS)(self._encode)
        """The ids of a prompt, the start token in front. The cache is bounded: for `locate`,
        callers write parts of prompts."""
        self.ids = {
            token: self._single(token) for token in (*model.SPECIAL_TOKENS, *model.WHITELIST)
        }
        self.image = self.ids[model.IMAGE_TOKEN]
        self.whitelist = tuple(self.ids[token] for token in model.WHITELIST)
        self.start = self._start_token()

    def _encode(self, prompt: str) -> list[int]:
        return [self.start, *self.plain(prompt)]

    def plain(self, text: str) -> list[int]:
        """The ids of a text without any token added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: list[int]) -> str:
        """The text of ids, special tokens kept."""
        text = self._tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return str(text)

    def answer(self, ids: list[int], *, ended: bool) -> str:
        """The text of an answer, the same that vLLM makes of it token by token.

        A character at the end whose last bytes are missing is left out.

        Args:
            ids: The tokens that were sampled.
            ended: Whether the last one ends the answer, and is no part of the text.
        """
        return self.decode(ids[:-1] if ended else ids).rstrip(_INCOMPLETE)

    def _single(self, token: str) -> int:
        ids = self.plain(token)
        if len(ids) != 1:
            raise ConfigError(
                f"the tokenizer does not know {token} as one token: engine.vllm.model is not a"
                " DeepSeek-OCR model, or its tokenizer files are incomplete"
            )
        return ids[0]

    def _start_token(self) -> int:
        start = self._tokenizer.bos_token_id
        if not isinstance(start, int):
            raise ConfigError("the tokenizer of engine.vllm.model has no start token (bos_token)")
        return start
