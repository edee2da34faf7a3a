"""Which kernel computes SAM's attention on the running device."""

from __future__ import annotations

import logging

import torch
from torch.nn import functional

from pipeline.vllm_plugin.sam import Attention, plain_attention

_log = logging.getLogger(__name__)

_HOPPER = (9, 0)


def choose(like: torch.Tensor) -> Attention:
    """The fastest kernel for a tensor's device and type.

    Args:
        like: A weight of the model.
    """
    if not like.is_cuda or like.dtype not in (torch.bfloat16, torch.float16):
        return plain_attention
    if torch.cuda.get_device_capability(like.device) != _HOPPER:
        return plain_attention
    try:
        # The kernels of FlashAttention 3 are part of vLLM; importing this loads them.
        from vllm.vllm_flash_attn import flash_attn_interface

        if not flash_attn_interface.is_fa_version_supported(3):
            return plain_attention
        _try(hopper_attention, like)
    except (ImportError, AttributeError, RuntimeError) as error:
        _log.warning("SAM's attention takes torch's own kernels: %s", error)
        return plain_attention
    return hopper_attention


def _try(attention: Attention, like: torch.Tensor) -> None:
    """Run a kernel once for each width of a head that SAM has here.

    Raises:
        RuntimeError: It was built without one of them.
    """
    for wide in (96, 160, 192):
        q = torch.zeros(1, 64, 1, wide, dtype=like.dtype, device=like.device)
        attention(q, q, q[..., :64])


def hopper_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """FlashAttention 3. See `Attention`.

    It wants values as wide as queries, or 128 wide where queries are wider than that.
    """
    wide, narrow = q.shape[-1], v.shape[-1]
    v = functional.pad(v, (0, min(wide, 128) - narrow))
    return flash_attention_3(q, k, v)[..., :narrow]


@torch.library.custom_op("rayscribe::flash_attention_3", mutates_args=())
def flash_attention_3(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """FlashAttention 3 without scaling, as one operation that the compiler leaves alone.

    Args:
        q: Shape (batch, tokens, heads, wide).
        k: The same.
        v: Shape (batch, tokens, heads, any).

    Returns:
        Shape of `v`.
    """
    from vllm.vllm_flash_attn import flash_attn_varlen_func

    batch, tokens = q.shape[:2]
    ends = torch.arange(batch + 1, dtype=torch.int32, device=q.device) * tokens
    flat = (t.reshape(batch * tokens, *t.shape[2:]) for t in (q, k, v))
    out = flash_attn_varlen_func(
        *flat,
        max_seqlen_q=tokens,
        cu_seqlens_q=ends,
        max_seqlen_k=tokens,
        cu_seqlens_k=ends,
        softmax_scale=1.0,
        causal=False,
        fa_version=3,
    )
    return out.view(batch, tokens, *out.shape[1:])  # type: ignore[no-any-return]


@flash_attention_3.register_fake
def _(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(v, memory_format=torch.contiguous_format)
