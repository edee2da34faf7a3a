"""Which parts of the plugin are on. Crosses into vLLM's processes as its `additional_config`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

_KEY = "rayscribe"
"""The plugin's entry in vLLM's `additional_config`."""


@dataclass(frozen=True, slots=True)
class Options:
    """One switch a part, each of which works without the others unless it says so.

    Attributes:
        ngram: The rule against repetition on the device.
        encoder: The vision encoder of our own: pictures of a step in one batch, attention with
            relative positions as further dimensions, no wait for the device.
        graphs: CUDA graphs for it, with counts that fit pages of 2 to 6 tiles.
        compiled: Its blocks compiled.
        steps: Cheaper steps of scheduler and runner.
        outputs: Tokens of an answer that is wanted whole stay in the core until it ends. Only with
            `steps`.
        prefill_pages: Pages whose prompts are computed together while many are decoded. Only with
            `steps`.
        second_runner: The rule is a logits processor of vLLM's second model runner (0.31 and
            later). Only with `ngram`.
        spread: Random weights drawn anew (`load_format` random): vLLM's are so small that all
            pages get the same answer and all tokens the same experts, which is quick.
    """

    ngram: bool = False
    encoder: bool = False
    graphs: bool = False
    compiled: bool = False
    steps: bool = False
    outputs: bool = False
    prefill_pages: int = 1
    second_runner: bool = False
    spread: bool = False

    def compute_hash(self) -> str:
        """What vLLM names its compiled code by: the same for all, since none of it changes."""
        return _KEY

    @classmethod
    def from_config(cls, config: Any) -> Options:
        """The options in vLLM's `additional_config`: themselves, or as plain data.

        Raises:
            ValueError: An option that this release does not know.
        """
        if isinstance(config, cls):
            return config
        found = config.get(_KEY, {}) if isinstance(config, Mapping) else {}
        if unknown := set(found) - {field.name for field in fields(cls)}:
            raise ValueError(f"the plugin has no options {sorted(unknown)}")
        return cls(**found)
