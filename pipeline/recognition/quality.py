"""Judges what an engine returned. Pure."""

from __future__ import annotations

from typing import Protocol

from pipeline.rungs import Outcome
from pipeline.types import FinishReason, Generation, Status


def status(generation: Generation, text: str) -> Status:
    """The status of a page that the engine answered.

    A page whose answer was cut off is `truncated` even where some text came. A page on which
    the engine found no text at all is `blank`.
    """
    if generation.finish_reason is FinishReason.LENGTH:
        return Status.TRUNCATED
    return Status.OK if text.strip() else Status.BLANK


class Limits(Protocol):
    """Where an answer begins to be bad: `pipeline.config.LadderConfig`."""

    @property
    def max_repetition(self) -> float:
        """Repetition up to which nothing is wrong."""

    @property
    def least_ink_ppm(self) -> float:
        """Ink up to which a page may be empty, parts per million of its area."""


def outcome(status: Status, repetition: float, ink_ppm: float, limits: Limits) -> Outcome:
    """What is to be thought of an answer.

    Args:
        status: Its status.
        repetition: Its `repetition`, 0 where the engine does not write token by token.
        ink_ppm: Ink of the page (`pipeline.imaging.ink`), parts per million of its area.
        limits: Where repetition and ink begin to count.
    """
    if status is Status.FAILED:
        return Outcome.FAILED
    if repetition > limits.max_repetition:
        return Outcome.LOOPED
    if status is Status.TRUNCATED:
        return Outcome.TRUNCATED
    empty = status is Status.BLANK and ink_ppm > limits.least_ink_ppm
    return Outcome.EMPTY if empty else Outcome.GOOD
