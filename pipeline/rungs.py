"""The words of the retry ladder: its rungs, what is thought of an answer, and one attempt.

`pipeline.recognition.retry_ladder` decides which rung comes next, `pipeline.recognition.quality`
what is thought of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.types import FinishReason


class Rung(StrEnum):
    """One way to read a page, in the order of `ladder.rungs`: the value of the column `rung`."""

    BASE = "base"
    """As the recipe says."""
    NGRAM = "wider_ngram"
    """The rule against repetition looks further back, and table cells are no exception."""
    PLAIN = "plain_text"
    """The prompt for plain text instead of Markdown with layout."""
    VIEW = "other_view"
    """A page with tiles without them, a small one enlarged until it has some."""
    SECOND = "second_engine"
    """The embedded engine beside a model on a GPU."""
    LAYER = "text_layer"
    """The text that the PDF itself has of the page."""
    ERROR = "error_row"
    """Nothing is tried any more: what was read as empty in spite of its ink is an error."""


class Outcome(StrEnum):
    """What was thought of an attempt to read a page."""

    GOOD = "good"
    TRUNCATED = "truncated"
    """Cut off, with something new to its end."""
    LOOPED = "looped"
    """It repeats itself, cut off or not."""
    EMPTY = "empty"
    """No text where there is ink."""
    FAILED = "failed"
    """The engine gave no answer."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to read a page.

    Attributes:
        rung: How it was read.
        outcome: What was thought of the answer.
        finish_reason: Why the engine stopped writing, None where it gave no answer.
        repetition: How much the answer repeats itself, 0 to 1; None where the engine does not
            write token by token.
        output_tokens: Tokens of the answer, None where the engine has none.
        ms: Milliseconds that it took.
        error: What the engine said where it gave no answer.
    """

    rung: Rung
    outcome: Outcome
    finish_reason: FinishReason | None = None
    repetition: float | None = None
    output_tokens: int | None = None
    ms: float = 0.0
    error: str | None = None
