"""CUDA graphs for a function of a batch of pictures, one for each of some batch sizes.

Launching the encoder's thousand small kernels one by one takes longer than they run. A graph has
a fixed size, so a batch takes the smallest one that holds it; vLLM's own go up by powers of two,
so that 8 pages of 6 tiles pay for 64. Which sizes there are is the caller's choice.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

Function = Callable[[torch.Tensor], torch.Tensor]
"""A batch of pictures, shape (batch, ...), to their tokens, shape (batch, tokens, width)."""


def chunks(count: int, sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Part a batch into graphs.

    Args:
        count: Pictures in the batch.
        sizes: Sizes that there are, ascending.

    Returns:
        Pictures and size of each graph to run: the largest as often as it is filled, and the
        smallest that holds the rest.
    """
    largest = sizes[-1]
    made = [(largest, largest)] * (count // largest)
    if rest := count % largest:
        made.append((rest, sizes[bisect.bisect_left(sizes, rest)]))
    return made


@dataclass(frozen=True, slots=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    pictures: torch.Tensor
    tokens: torch.Tensor


class Graphs:
    """Runs a function by graphs that are captured when a size is first needed.

    Args:
        function: What is captured. It must not wait for the device.
        sizes: Batch sizes, ascending.
        pool: Memory that several of these share; they never run at a time.
    """

    def __init__(self, function: Function, sizes: Sequence[int], pool: object) -> None:
        self._function = function
        self._sizes = sizes
        self._pool = pool
        self._captured: dict[int, _Captured] = {}

    def capture(self, like: torch.Tensor) -> None:
        """Capture all sizes now, the largest first, so that the others fit into its memory.

        Args:
            like: A picture of the shape and type that will come, with a batch dimension.
        """
        for size in reversed(self._sizes):
            self._capture(size, like)

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """The function of a batch of any size.

        Returns:
            Shape (batch, tokens, width); the caller's own, not the graph's memory.
        """
        made, at = [], 0
        for count, size in chunks(pictures.shape[0], self._sizes):
            captured = self._captured.get(size) or self._capture(size, pictures)
            captured.pictures[:count].copy_(pictures[at : at + count])
            captured.graph.replay()
            made.append(captured.tokens[:count].clone())
            at += count
        return torch.cat(made) if len(made) > 1 else made[0]

    def _capture(self, size: int, like: torch.Tensor) -> _Captured:
        pictures = torch.zeros((size, *like.shape[1:]), dtype=like.dtype, device=like.device)
        # Once without a graph, on a stream of its own: compiles, and picks kernels.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._function(pictures)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            tokens = self._function(pictures)
        captured = self._captured[size] = _Captured(graph, pictures, tokens)
        return captured
