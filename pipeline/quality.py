"""Judges what an engine returned. Pure."""

from __future__ import annotations

from pipeline.types import FinishReason, Generation, Status


def status(generation: Generation, text: str) -> Status:
    """The status of a page that the engine answered.

    A page whose answer was cut off is `truncated` even where some text came. A page on which
    the engine found no text at all is `blank`.
    """
    if generation.finish_reason is FinishReason.LENGTH:
        return Status.TRUNCATED
    return Status.OK if text.strip() else Status.BLANK
