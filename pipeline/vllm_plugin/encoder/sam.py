"""SAM, the first half of DeepSeek-OCR's encoder, from the weights of vLLM's own modules.

Three things are done another way than there, with the same result but for rounding.

Attention with relative positions adds to each score a bias that is the sum of a term for the
row and one for the column of the key. vLLM writes that bias out: 12 heads of 4096 by 4096
numbers, 403 MB for one picture of 1024 px in each of four blocks, written and read again. Here
both terms are further dimensions of queries and keys: the query carries its terms for all rows
and columns, the key a one in its own row and in its own column, and their product is the bias.
So attention kernels that take no bias can be used, and nothing of that size is ever written.

In 16 bits the activation between a block's two layers is part of the first one's kernel (`widen`).

What depends on the size of the picture alone (positions, the ones of the keys) is made once.

Pure torch: the modules are only read for their weights, and come from vLLM's `deepencoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Attention without scaling: queries and keys (batch, tokens, heads, wide), values (batch, tokens,
heads, narrow), to (batch, tokens, heads, narrow)."""

_ALIGNED = 32
"""Kernels want the width of a head to be a multiple of this."""
_HAS_FUSED = hasattr(torch, "_addmm_activation")
"""Whether this torch has the kernel of `widen`, which is no part of its public interface."""


@dataclass(frozen=True, slots=True)
class Positions:
    """What a block adds for where a token is: by rows and by columns of its grid.

    Attributes:
        rows: Shape (side, side, narrow): by row of the query, row of the key.
        columns: The same by columns.
        ones: What each key carries, shape (side * side, wide - narrow).
    """

    rows: torch.Tensor
    columns: torch.Tensor
    ones: torch.Tensor


def relative(table: torch.Tensor, side: int) -> torch.Tensor:
    """Embeddings of the distances between the rows (or columns) of a grid.

    Args:
        table: One embedding for each distance that was trained, shape (2 * trained - 1, narrow).
        side: Rows of the grid; where it is not the trained number, the table is interpolated.

    Returns:
        Shape (side, side, narrow): query's row, key's row.
    """
    distances = 2 * side - 1
    if table.shape[0] != distances:
        wide = table.float().T[None]
        resized = functional.interpolate(wide, size=distances, mode="linear")[0].T
        table = resized.to(table.dtype)
    at = torch.arange(side, device=table.device)
    return table[at[:, None] - at[None, :] + side - 1]


def key_ones(side: int, narrow: int, like: torch.Tensor) -> torch.Tensor:
    """A one in the row and a one in the column of each key, then zeros up to a good width.

    Returns:
        Shape (side * side, 2 * side + padding).
    """
    eye = torch.eye(side, dtype=like.dtype, device=like.device)
    rows, columns = eye.repeat_interleave(side, 0), eye.repeat(side, 1)
    padding = -(narrow + 2 * side) % _ALIGNED
    return functional.pad(torch.cat([rows, columns], 1), (0, padding))


def positions(attention: Any, side: int) -> Positions:
    """The positions of a block's attention for a grid of a side."""
    rows, columns = (relative(t, side) for t in (attention.rel_pos_h, attention.rel_pos_w))
    return Positions(rows, columns, key_ones(side, rows.shape[-1], rows))


def attend(x: torch.Tensor, module: Any, where: Positions, attention: Attention) -> torch.Tensor:
    """Self-attention with relative positions, before the last projection.

    Args:
        x: Shape (batch, side, side, channels).
        module: vLLM's `RelPosAttention`.
        where: Its positions for that side.
        attention: How scores become values.

    Returns:
        Shape (batch, side, side, channels).
    """
    batch, side, _, channels = x.shape
    heads = module.num_heads
    q, k, v = module.qkv(x).view(batch, side, side, 3, heads, -1).unbind(3)
    rows = torch.einsum("bhwnc,hkc->bhwnk", q, where.rows)
    columns = torch.einsum("bhwnc,wkc->bhwnk", q, where.columns)
    spare = where.ones.shape[1] - 2 * side
    parts = [q * module.scale, rows, columns]
    if spare:
        parts.append(q.new_zeros(spare).expand(batch, side, side, heads, spare))
    queries = torch.cat(parts, -1).view(batch, side * side, heads, -1)
    ones = where.ones[None, :, None].expand(batch, -1, heads, -1)
    keys = torch.cat([k.reshape(batch, side * side, heads, -1), ones], -1)
    values = v.reshape(batch, side * side, heads, -1)
    return attention(queries, keys, values).reshape(batch, side, side, channels)


