"""Finds the page that kills its worker's process, so that the others get done.

A process that dies takes all its pages with it, and Ray gives the same pages to the next one, for
ever. So every worker says which pages it begins and which are finished. Pages that are begun again
without having been finished are suspects: their worker died. They are run a few at a time; those
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


class Verdict(StrEnum):
    """How a page that is about to be worked on is to be run."""

    TOGETHER = "together"
    """Nothing is held against it."""
    FEW = "few"
    """A worker died that had it: few others may run beside it."""
    ALONE = "alone"
    """A worker died while it ran as one of few: nothing else may run beside it."""
    GUILTY = "guilty"
    """It is to get an error row."""

    def share(self, places: int) -> int:
        """How many of a worker's places a page takes up that is run like this."""
        few = math.ceil(math.sqrt(places))
        return {Verdict.TOGETHER: 1, Verdict.FEW: few}.get(self, places)


class Watch(Protocol):
    """What workers tell of their pages, named by keys that are unique in the job and stage."""

    def begin(self, keys: Sequence[str]) -> list[Verdict]:
        """Note that a worker has these pages, and say how each is to be run."""
        ...

    def enter(self, key: str, *, alone: bool) -> None:
        """Note that a suspect runs from now on. Comes back when it is noted."""
        ...

    def finish(self, keys: Sequence[str]) -> None:
        """Note that these pages were outlived by their worker."""
        ...


class Suspects:
    """What is known of the pages that are being worked on. A `Watch`.

    Args:
        max_lone_deaths: Workers that may die with a page alone on them before it is condemned.
    """

    def __init__(self, max_lone_deaths: int) -> None:
        self._max_lone_deaths = max_lone_deaths
        self._verdicts: dict[str, Verdict] = {}
        self._entered: dict[str, bool] = {}
        self._lone_deaths: dict[str, int] = {}

    def begin(self, keys: Sequence[str]) -> list[Verdict]:
        """Note that a worker has these pages, and say how each is to be run."""
        for key in keys:
            self._verdicts[key] = self._verdict(key)
        return [self._verdicts[key] for key in keys]

    def enter(self, key: str, *, alone: bool) -> None:
        """Note that a suspect runs from now on."""
        self._entered[key] = alone

    def finish(self, keys: Sequence[str]) -> None:
        """Note that these pages were outlived by their worker.

        Condemned ones stay condemned: if a neighbour ends the worker yet, they all come again.
        """
        for key in keys:
            if self._verdicts.get(key) is not Verdict.GUILTY:
                for of_key in (self._verdicts, self._entered, self._lone_deaths):
                    of_key.pop(key, None)

    def _verdict(self, key: str) -> Verdict:
        before, was_alone = self._verdicts.get(key), self._entered.pop(key, None)
        if before is None or before is Verdict.GUILTY:
            return before or Verdict.TOGETHER
        if was_alone:
            self._lone_deaths[key] = self._lone_deaths.get(key, 0) + 1
        if self._lone_deaths.get(key, 0) >= self._max_lone_deaths:
            return Verdict.GUILTY
        if before is Verdict.TOGETHER:
            return Verdict.FEW
        return before if was_alone is None else Verdict.ALONE


def in_turn(watch: Watch, keys: Sequence[str]) -> Iterator[bool]:
    """Yield for each page whether it may run, for a worker that runs one at a time."""
    for key, verdict in zip(keys, watch.begin(keys), strict=True):
        if verdict is Verdict.TOGETHER or verdict is Verdict.GUILTY:
            yield verdict is Verdict.TOGETHER
        else:
            watch.enter(key, alone=True)
            yield True
            watch.finish([key])
    watch.finish(keys)
