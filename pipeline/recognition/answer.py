"""Whether an engine's answer is good: the page's status, and what is wrong with it. Pure."""

from __future__ import annotations

from pipeline.config import LadderConfig
from pipeline.types import FinishReason, Generation, Outcome, Status


def status(generation: Generation, text: str) -> Status:
    """The status of a page that the engine answered.

    A page whose answer was cut off is `truncated` even where some text came. A page on which
    the engine found no text at all is `blank`.
    """
    if generation.finish_reason is FinishReason.LENGTH:
        return Status.TRUNCATED
    return Status.OK if text.strip() else Status.BLANK


def outcome(
    status: Status,
    repetition: float,
    ink_ppm: float,
    limits: LadderConfig,
    unread_script: str | None = None,
) -> Outcome:
    """Whether an answer is good, and if not why.

    Args:
        status: Its status.
        repetition: Its `repetition`, 0 where the engine does not write token by token.
        ink_ppm: Ink of the page (`ink_ppm`), parts per million of its area.
        limits: Above which repetition and ink an answer is not good.
        unread_script: The page's script where the engine did not read it, else None.
    """
    if status is Status.FAILED:
        return Outcome.FAILED
    if repetition > limits.max_repetition:
        return Outcome.LOOPED
    if status is Status.TRUNCATED:
        return Outcome.TRUNCATED
    if unread_script is not None:
        return Outcome.UNREAD
    is_empty = status is Status.BLANK and ink_ppm > limits.least_ink_ppm
    return Outcome.EMPTY if is_empty else Outcome.GOOD
