"""Which kernel computes SAM's attention on the running device.

Measured on an H100 at the encoder's shapes (`benchmarks/results/`): cuDNN's is the fastest, and
takes values that are narrower than queries; FlashAttention 3 comes next.
"""

from __future__ import annotations

import logging

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipeline.vllm_plugin.encoder.sam import Attention, plain_attention

_log = logging.getLogger(__name__)

_WIDTHS = (96, 160, 192)
"""Widths of a head with its positions: in windows, in a tile, in a global view."""
_NARROW = 64
_NEAR = 0.02
"""Relative distance that kernels may have from each other in bfloat16."""


def choose(like: torch.Tensor) -> Attention:
    """The fastest kernel that works for a tensor's device and type.

    Args:
        like: A weight of the model.
    """
    if not like.is_cuda or like.dtype not in (torch.bfloat16, torch.float16):
        return plain_attention
    for attention in (cudnn_attention, flash_attention):
        if _works(attention, like):
            return attention
    return plain_attention


def _works(attention: Attention, like: torch.Tensor) -> bool:
    """Whether a kernel agrees with torch's default for each width of a head."""
    for wide in _WIDTHS:
        shape = (2, _NARROW, 2)
        q, k, v = (torch.randn(*shape, w, device=like.device) for w in (wide, wide, _NARROW))
        q = q / wide**0.5
        given = [t.to(like.dtype) for t in (q, k, v)]
        try:
            made = attention(*given).float()
        except (ImportError, AttributeError, RuntimeError) as error:
            _log.warning("%s is no choice here: %s", getattr(attention, "__name__", ""), error)
            return False
        wanted = plain_attention(*(t.float() for t in given))
        if not (made - wanted).norm() < _NEAR * wanted.norm():
            return False
    return True


def cudnn_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The kernel of cuDNN. See `Attention`."""
    made: torch.Tensor = _cudnn(q, k, v)
    return made


def flash_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """FlashAttention 3, which vLLM brings along. See `Attention`.

    It wants values as wide as queries, or 128 wide where queries are wider than that.
    """
    wide, narrow = q.shape[-1], v.shape[-1]
    v = functional.pad(v, (0, min(wide, 128) - narrow))
    made: torch.Tensor = _flash(q, k, v)[..., :narrow]
    return made


@torch.library.custom_op("rayscribe::cudnn_attention", mutates_args=())  # type: ignore[untyped-decorator]
def _cudnn(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """One operation that the compiler leaves alone.

    Args:
        q: Shape (batch, tokens, heads, wide).
        k: The same.
        v: Shape (batch, tokens, heads, narrow).

    Returns:
        Shape of `v`.
    """
    heads_first = (t.transpose(1, 2) for t in (q, k, v))
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        made = functional.scaled_dot_product_attention(*heads_first, scale=1.0)
    return made.transpose(1, 2).contiguous()


@torch.library.custom_op("rayscribe::flash_attention_3", mutates_args=())  # type: ignore[untyped-decorator]
def _flash(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The same with another kernel."""
    from vllm.vllm_flash_attn import flash_attn_varlen_func

    batch, tokens = q.shape[:2]
    ends = torch.arange(batch + 1, dtype=torch.int32, device=q.device) * tokens
    flat = (t.reshape(batch * tokens, *t.shape[2:]) for t in (q, k, v))
    made: torch.Tensor = flash_attn_varlen_func(
        *flat,
        max_seqlen_q=tokens,
        cu_seqlens_q=ends,
        max_seqlen_k=tokens,
        cu_seqlens_k=ends,
        softmax_scale=1.0,
        causal=False,
        fa_version=3,
    )
    return made.view(batch, tokens, *made.shape[1:])


@_cudnn.register_fake  # type: ignore[untyped-decorator]
@_flash.register_fake  # type: ignore[untyped-decorator]
def _like_values(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(v, memory_format=torch.contiguous_format)
