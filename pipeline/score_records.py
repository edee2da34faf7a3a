"""What the score of a page's text is made of. Import it from `pipeline.types`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What the score of a page's text is made of: 0 to 1, 1 for nothing suspicious.

    A part is None where it does not apply to the page or its engine.

    Attributes:
        confidence: The engine's confidence, mean over the characters.
        ink_covered: Share of the text-like ink that is in boxes of the answer.
        lines_read: Share of the detected lines' length that was read.
        words: How far the words look like words of a language.
        unrepeated: 1, less the repetition of the answer.
        layer_agreement: F1 of the words of the text and of a text layer that was not taken, where
            that one looks like words itself.
        tables: How sure it is that the words of its tables are in their cells.
    """

    confidence: float | None = None
    ink_covered: float | None = None
    lines_read: float | None = None
    words: float | None = None
    unrepeated: float | None = None
    layer_agreement: float | None = None
    tables: float | None = None
