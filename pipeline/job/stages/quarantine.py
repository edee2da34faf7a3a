"""Finds the page that kills its worker's process, so that the others get done.

A process that dies takes all its pages with it, and Ray gives the same pages to the next one, for
ever. So every worker says which pages it begins and which are finished. Pages that are begun again
without having been finished are quarantine: their worker died. They are run a few at a time; those
that were among the few when a worker died again are run alone; and one that keeps dying alone gets
an error row instead of another worker.

Workers die of other things too: machines go, and the kernel takes memory back. That is why a page
has to die alone, more than once, and why the first death does not slow hundreds of pages down to
one at a time.

Pure: one object for a whole job, behind a Ray actor (`pipeline.job.ray_data.chains`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol


class Isolation(StrEnum):
    """How a page that is about to be worked on is to be run."""

    NONE = "none"
    """Nothing is held against it."""
    FEW = "few"
    """A worker died that had it: few others may run beside it."""
    SOLO = "solo"
    """A worker died while it ran as one of few: nothing else may run beside it."""
    POISON = "poison"
    """It is to get an error row."""

    def share(self, places: int) -> int:
        """How many of a worker's places a page takes up that is run like this."""
        few = math.ceil(math.sqrt(places))
        return {Isolation.NONE: 1, Isolation.FEW: few}.get(self, places)


class PageMonitor(Protocol):
    """What workers tell of their pages, named by keys that are unique in the job and stage."""

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        """Note that a worker has these pages, and say how each is to be run."""
        ...

    def enter(self, key: str, *, alone: bool) -> None:
        """Note that a suspect runs from now on. Comes back when it is noted."""
        ...

    def finish(self, keys: Sequence[str]) -> None:
        """Note that these pages were outlived by their worker."""
        ...


class Quarantine:
    """What is known of the pages that are being worked on. A `PageMonitor`.

    Args:
        max_lone_deaths: Workers that may die with a page alone on them before it is condemned.
    """

    def __init__(self, max_lone_deaths: int) -> None:
        self._max_lone_deaths = max_lone_deaths
        self._isolations: dict[str, Isolation] = {}
        self._entered: dict[str, bool] = {}
        self._solo_crashes: dict[str, int] = {}

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        """Note that a worker has these pages, and say how each is to be run."""
        for key in keys:
            self._isolations[key] = self._isolation(key)
        return [self._isolations[key] for key in keys]

    def enter(self, key: str, *, alone: bool) -> None:
        """Note that a suspect runs from now on."""
        self._entered[key] = alone

    def finish(self, keys: Sequence[str]) -> None:
        """Note that these pages were outlived by their worker.

        Condemned ones stay condemned: if a neighbour ends the worker yet, they all come again.
        """
        for key in keys:
            if self._isolations.get(key) is not Isolation.POISON:
                for of_key in (self._isolations, self._entered, self._solo_crashes):
                    of_key.pop(key, None)

    def _isolation(self, key: str) -> Isolation:
        before, was_alone = self._isolations.get(key), self._entered.pop(key, None)
        if before is None or before is Isolation.POISON:
            return before or Isolation.NONE
        if was_alone:
            self._solo_crashes[key] = self._solo_crashes.get(key, 0) + 1
        if self._solo_crashes.get(key, 0) >= self._max_lone_deaths:
            return Isolation.POISON
        if before is Isolation.NONE:
            return Isolation.FEW
        return before if was_alone is None else Isolation.SOLO


def in_turn(monitor: PageMonitor, keys: Sequence[str]) -> Iterator[bool]:
    """Yield for each page whether it may run, for a worker that runs one at a time."""
    for key, isolation in zip(keys, monitor.begin(keys), strict=True):
        if isolation is Isolation.NONE or isolation is Isolation.POISON:
            yield isolation is Isolation.NONE
        else:
            monitor.enter(key, alone=True)
            yield True
            monitor.finish([key])
    monitor.finish(keys)
