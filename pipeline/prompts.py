"""The contract with DeepSeek-OCR, stated once: prompts, views, token counts, decoding. Pure.

Where the numbers come from:

- **Repository**: github.com/deepseek-ai/DeepSeek-OCR, `DeepSeek-OCR-vllm/config.py` (prompts,
  base 1024, tile 640, 2 to 6 crops), `run_dpsk_ocr_image.py` and the vLLM section of its
  README (temperature 0, 8192 tokens, n-gram 30/90, special tokens kept). Temperature 0 is the
  default of `pipeline.types.Sampling`.
- **Paper**: arXiv 2510.18234, table 1 (a global view of 1024 px is 256 tokens, a tile of
  640 px is 100: 16 px patches, a 16-fold compressor).
- **vLLM**: `vllm/transformers_utils/processors/deepseek_ocr.py` and
  `vllm/model_executor/models/deepseek_ocr{,2}.py` (which grid a page gets, the tokens that
  end rows and views). `tests/vllm` compares `grid` and `image_tokens` with that code.
- **OCR-2**: github.com/deepseek-ai/DeepSeek-OCR-2 (tile 768, two prompts).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from pipeline import images
from pipeline.config import Recipe, VllmConfig
from pipeline.errors import ConfigError
from pipeline.types import Ask, PageImage, Request, Sampling, Task

IMAGE_TOKEN = "<image>"  # noqa: S105 - a token of the model, not a secret
"""Stands for the picture in a prompt; vLLM puts one copy for every visual token."""

SPECIAL_TOKENS = (IMAGE_TOKEN, "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>")
"""Each must be one token: the prompts and the output grammar are made of them."""

WHITELIST = ("<td>", "</td>")
"""Tokens that may repeat without end: the empty cells of a table (repository)."""

SKIP_SPECIAL_TOKENS = False
"""`<td>` and `<|ref|>` are special tokens, and the output is made of them (repository)."""

KV_BYTES_PER_TOKEN = 2 * 12 * 10 * 128 * 2
"""Keys and values of a token: 12 layers, 10 heads of 128, 2 bytes each (the model's config)."""

WEIGHTS_BYTES = 7_000_000_000
"""About 3.3 billion parameters of 2 bytes (paper: 3 billion for the decoder, 0.38 the encoder)."""

BASE_PX = 1024
"""Side of the global view."""
_PATCH_PX = 16 * 4
"""Side of a visual token: patches of 16 px, of which the compressor joins 4 by 4 (paper)."""
_MIN_TILES, _MAX_TILES = 2, 6
_LONGEST_TO_SHORTEST = 512
"""Pages longer than this are squeezed: at 2048 the global view would have no height."""
_SPARE_PIXELS = 4
"""A page keeps at most this many times the pixels of its tiles (very long pages only)."""

_PLAIN_TEXT = f"{IMAGE_TOKEN}\nFree OCR."
_MARKDOWN = f"{IMAGE_TOKEN}\n<|grounding|>Convert the document to markdown."
_PROMPTS_2 = {Task.MARKDOWN: _MARKDOWN, Task.TEXT: _PLAIN_TEXT}
_PROMPTS = {
    **_PROMPTS_2,
    Task.FIGURE: f"{IMAGE_TOKEN}\nParse the figure.",
    Task.DESCRIBE: f"{IMAGE_TOKEN}\nDescribe this image in detail.",
    Task.LOCATE: f"{IMAGE_TOKEN}\nLocate <|ref|>{{find}}<|/ref|> in the image.",
}

_GROUNDED_TEXT = f"{IMAGE_TOKEN}\n<|grounding|>OCR this image."
"""Lines of text with their boxes (repository). No task stands for it."""

_LONGEST_PHRASE = 500
"""Characters of what a request may look for: the context is no place for more."""

_MARKUP = re.compile(r"<\|[^|]*\|>|<\uff5c[^\uff5c]*\uff5c>|<image>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Family:
    """What one generation of the model expects.

    Attributes:
        name: The value of `engine.vllm.family`.
        architecture: The class that the model's `config.json` must name.
        tile_px: Side of a tile. A page with no longer side than this has no tiles.
        row_ends: Tokens that end each row of visual tokens: 1, or 0 in OCR-2.
        prompts: The prompt of each task that the model was trained for.
        others: Prompts that it was trained for and that no task stands for.
    """

    name: str
    architecture: str
    tile_px: int
    row_ends: int
    prompts: Mapping[Task, str]
    others: tuple[str, ...] = ()

    @property
    def tile_tokens(self) -> int:
        """Visual tokens along a tile's side: 10 for 640 px, 12 for 768 px."""
        return self.tile_px // _PATCH_PX


OCR = Family("deepseek-ocr", "DeepseekOCRForCausalLM", 640, 1, _PROMPTS, (_GROUNDED_TEXT,))
OCR_2 = Family("deepseek-ocr-2", "DeepseekOCR2ForCausalLM", 768, 0, _PROMPTS_2)
_FAMILIES = {family.name: family for family in (OCR, OCR_2)}

REVISIONS = {
    "deepseek-ai/DeepSeek-OCR": "9f30c71f441d010e5429c532364a86705536c53a",
    "deepseek-ai/DeepSeek-OCR-2": "aaa02f3811945a91062062994c5c4a3f4c0af2b0",
}
"""The commits on the hub that this release was written for."""


def family(config: VllmConfig) -> Family:
    """The family that the config names, or that the model's name speaks of."""
    if config.family != "auto":
        return _FAMILIES[config.family]
    name = PurePath(config.model).name.lower()
    return OCR_2 if re.search(r"ocr[-_]?2(?!\d)", name) else OCR


def revision(config: VllmConfig) -> str:
    """The commit to load: the config's, the pinned one, or "" for a local folder."""
    return config.revision or REVISIONS.get(config.model, "")


def prompt(task: Task, model: Family, find: str = "") -> str:
    """The text given to the model.

    Args:
        task: What is asked for.
        model: Which model is asked.
        find: What `locate` looks for.

    Raises:
        ConfigError: The model has no such prompt, or `find` is empty or holds markup.
    """
    template = model.prompts.get(task)
    if template is None:
        known = ", ".join(model.prompts)
        raise ConfigError(f"{model.name} has no prompt for the task {task}; choose from: {known}")
    if task is not Task.LOCATE:
        return template
    if not find.strip() or has_markup(find):
        raise ConfigError(f"the task locate needs a plain phrase in engine.vllm.find: {find!r}")
    return template.format(find=find.strip())


def wording(ask: Ask, model: Family, find: str = "") -> str:
    """The text given to the model for what a request asks for.

    Args:
        ask: What is asked for.
        model: Which model is asked.
        find: What `locate` looks for where the ask does not say.

    Raises:
        ConfigError: The model has no such prompt, or nothing plain is looked for.
    """
    if ask.prompt is None:
        return prompt(ask.task, model, ask.find or find)
    if ask.prompt not in model.others:
        raise ConfigError(f"{model.name} has no prompt {ask.prompt!r}")
    return ask.prompt


def own(text: str) -> Ask | None:
    """The ask that one of the model's own prompts spells out; None for any other text.

    Spaces and line ends may be others, and the placeholder of the picture may be missing.
    """
    words = _flat(text)
    return _OWN.get(words) or _own_locate(words)


def _own_locate(words: str) -> Ask | None:
    before, _, after = _flat(_PROMPTS[Task.LOCATE]).partition("{find}")
    if not (words.startswith(before) and words.endswith(after)):
        return None
    find = words[len(before) : -len(after)].strip()
    plain = 0 < len(find) <= _LONGEST_PHRASE and not has_markup(find)
    return Ask(Task.LOCATE, find=find) if plain else None


def _flat(text: str) -> str:
    """A prompt on one line, without the placeholder in front."""
    return " ".join(text.split()).removeprefix(IMAGE_TOKEN).lstrip()


_OWN = {
    **{_flat(_PROMPTS[task]): Ask(task) for task in _PROMPTS if task is not Task.LOCATE},
    _flat(_GROUNDED_TEXT): Ask(Task.TEXT, prompt=_GROUNDED_TEXT),
}


def has_markup(text: str) -> bool:
    """Whether there are tokens of the model in a text, where no text of others may have any."""
    return bool(_MARKUP.search(text))


def grid(width_px: int, height_px: int, model: Family) -> tuple[int, int]:
    """Columns and rows of the tiles that a page is cut into, (0, 0) for the global view alone."""
    return images.grid(
        width_px,
        height_px,
        side_px=model.tile_px,
        min_tiles=_MIN_TILES,
        max_tiles=_MAX_TILES,
    )


def image_tokens(width_px: int, height_px: int, model: Family) -> int:
    """Tokens that a picture becomes: 273 for the global view of OCR, 903 for a Letter page.

    The global view has 16 rows of 16 tokens, each row ended by `row_ends`, and one token at
    its end; the tiles together are one picture of 10·rows by 10·columns (12 for OCR-2).
    """
    base = BASE_PX // _PATCH_PX
    whole = base * (base + model.row_ends) + 1
    columns, rows = grid(width_px, height_px, model)
    side = model.tile_tokens
    return whole + side * rows * (side * columns + model.row_ends)


def fitted_size(width_px: int, height_px: int, model: Family) -> tuple[int, int]:
    """The size at which the model sees all it can of a page: never larger than the page.

    Both sides stay at least as long as the grid of tiles, into which the page is stretched.
    A Letter page drawn at 174 dpi or less is left alone.
    """
    long, short = max(width_px, height_px), min(width_px, height_px)
    scale = 1.0
    columns, rows = grid(width_px, height_px, model)
    if columns:
        wide, high = columns * model.tile_px, rows * model.tile_px
        enough = max(wide / width_px, high / height_px)
        affordable = math.sqrt(_SPARE_PIXELS * wide * high / (width_px * height_px))
        scale = min(1.0, enough, affordable)
    floor_px = math.ceil(long * scale / _LONGEST_TO_SHORTEST)
    short_px = max(math.ceil(short * scale), floor_px)
    long_px = math.ceil(long * scale)
    return (long_px, short_px) if width_px >= height_px else (short_px, long_px)


def room(wanted: int, context: int, prompt_tokens: int) -> int:
    """Tokens that an answer may have: what is wanted, within the context less the prompt."""
    return max(1, min(wanted, context - prompt_tokens))


def ngram(
    config: VllmConfig,
    whitelist: tuple[int, ...],
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
) -> dict[str, object]:
    """The arguments of vLLM's n-gram processor for one request (`SamplingParams.extra_args`).

    Without `ngram_size` the processor does nothing and says nothing, so it is always there.

    Args:
        config: Size and window.
        whitelist: The ids of `WHITELIST`, from the tokenizer.
        sampling: What a request changes of it.
    """
    return {
        "ngram_size": config.ngram_size,
        "window_size": sampling.ngram_window or config.ngram_window,
        "whitelist_token_ids": list(whitelist) if sampling.cells_repeat else [],
    }


def prepare(page: PageImage, recipe: Recipe, ask: Ask | None = None) -> Request:
    """Turn a page image into a request for vLLM. Pure; runs on CPU workers.

    Args:
        page: The page as a picture.
        recipe: The model and how it is asked.
        ask: What is asked for, None for the recipe's task.

    Raises:
        ConfigError: The model has no prompt for it.
    """
    return request(page, ask or Ask(Task(recipe.task)), recipe.vllm or VllmConfig())


def request(page: PageImage, ask: Ask, config: VllmConfig) -> Request:
    """Fit a page to the model and add the prompt.

    vLLM cuts the tiles itself, from `Request.image`: the page, shrunk to what the model can use.

    Raises:
        ConfigError: The model has no prompt for it.
    """
    model = family(config)
    height_px, width_px = page.pixels.shape[:2]
    size = fitted_size(width_px, height_px, model)
    return Request(
        image=images.resize(page.pixels, *size),
        page_width_px=width_px,
        page_height_px=height_px,
        prompt=wording(ask, model, config.find),
        task=ask.task,
        max_tokens=config.max_tokens,
        image_tokens=image_tokens(*size, model),
    )
