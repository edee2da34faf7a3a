"""The rule against repetition as two Triton kernels: what `history.ban` and `History.push` do.

As single torch operations these are some 50 launches a step. With hundreds of requests that is
little; with one, whose whole step takes 3 ms, the launches were a tenth of it. A GPU that runs
vLLM has Triton; elsewhere the operations of `history` are used.
"""

from __future__ import annotations

from typing import Any

import torch

try:
    import triton
    import triton.language as tl
except ImportError:  # vLLM's build for the CPU comes without it
    triton = None


def applies(device: torch.device) -> bool:
    """Whether tensors on this device are computed by these kernels."""
    return triton is not None and device.type == "cuda"


def ban(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    slots: torch.Tensor,
    end: torch.Tensor,
    begin: torch.Tensor | None,
    rules: Any,
) -> None:
    """`history.ban`, with the same arguments, in one launch."""
    if rules.max_distance < 1 or not len(slots):
        return
    _ban[(len(slots),)](
        logits,
        logits.stride(0),
        tokens,
        tokens.stride(0),
        slots,
        end,
        end if begin is None else begin,
        rules.size,
        rules.distance,
        rules.allowed,
        rules.allowed.shape[1],
        from_begin=begin is not None,
        reach=triton.next_power_of_2(rules.max_distance),
    )


def push(
    tokens: torch.Tensor,
    count: torch.Tensor,
    slots: torch.Tensor,
    picked: torch.Tensor,
    keep: torch.Tensor,
) -> None:
    """Add one token to each slot whose row counts, in one launch.

    Args:
        tokens: Token ids of all slots, shape (slots, length), int32.
        count: Tokens of each slot, shape (slots,), int32.
        slots: Slot of each row, each once, shape (rows,), int64.
        picked: Token id of each row, shape (rows,), with any stride.
        keep: Which rows count, shape (rows,), bool.
    """
    if len(slots):
        rows = len(slots)
        _push[(rows,)](
            tokens, tokens.stride(0), tokens.shape[1], count, slots, picked, picked.stride(0), keep
        )


if triton is not None:

    @triton.jit  # type: ignore[untyped-decorator]
    def _ban(  # type: ignore[no-untyped-def]  # Triton reads annotations
        logits,
        logits_stride,
        tokens,
        tokens_stride,
        slots,
        end,
        begin,
        size,
        distance,
        allowed,
        allowed_width,
        from_begin: tl.constexpr,
        reach: tl.constexpr,
    ):
        """One program a row: all distances side by side, the tokens of the rule in a loop."""
        row = tl.program_id(0).to(tl.int64)
        slot = tl.load(slots + row)
        length = tl.load(size + slot)
        last = tl.load(end + row).to(tl.int64)
        count = last
        if from_begin:
            count = last - tl.load(begin + row)
        # A request without a rule has the distance 0, so nothing of it is the same.
        furthest = tl.minimum(tl.load(distance + slot).to(tl.int64), count - length + 1)
        written = tokens + slot * tokens_stride
        d = 1 + tl.arange(0, reach)
        same = d <= furthest
        for back in range(1, length):
            # Where `same` holds, `last - back - d` is no less than where the answer begins.
            earlier = tl.load(written + last - back - d, mask=same, other=-1)
            latest = tl.load(written + tl.maximum(last - back, 0))
            same = same & (earlier == latest)
        follows = tl.load(written + last - d, mask=same, other=0)
        for place in range(allowed_width):
            same = same & (follows != tl.load(allowed + slot * allowed_width + place))
        banned = tl.full((reach,), float("-inf"), logits.dtype.element_ty)
        tl.store(logits + row * logits_stride + follows, banned, mask=same)

    @triton.jit
    def _push(  # type: ignore[no-untyped-def]  # Triton reads annotations
        tokens,
        tokens_stride,
        length,
        count,
        slots,
        picked,
        picked_stride,
        keep,
    ):
        row = tl.program_id(0).to(tl.int64)
        if tl.load(keep + row):
            slot = tl.load(slots + row)
            before = tl.load(count + slot)
            token = tl.load(picked + row * picked_stride).to(tl.int32)
            place = tl.minimum(before, length - 1)
            tl.store(tokens + slot * tokens_stride + place, token)
            tl.store(count + slot, before + 1)
