"""Finds the poison page, the one that crashes its worker, so that all others are finished.

A worker process that crashes loses all its pages, and Ray gives the same pages to the next worker,
without end. So every worker reports which pages it begins and which it has finished. A page that is
begun again without having been finished is a suspect: its worker crashed. Suspects are run a few at
a time; those that ran when a worker crashed again are run alone; and a page whose workers keep
crashing while it runs alone gets an error row instead of another worker.

Workers crash for other reasons too: machines are lost, and the kernel ends processes when memory
runs out. So a page counts as poison only after several solo crashes, and the first crash does not
slow hundreds of pages down to one at a time.

Pure: one object for a whole job, behind a Ray actor (`pipeline.job.ray_data.actors`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

POISON_MESSAGE = (
    "the worker's process was killed each time that it worked on this alone; it may need more "
    "memory than there is (stages.max_lone_deaths)"
)
"""The error of a poison page's row."""


class Isolation(StrEnum):
    """How a page is run."""

    NONE = "none"
    """Beside any others: no worker crashed with it."""
    FEW = "few"
    """Beside few others: a worker crashed that had it."""
    SOLO = "solo"
    """Alone: a worker crashed while it ran beside few others."""
    POISON = "poison"
    """Not at all: it gets an error row."""

    def weight(self, capacity: int) -> int:
        """How much of a worker's capacity such a page takes, of 1 for each page at a time."""
        few = math.ceil(math.sqrt(capacity))
        return {Isolation.NONE: 1, Isolation.FEW: few}.get(self, capacity)


class PageMonitor(Protocol):
    """Takes what workers report of their pages, by keys that are unique in the job and stage."""

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        """Record that a worker has these pages.

        Returns:
            How each is to be run.
        """
        ...

    def enter(self, key: str, *, solo: bool) -> None:
        """Record that a suspect runs from now on. Returns when that is recorded."""
        ...

    def finish(self, keys: Sequence[str]) -> None:
        """Record that these pages were finished and their worker did not crash."""
        ...


class Quarantine:
    """The state of all pages that are being worked on. A `PageMonitor`.

    Args:
        max_solo_crashes: Crashes of workers that ran a page alone before it counts as poison.
    """

    def __init__(self, max_solo_crashes: int) -> None:
        self._max_solo_crashes = max_solo_crashes
        self._isolations: dict[str, Isolation] = {}
        self._entered: dict[str, bool] = {}
        self._solo_crashes: dict[str, int] = {}

    def begin(self, keys: Sequence[str]) -> list[Isolation]:
        """Record that a worker has these pages, and return how each is to be run."""
        for key in keys:
            self._isolations[key] = self._isolation(key)
        return [self._isolations[key] for key in keys]

    def enter(self, key: str, *, solo: bool) -> None:
        """Record that a suspect runs from now on."""
        self._entered[key] = solo

    def finish(self, keys: Sequence[str]) -> None:
        """Record that these pages were finished and their worker did not crash.

        Poison pages stay poison: should another page of the same task crash the worker after this,
        Ray gives it all pages of the task again.
        """
        for key in keys:
            if self._isolations.get(key) is not Isolation.POISON:
                for state in (self._isolations, self._entered, self._solo_crashes):
                    state.pop(key, None)

    def _isolation(self, key: str) -> Isolation:
        before, was_solo = self._isolations.get(key), self._entered.pop(key, None)
        if before is None or before is Isolation.POISON:
            return before or Isolation.NONE
        if was_solo:
            self._solo_crashes[key] = self._solo_crashes.get(key, 0) + 1
        if self._solo_crashes.get(key, 0) >= self._max_solo_crashes:
            return Isolation.POISON
        if before is Isolation.NONE:
            return Isolation.FEW
        return before if was_solo is None else Isolation.SOLO


def in_turn(monitor: PageMonitor, keys: Sequence[str]) -> Iterator[bool]:
    """Yield for each page whether it may run, for a worker that runs one at a time."""
    for key, isolation in zip(keys, monitor.begin(keys), strict=True):
        if isolation is Isolation.NONE or isolation is Isolation.POISON:
            yield isolation is Isolation.NONE
        else:
            monitor.enter(key, solo=True)
            yield True
            monitor.finish([key])
    monitor.finish(keys)
