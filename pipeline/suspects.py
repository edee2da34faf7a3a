"""Finds the page that kills its engine's process, so that the others get done.

A process that dies takes all its pages with it, and Ray gives the same pages to the next one, for
ever. So every worker says which pages it begins and which are finished. Pages that are begun again
without having been finished are suspects: their worker died. They are then run one by one, and
one that keeps dying alone gets an error row instead of another engine.

Pure: one object for a whole job, behind a Ray actor (`pipeline.dataset`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Verdict(StrEnum):
    """How a page that is about to be recognised is to be run."""

    TOGETHER = "together"
    """Nothing is held against it."""
    ALONE = "alone"
    """A worker died while it ran: nothing else may run beside it."""
    GUILTY = "guilty"
    """It is to get an error row."""


class Suspects:
    """What is known of the pages that run.

    Args:
        most_deaths: Workers that may die with a page alone on them before it is condemned.
    """

    def __init__(self, most_deaths: int) -> None:
        self._most_deaths = most_deaths
        self._running: set[str] = set()
        self._alone: set[str] = set()
        self._lone_deaths: dict[str, int] = {}

    def begin(self, page_ids: Sequence[str]) -> list[Verdict]:
        """Note that a worker has these pages, and say how each is to be run."""
        return [self._begin(page_id) for page_id in page_ids]

    def begin_alone(self, page_id: str) -> None:
        """Note that a suspect runs now, with nothing beside it."""
        self._alone.add(page_id)

    def finish(self, page_id: str) -> None:
        """Note that a page has its row."""
        self._running.discard(page_id)
        self._alone.discard(page_id)
        self._lone_deaths.pop(page_id, None)

    def _begin(self, page_id: str) -> Verdict:
        if page_id not in self._running:
            self._running.add(page_id)
            return Verdict.TOGETHER
        if page_id in self._alone:
            self._alone.discard(page_id)
            self._lone_deaths[page_id] = self._lone_deaths.get(page_id, 0) + 1
        if self._lone_deaths.get(page_id, 0) >= self._most_deaths:
            return Verdict.GUILTY
        return Verdict.ALONE
