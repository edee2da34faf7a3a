"""The contract with DeepSeek-OCR: token names, families, revisions, decoding. Pure.

The prompts are in `prompts`, image sizes and token counts in `views`, the answers' markup in
`output`. Where the numbers and names of all of them come from:

- **Repository**: github.com/deepseek-ai/DeepSeek-OCR, `DeepSeek-OCR-vllm/config.py` (prompts,
  base 1024, tile 640, 2 to 6 crops), `run_dpsk_ocr_image.py` and the vLLM section of its
  README (temperature 0, 8192 tokens, n-gram 30/90, special tokens kept). Temperature 0 is the
  default of `pipeline.types.Sampling`.
- **Paper**: arXiv 2510.18234, table 1 (a global view of 1024 px is 256 tokens, a tile of
  640 px is 100: 16 px patches, a 16-fold compressor).
- **vLLM**: `vllm/transformers_utils/processors/deepseek_ocr.py` and
  `vllm/model_executor/models/deepseek_ocr{,2}.py` (which grid a page gets, the tokens that
  end rows and views). `tests/integration/vllm` compares `views` with that code.
- **OCR-2**: github.com/deepseek-ai/DeepSeek-OCR-2 (tile 768, two prompts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from pipeline.config import VllmConfig
from pipeline.types import Sampling

IMAGE_TOKEN = "<image>"  # noqa: S105 - a token of the model, not a secret
"""Placeholder of the image in a prompt; vLLM repeats it for every image token."""

SPECIAL_TOKENS = (IMAGE_TOKEN, "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>")
"""Each must be one token: the prompts and the output grammar are made of them."""

WHITELIST = ("<td>", "</td>")
"""Tokens that may repeat without end: the empty cells of a table (repository)."""

WHITELIST_IDS = (128821, 128822)
"""Their ids in the model's own tokenizer, by which clients of vLLM name them (repository)."""

SKIP_SPECIAL_TOKENS = False
"""`<td>` and `<|ref|>` are special tokens, and the output is made of them (repository)."""

KV_BYTES_PER_TOKEN = 2 * 12 * 10 * 128 * 2
"""Keys and values of a token: 12 layers, 10 heads of 128, 2 bytes each (the model's config)."""

WEIGHTS_BYTES = 7_000_000_000
"""About 3.3 billion parameters of 2 bytes (paper: 3 billion for the decoder, 0.38 the encoder)."""


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """What one generation of the model expects.

    Attributes:
        name: The value of `engine.vllm.family`.
        architecture: The class that the model's `config.json` must name.
        tile_px: Side of a tile. A page with no longer side than this has no tiles.
        row_ends: Tokens that end each row of image tokens: 1, or 0 in OCR-2.
    """

    name: str
    architecture: str
    tile_px: int
    row_ends: int


OCR: Final = ModelFamily("deepseek-ocr", "DeepseekOCRForCausalLM", 640, 1)
OCR_2: Final = ModelFamily("deepseek-ocr-2", "DeepseekOCR2ForCausalLM", 768, 0)
_FAMILIES: Final = {family.name: family for family in (OCR, OCR_2)}

REVISIONS = {
    "deepseek-ai/DeepSeek-OCR": "9f30c71f441d010e5429c532364a86705536c53a",
    "deepseek-ai/DeepSeek-OCR-2": "aaa02f3811945a91062062994c5c4a3f4c0af2b0",
}
"""The commits on the hub that this release was written for."""


def family(config: VllmConfig) -> ModelFamily:
    """The family that the config names; `auto` takes it from the model's name."""
    if config.family != "auto":
        return _FAMILIES[config.family]
    name = PurePath(config.model).name.lower()
    return OCR_2 if re.search(r"ocr[-_]?2(?!\d)", name) else OCR


def revision(config: VllmConfig) -> str:
    """The commit to load: the config's, the pinned one, or "" for a local folder."""
    return config.revision or REVISIONS.get(config.model, "")


def max_answer_tokens(max_tokens: int, max_model_len: int, prompt_tokens: int) -> int:
    """Tokens that an answer may have, at least 1.

    Args:
        max_tokens: The request's limit.
        max_model_len: Tokens of prompt and answer together.
        prompt_tokens: Tokens of the prompt, image tokens included.
    """
    return max(1, min(max_tokens, max_model_len - prompt_tokens))


def ngram_args(
    config: VllmConfig,
    whitelist: tuple[int, ...],
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
) -> dict[str, object]:
    """The arguments of vLLM's n-gram processor for one request (`SamplingParams.extra_args`).

    The processor ignores a request without `ngram_size`, so it is always there.

    Args:
        config: Size and window.
        whitelist: The ids of `WHITELIST`, from the tokenizer.
        sampling: What a request changes of it.
    """
    return {
        "ngram_size": sampling.ngram_size or config.ngram_size,
        "window_size": sampling.ngram_window or config.ngram_window,
        "whitelist_token_ids": list(whitelist) if sampling.cells_repeat else [],
    }
