"""DeepSeek-OCR's encoder for all pictures of a step: two batches and one lookup.

vLLM encodes the pages of a step one by one, and waits for the device for each of them to ask
how its tiles lie. Here the global views of all pages are one batch, their tiles another, and how
tiles lie is known on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pipeline.vllm_plugin.encoder import layout
from pipeline.vllm_plugin.encoder.graphs import Graphs
from pipeline.vllm_plugin.encoder.sam import Attention, BlockRunner, Sam, run_block
from pipeline.vllm_plugin.ngram_rule.history import to_device
from pipeline.vllm_plugin.options import Options

VIEW_PX, TILE_PX = 1024, 640
"""Sides of the global view and of a tile."""
_TOKEN_PX = 64
VIEW_SIZES = (1, 2, 3, 4, 6, 8)
"""Batch sizes of global views that have a graph."""
TILE_SIZES = (2, 3, 4, 6, 8, 12, 18, 24, 36, 48)
"""Batch sizes of tiles that have a graph: pages have 2 to 6, a Letter page 6."""


def normalise_table(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """What each of the 256 values of a channel becomes, shape (256,).

    Made on the CPU in the steps of torchvision's transform, so that it is the same to the last
    bit; a division on a GPU is not.
    """
    values = torch.arange(256, dtype=torch.float32) / 255
    return ((values - 0.5) / 0.5).to(dtype).to(device)


def block_runner(compiled: bool) -> BlockRunner:
    """How a block of SAM is run: as it is, or compiled for any number of pictures.

    All blocks of a kind share one compilation, so there are two for each side of a picture.
    """
    if not compiled:
        return run_block
    run: BlockRunner = torch.compile(run_block, dynamic=False)

    def any_count(x: torch.Tensor, *rest: Any) -> torch.Tensor:
        torch._dynamo.maybe_mark_dynamic(x, 0)
        return run(x, *rest)

    return any_count


class Encoder:
    """Global views and tiles of a step to the tokens of its pages.

    Args:
        model: vLLM's `DeepseekOCRForCausalLM` with its weights loaded.
        options: Whether there are graphs, and whether blocks are compiled.
        attention: How scores become values in SAM.
    """

    def __init__(self, model: Any, options: Options, attention: Attention) -> None:
        self._model = model
        weight = model.image_newline
        self._table = normalise_table(weight.dtype, weight.device)
        self._ends = torch.stack([model.image_newline, model.view_seperator]).detach()
        block = block_runner(options.compiled)
        self._sam = Sam(model.sam_model, (VIEW_PX, TILE_PX), attention, block)
        self._views: Graphs | None = None
        self._tiles: Graphs | None = None
        if options.graphs and weight.is_cuda:
            pool = torch.cuda.graph_pool_handle()
            self._views = Graphs(self.tokens, VIEW_SIZES, pool)
            self._tiles = Graphs(self.tokens, TILE_SIZES, pool)

    def capture(self) -> None:
        """Capture the graphs now rather than when a size first comes."""
        for graphs, side_px in ((self._tiles, TILE_PX), (self._views, VIEW_PX)):
            if graphs is not None:
                like = torch.zeros(1, 3, side_px, side_px, dtype=torch.uint8)
                graphs.capture(like.to(self._table.device))

    def tokens(self, pictures: torch.Tensor) -> torch.Tensor:
        """Encode pictures of one size.

        Args:
            pictures: uint8, or normalised already; shape (batch, 3, side, side).

        Returns:
            Shape (batch, (side / 64) ** 2, width of the decoder).
        """
        if pictures.dtype == torch.uint8:
            pictures = self._table[pictures.int()]
        first = self._sam(pictures)
        second = self._model.vision_model(pictures, first)[:, 1:]
        return self._model.projector(torch.cat([second, first.flatten(2).transpose(1, 2)], -1))

    def _run(self, graphs: Graphs | None, pictures: torch.Tensor, most: int) -> torch.Tensor:
        """Encode a batch of any size, by graphs where they take such pictures."""
        if graphs is not None and pictures.dtype == torch.uint8:
            return graphs(pictures)
        return torch.cat([self.tokens(part) for part in pictures.split(most)])

    def __call__(
        self, views: torch.Tensor, tiles: torch.Tensor | None, grids: Sequence[layout.Grid]
    ) -> list[torch.Tensor]:
        """Encode pages.

        Args:
            views: Global views, shape (pages, 3, 1024, 1024).
            tiles: Tiles of all pages in order, shape (tiles, 3, 640, 640), or None.
            grids: Columns and rows of each page's tiles.

        Returns:
            For each page, shape (tokens, width of the decoder).
        """
        width = self._ends.shape[1]
        parts, views_from = [], 0
        if tiles is not None and tiles.shape[0]:
            parts.append(self._run(self._tiles, tiles, TILE_SIZES[-1]).reshape(-1, width))
            views_from = parts[0].shape[0]
        parts += [self._run(self._views, views, VIEW_SIZES[-1]).reshape(-1, width), self._ends]
        view_side, tile_side = VIEW_PX // _TOKEN_PX, TILE_PX // _TOKEN_PX
        where = layout.pages(grids, views_from, view_side, tile_side)
        index = to_device(where, torch.int64, self._table.device)
        sizes = [layout.tokens_of(grid, view_side, tile_side) for grid in grids]
        return list(torch.cat(parts)[index].split(sizes))
