"""The rule against repetition on the device: token histories of requests, and what they ban.

`pipeline.vllm_plugin.ngram_rule.naive` says what the rule is. Here it is computed for all requests
of a step at a time, where the tokens are. A rule that reads the tokens on the CPU makes each step
wait until those of the step before have arrived there; that wait was half of the time of a step.

Nothing here knows vLLM. The operations are torch's; on a GPU `kernels` does the same in two
launches.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from pipeline.vllm_plugin.ngram_rule import kernels

NEVER = 0
"""The size of a rule that bans nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one request asks for.

    Attributes:
        size: Tokens of a sequence that may not come twice, at least 2, or `NEVER`.
        window: Tokens from the end in which an earlier one may begin.
        allowed: Tokens that may come all the same, such as table cells.
    """

    size: int = NEVER
    window: int = 0
    allowed: tuple[int, ...] = ()

    @property
    def distance(self) -> int:
        """How many tokens back the latest token is looked for, at most; 0 for no rule."""
        return max(0, self.window - self.size + 1) if self.size else 0


class RuleTable:
    """The rules of all slots, on the device.

    Args:
        slots: How many requests there may be.
        device: Where logits are.
    """

    def __init__(self, slots: int, device: torch.device) -> None:
        self.size = torch.zeros(slots, dtype=torch.int32, device=device)
        """Rule size of each slot, shape (slots,)."""
        self.distance = torch.zeros(slots, dtype=torch.int32, device=device)
        """`Rule.distance` of each slot, shape (slots,)."""
        self.allowed = torch.full((slots, 1), -1, dtype=torch.int32, device=device)
        """Allowed tokens of each slot, shape (slots, most), filled up with -1."""
        self.max_size = 0
        self.max_distance = 0
        self._rules: dict[int, Rule] = {}

    def put(self, rules: dict[int, Rule]) -> None:
        """Set the rules of some slots."""
        if not rules:
            return
        most = max(len(rule.allowed) for rule in rules.values())
        if most > self.allowed.shape[1]:
            self._widen(most)
        width = self.allowed.shape[1]
        rows = [
            [slot, rule.size, rule.distance, *rule.allowed, *([-1] * (width - len(rule.allowed)))]
            for slot, rule in rules.items()
        ]
        # One transfer for all of them: each costs a few microseconds of a step.
        sent = to_device(rows, torch.int32, self.size.device)
        where = sent[:, 0].long()
        self.size[where], self.distance[where] = sent[:, 1], sent[:, 2]
        self.allowed[where] = sent[:, 3:]
        self._rules |= rules
        self._measure()

    def forget(self, slots: Collection[int]) -> None:
        """Slots whose requests have ended: `ban` need not reach as far as their rules."""
        for slot in slots:
            self._rules.pop(slot, None)
        self._measure()

    def _measure(self) -> None:
        # Of the requests that run, else one with a wide window slows down all that come after it.
        self.max_size = max((rule.size for rule in self._rules.values()), default=0)
        self.max_distance = max((rule.distance for rule in self._rules.values()), default=0)

    def _widen(self, most: int) -> None:
        slots, width = self.allowed.shape
        more = self.allowed.new_full((slots, most - width), -1)
        self.allowed = torch.cat([self.allowed, more], dim=1)


class History:
    """What each request has written so far.

    Args:
        slots: How many requests there may be. One more slot takes tokens that don't count.
        length: The most tokens that a request may have.
        device: Where logits are.
    """

    def __init__(self, slots: int, length: int, device: torch.device) -> None:
        self.tokens = torch.full((slots + 1, length), -1, dtype=torch.int32, device=device)
        """Token ids, shape (slots + 1, length)."""
        self.count = torch.zeros(slots + 1, dtype=torch.int32, device=device)
        """Tokens of each slot, shape (slots + 1,)."""
        self._nowhere = slots

    def put(self, written: dict[int, Sequence[int]]) -> None:
        """Replace the histories of some slots, such as those of new or resumed requests."""
        if not written:
            return
        counts = [[slot, len(tokens)] for slot, tokens in written.items()]
        sent = to_device(counts, torch.int32, self.count.device)
        self.count[sent[:, 0].long()] = sent[:, 1]
        for slot, tokens in written.items():
            if tokens:
                sent = to_device(tokens, torch.int32, self.count.device)
                self.tokens[slot, : len(tokens)] = sent

    def push(self, slots: torch.Tensor, tokens: torch.Tensor, keep: torch.Tensor) -> None:
        """Add one token to each of some slots.

        Args:
            slots: Slot of each row, shape (rows,), int64.
            tokens: Token id of each row, shape (rows,).
            keep: Which rows count, shape (rows,), bool. The others change nothing.
        """
        if kernels.applies(self.tokens.device):
            kernels.push(self.tokens, self.count, slots, tokens, keep)
            return
        where = torch.where(keep, slots, self._nowhere)
        # The last place is written again and again once a history is full; no request gets there.
        place = self.count[where].clamp_max(self.tokens.shape[1] - 1)
        self.tokens[where, place.long()] = tokens.to(torch.int32)
        self.count.index_add_(0, slots, keep.to(torch.int32))


def ban(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    slots: torch.Tensor,
    end: torch.Tensor,
    begin: torch.Tensor | None,
    rules: RuleTable,
) -> None:
    """Set the logits of banned tokens to minus infinity, in place.

    A token is banned if it followed an earlier occurrence of the latest `size - 1` tokens. That
    occurrence ends `d` tokens before the end for some `d` from 1 to `Rule.distance`, so the
    latest tokens are compared with themselves shifted by each `d`.

    Args:
        logits: Shape (rows, vocabulary), floating.
        tokens: Token ids of all slots, shape (slots, length), int32.
        slots: Slot of each row, shape (rows,), int64.
        end: Where the tokens of each row end in its slot, shape (rows,).
        begin: Where they begin (after the prompt), shape (rows,); None for 0.
        rules: The rules of all slots.
    """
    if kernels.applies(logits.device):
        kernels.ban(logits, tokens, slots, end, begin, rules)
        return
    reach, compared = rules.max_distance, rules.max_size - 1
    if reach < 1 or compared < 1:
        return
    size, distance = rules.size[slots], rules.distance[slots]
    count = end - begin if begin is not None else end
    # Token `back` places before the end, for back = 1 .. reach + compared; any where there is none.
    back = torch.arange(1, reach + compared + 1, device=logits.device)
    places = (end[:, None] - back).clamp_min(0).long()
    latest = tokens[slots[:, None], places]
    shifted = latest[:, 1:].unfold(1, compared, 1)  # (rows, reach, compared): d = 1 .. reach
    ahead = torch.arange(compared, device=logits.device)
    same = (shifted == latest[:, None, :compared]) | (ahead >= (size - 1)[:, None, None])
    d = torch.arange(1, reach + 1, device=logits.device)
    within = (d <= distance[:, None]) & (d <= (count - size + 1)[:, None])
    follows = latest[:, :reach].long()  # the token that came after the occurrence at distance d
    allowed = (follows[:, :, None] == rules.allowed[slots][:, None, :]).any(-1)
    banned = same.all(-1) & within & ~allowed & (size > 0)[:, None]
    # Rows without a ban write plus infinity, which a minimum leaves alone, to a token that exists.
    # Both are plain numbers: a tensor made of a number here would wait for the device.
    values = torch.where(banned, -torch.inf, torch.inf).to(logits.dtype)
    logits.scatter_reduce_(1, follows.clamp_min(0), values, "amin")


def to_device(values: Collection[object], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Numbers as a tensor on a device, without waiting for the device."""
    made = torch.tensor(values, dtype=dtype)
    if device.type != "cuda":
        return made.to(device)
    return made.pin_memory().to(device, non_blocking=True)