def to_windows(x: torch.Tensor, size: int) -> torch.Tensor:
    """Cut a grid into windows, filled up with zeros at its end.

    Args:
        x: Shape (batch, side, side, channels).
        size: Side of a window.

    Returns:
        Shape (batch * windows, size, size, channels), row by row.
    """
    batch, side, _, channels = x.shape
    extra = -side % size
    if extra:
        x = functional.pad(x, (0, 0, 0, extra, 0, extra))
    count = (side + extra) // size
    x = x.view(batch, count, size, count, size, channels).transpose(2, 3)
    return x.reshape(-1, size, size, channels)


def from_windows(x: torch.Tensor, side: int) -> torch.Tensor:
    """Put windows together again: the inverse of `to_windows`."""
    size, channels = x.shape[1], x.shape[-1]
    count = -(-side // size)
    x = x.view(-1, count, count, size, size, channels).transpose(2, 3)
    return x.reshape(-1, count * size, count * size, channels)[:, :side, :side]


def run_block(x: torch.Tensor, block: Any, where: Positions, attention: Attention) -> torch.Tensor:
    """One block of the transformer.

    Args:
        x: Shape (batch, side, side, channels).
        block: vLLM's `Block`.
        where: Positions within a window, or within the grid for a block without windows.
        attention: How scores become values.
    """
    side, size = x.shape[1], block.window_size
    inner = block.norm1(x)
    if size:
        inner = to_windows(inner, size)
    inner = block.attn.proj(attend(inner, block.attn, where, attention))
    if size:
        inner = from_windows(inner, side)
    x = x + inner
    return x + block.mlp.lin2(widen(block.norm2(x), block.mlp))


def widen(x: torch.Tensor, mlp: Any) -> torch.Tensor:
    """The first half of a block's two layers, activation included.

    In 16 bits on a GPU one kernel does both, which saves writing and reading the widest tensor of
    the encoder. It takes GELU by its approximation with tanh, at most 5e-4 from the exact one, and
    takes it before the product is rounded: all of SAM comes out nearer to float32 than in vLLM.
    """
    if not (_HAS_FUSED and x.is_cuda and x.dtype in (torch.bfloat16, torch.float16)):
        made: torch.Tensor = mlp.act(mlp.lin1(x))
        return made
    flat, weight = x.reshape(-1, x.shape[-1]), mlp.lin1.weight
    wide = torch._addmm_activation(mlp.lin1.bias, flat, weight.t(), use_gelu=True)
    return wide.view(*x.shape[:-1], -1)


BlockRunner = Callable[[torch.Tensor, Any, Positions, Attention], torch.Tensor]
"""`run_block`, or something that does the same."""


class Sam:
    """The whole of SAM for pictures of given sides.

    Args:
        module: vLLM's `ImageEncoderViT` with its weights loaded.
        sides_px: Sides of the pictures that will come, multiples of 16.
        attention: How scores become values.
        block: Runs one block; the compiled `run_block` where that is wanted.
    """

    def __init__(
        self,
        module: Any,
        sides_px: tuple[int, ...],
        attention: Attention,
        block: BlockRunner = run_block,
    ) -> None:
        self._module = module
        self._attention = attention
        self._block = block
        patch_px = module.patch_embed.proj.kernel_size[0]
        grids = [side // patch_px for side in sides_px]
        table = module.pos_embed.detach()
        self._starts = {grid: module.get_abs_pos(table, grid) for grid in grids}
        self._positions = {
            grid: [positions(block.attn, block.window_size or grid) for block in module.blocks]
            for grid in grids
        }

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode pictures.

        Args:
            pixels: Normalised, shape (batch, 3, side, side).

        Returns:
            Shape (batch, 1024, side / 64, side / 64).
        """
        module = self._module
        x = module.patch_embed(pixels).contiguous()
        grid = x.shape[1]
        x = x + self._starts[grid]
        for block, where in zip(module.blocks, self._positions[grid], strict=True):
            x = self._block(x, block, where, self._attention)
        x = module.neck(x.permute(0, 3, 1, 2))
        return module.net_3(module.net_2(x))


def plain_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Torch's own attention, on any device. See `Attention`."""
    narrow = v.shape[-1]
    if q.is_cuda and narrow < q.shape[-1]:
        # Its fastest kernels want one width for all three.
        v = functional.pad(v, (0, q.shape[-1] - narrow))
    heads_first = (t.transpose(1, 2) for t in (q, k, v))
    mixed = functional.scaled_dot_product_attention(*heads_first, scale=1.0)
    return mixed.transpose(1, 2)[..., :narrow]
