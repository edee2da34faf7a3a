"""Rows of `benchmarks.gpu` side by side: one GPU and an equal part of the cores for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

from benchmarks.gpu_watch import figure

_FREE_MIB = 2500
"""Memory that is taken on a GPU which no engine holds any more, at most."""
_FREE_S = 30.0
"""Seconds in which an engine that has ended gives its GPU back."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A GPU and the cores that its row runs on.

    Attributes:
        gpu: Its number.
        cores: Numbers of the cores.
    """

    gpu: int
    cores: tuple[int, ...]

    def environment(self) -> Mapping[str, str]:
        """What a row's process is told of it."""
        return {"CUDA_VISIBLE_DEVICES": str(self.gpu)}

    def prefix(self) -> list[str]:
        """What stands before a row's command, so that it and its children keep to these cores."""
        return ["taskset", "--cpu-list", ",".join(map(str, self.cores))]


def lanes(gpus: int, cores: Iterable[int]) -> list[Lane]:
    """As many lanes as GPUs, with equal parts of the cores.

    Args:
        gpus: How many, at least one.
        cores: The numbers of the cores that there are.

    Raises:
        ValueError: There are fewer cores than GPUs.
    """
    numbers = sorted(cores)
    each = len(numbers) // gpus
    if not each:
        raise ValueError(f"{len(numbers)} cores are too few for {gpus} GPUs")
    return [Lane(gpu, tuple(numbers[gpu * each : (gpu + 1) * each])) for gpu in range(gpus)]


def side_by_side(
    names: Sequence[str], found: Sequence[Lane], run: Callable[[str, Lane], bool]
) -> list[str]:
    """Run rows in their order, each on the first lane that is free; the names of those that failed.

    Args:
        names: The rows.
        found: The lanes.
        run: Runs a row on a lane; whether it succeeded.
    """
    free: SimpleQueue[Lane] = SimpleQueue()
    for lane in found:
        free.put(lane)

    def one(name: str) -> bool:
        lane = free.get()
        try:
            return run(name, lane)
        finally:
            _wait_for(lane.gpu)
            free.put(lane)

    with ThreadPoolExecutor(len(found)) as threads:
        return [name for name, good in zip(names, threads.map(one, names), strict=True) if not good]


def _wait_for(gpu: int) -> None:
    """Wait until a GPU's memory is free: an engine's process may end after its parent."""
    end = time.monotonic() + _FREE_S
    while time.monotonic() < end:
        used = figure("memory.used", str(gpu))
        if used is None or used <= _FREE_MIB:
            return
        time.sleep(0.5)
