"""Which slot of the token history belongs to which request of vLLM, and when it starts anew.

Knows requests by their ids and arguments only, so that it is tested without vLLM.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch

from pipeline.vllm_plugin.ngram_rule.history import History, Rule, RuleTable, ban, to_device

_WINDOW = 100
"""The window where a request names none; vLLM's own processor has the same."""


def rule_of(extra_args: Mapping[str, Any] | None) -> Rule:
    """The rule of a request, by the names of vLLM's own processor.

    Args:
        extra_args: `SamplingParams.extra_args`: `ngram_size`, `window_size`,
            `whitelist_token_ids`.

    Raises:
        ValueError: A size or a window is no number that makes sense.
    """
    extra = extra_args or {}
    size = extra.get("ngram_size")
    if size is None:
        return Rule()
    window = extra.get("window_size", _WINDOW)
    if not isinstance(size, int) or size < 2:
        raise ValueError(f"ngram_size has to be a whole number of 2 or more, not {size!r}")
    if not isinstance(window, int) or window < 1:
        raise ValueError(f"window_size has to be a whole number of 1 or more, not {window!r}")
    return Rule(size, window, tuple(extra.get("whitelist_token_ids") or ()))


class Rows:
    """The rule against repetition for the requests of a running engine.

    A step calls `retain`, `renew`, then `ban`, samples, and calls `push`. Nothing here waits
    for the device.

    Args:
        slots: Requests that run at a time.
        length: Tokens of an answer at most.
        device: Where logits are.
    """

    def __init__(self, slots: int, length: int, device: torch.device) -> None:
        self._history = History(slots, length, device)
        self._rules = RuleTable(slots + 1, device)
        self._device = device
        self._free = list(range(slots - 1, -1, -1))
        self._slots: dict[str, int] = {}
        self._ruled: set[str] = set()
        self._order: Sequence[str] = ()
        self._index = torch.zeros(0, dtype=torch.int64, device=device)

    def retain(self, ids: Collection[str]) -> None:
        """Give up the slots of all requests but those of the batch.

        One that was preempted comes back with what it has written, so it keeps no slot.
        """
        if len(self._slots) > len(ids) or any(request not in self._slots for request in ids):
            stay = set(ids)
            self._release([request for request in self._slots if request not in stay])

    def _release(self, ids: Iterable[str]) -> None:
        given_up = [self._slots.pop(request) for request in ids if request in self._slots]
        self._free += given_up
        self._ruled &= self._slots.keys()
        self._rules.forget(given_up)
        self._order = ()

    def renew(self, requests: Mapping[str, tuple[Mapping[str, Any] | None, Sequence[int]]]) -> None:
        """Give requests that enter the batch a slot, their rule and what they have written.

        Args:
            requests: Arguments and written tokens of each request by its id. A request that is
                known starts anew.

        Raises:
            ValueError: The arguments of a rule make no sense.
        """
        self._release([request for request in requests if request in self._slots])
        rules, written = dict[int, Rule](), dict[int, Sequence[int]]()
        for request, (extra_args, tokens) in requests.items():
            rule = rule_of(extra_args)
            slot = self._slots[request] = self._free.pop()
            rules[slot], written[slot] = rule, tokens
            if rule.distance:
                self._ruled.add(request)
        self._rules.put(rules)
        self._history.put(written)

    def unknown(self, ids: Collection[str]) -> list[str]:
        """Requests without a slot."""
        return [request for request in ids if request not in self._slots]

    def ban(self, ids: Sequence[str], logits: torch.Tensor) -> None:
        """Set the logits of banned tokens to minus infinity, in place.

        Args:
            ids: The request of each row.
            logits: Shape (rows, vocabulary).
        """
        if self._ruled:
            slots = self._slots_of(ids)
            count = self._history.count[slots]
            ban(logits, self._history.tokens, slots, count, None, self._rules)

    def push(self, ids: Sequence[str], tokens: torch.Tensor, discard: torch.Tensor) -> None:
        """Remember the tokens that were picked.

        Args:
            ids: The request of each row.
            tokens: The token of each row, shape (rows,).
            discard: Rows whose token does not count, since their prompt goes on; shape (rows,).
        """
        if self._ruled:
            self._history.push(self._slots_of(ids), tokens, ~discard.bool())

    def _slots_of(self, ids: Sequence[str]) -> torch.Tensor:
        if self._order != ids:
            slots = [self._slots[request] for request in ids]
            self._index = to_device(slots, torch.int64, self._device)
            self._order = list(ids)
        return self._index
