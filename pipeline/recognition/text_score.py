"""How far the text of a page is to be believed: a score from 0 to 1, and its parts. Pure.

The score is an estimate of the words F1 of the text, made without its truth: a product of powers of
the parts that are known. Its exponents were fitted on one half of the documents of
`benchmarks/text_score.py`, which measures on the other half how the score orders pages by their
error; the limits and the parts of layers and tables were set by hand. It says nothing of the order
of the text, and is not the same scale for every engine: some give no confidence, or another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pipeline.imaging.ink_coverage import ink_coverage
from pipeline.imaging.rotation import turn_box, turn_size
from pipeline.text.plausibility import plausibility
from pipeline.text.scripts import UNKNOWN, unread_page, warned_of
from pipeline.text.structure.markdown import Kind
from pipeline.text.structure.pipe_tables import Grid, cells_of
from pipeline.text.table_doubt import table_certainty
from pipeline.text.words import words_f1
from pipeline.types import (
    Block,
    Box,
    Generation,
    Recognition,
    Request,
    Rung,
    ScoreParts,
    Status,
    Task,
)

_TEXT_TASKS: Final = (Task.MARKDOWN, Task.TEXT)
"""Tasks whose answer is the text of the page."""
USUAL: Final = {"confidence": 0.98, "ink_covered": 0.9, "lines_read": 0.9}
"""What a part is at least on a page without faults: figures of thin lines are no lines of text."""
_EXPONENTS: Final = {
    "confidence": 2.5,
    "ink_covered": 0.6,
    "lines_read": 0.6,
    "words": 1.0,
    "unrepeated": 1.0,
}
_MIN_LAYER: Final = 0.9
"""Plausibility of a layer that a text is compared with: less where one in twenty characters of an
old OCR is wrong."""
_MAX_UNREAD: Final = 0.5
"""Highest score of a page in a script that its engine does not read, however sure it is of what it
took the letters for."""
_WARNING: Final = "low text score"
_TABLES_WARNING: Final = "tables in doubt"


def image_parts(
    generation: Generation, text: str, blocks: tuple[Block, ...], request: Request
) -> ScoreParts | None:
    """The parts that need the page's image and the engine's answer.

    Args:
        generation: The answer.
        text: Its text.
        blocks: Its blocks, boxes in pixels of the page as displayed.
        request: What the engine was given.

    Returns:
        The parts; None for a task whose answer is not the text of the page.
    """
    if request.task not in _TEXT_TASKS:
        return None
    boxes = [line.box for line in generation.lines] or _on_image(blocks, request)
    return ScoreParts(
        confidence=_confidence(generation),
        ink_covered=ink_coverage(request.image, boxes) if boxes else None,
        lines_read=generation.coverage,
        layer_agreement=_layer_agreement(text, request.layer),
    )


def _layer_agreement(text: str, layer: str | None) -> float | None:
    """F1 of the words of the text and a layer; None for one that is not to be believed itself."""
    if not layer or plausibility(layer) < _MIN_LAYER:
        return None
    return words_f1(text, layer)


def _confidence(generation: Generation) -> float | None:
    """The mean confidence of the lines by their characters, None for an engine without lines."""
    characters = sum(len(line.text) for line in generation.lines)
    if not characters:
        return None
    return sum(line.score * len(line.text) for line in generation.lines) / characters


def _on_image(blocks: tuple[Block, ...], request: Request) -> list[Box]:
    """The blocks' boxes in pixels of the image that the engine was given, which is upright."""
    size = request.page_width_px, request.page_height_px
    displayed = turn_size(*size, request.turned_deg)
    height_px, width_px = request.image.shape[:2]
    x, y = width_px / max(1, size[0]), height_px / max(1, size[1])
    turned = (turn_box(block.box, *displayed, request.turned_deg) for block in blocks if block.box)
    return [(x0 * x, y0 * y, x1 * x, y1 * y) for x0, y0, x1, y1 in turned]


def scored(recognition: Recognition, trust: float | None) -> tuple[float | None, ScoreParts | None]:
    """The score of a page's text and all its parts; None and None where there is no text.

    Args:
        recognition: What became of the page.
        trust: The trust in its text layer, None where it was not looked at.
    """
    if recognition.status not in (Status.OK, Status.TRUNCATED):
        return None, None
    if recognition.attempts and recognition.score_parts is None:
        return None, None  # not the text of the page was asked for
    is_layer = not recognition.attempts or recognition.rung is Rung.LAYER
    known = recognition.score_parts or ScoreParts()
    words = plausibility(recognition.text) if known.words is None else known.words
    tables = _tables_certainty(recognition.blocks)
    parts = replace(known, words=words, unrepeated=_unrepeated(recognition), tables=tables)
    score = combined(parts)
    if unread := warned_of(recognition.warnings):
        # Of lines that were not read it is known how many they are.
        is_known = unread == UNKNOWN or unread_page(recognition.warnings) is None
        read = parts.lines_read if is_known else None
        score = min(score, max(_MAX_UNREAD, read or 0.0))
    return (score if trust is None or not is_layer else score * trust), parts


def _unrepeated(recognition: Recognition) -> float | None:
    kept = [each for each in recognition.attempts if each.rung is recognition.rung]
    return 1 - kept[0].repetition if kept and kept[0].repetition is not None else None


def _tables_certainty(blocks: tuple[Block, ...]) -> float | None:
    """How sure it is that words are in their cells, by the cells and by where they stand."""
    known = [block.certainty for block in blocks if block.certainty is not None]
    by_text = table_certainty(_tables(blocks))
    return min([*known, by_text]) if by_text is not None else min(known, default=None)


def _tables(blocks: tuple[Block, ...]) -> Iterator[Grid]:
    """The cells of the tables with pipes. A vision model writes HTML, which is not looked at."""
    for block in blocks:
        if block.kind == Kind.TABLE and (cells := cells_of(block.text.splitlines())):
            yield cells


def combined(parts: ScoreParts) -> float:
    """The score of parts, of which those that are None count nothing.

    A layer is a second reading: the text is at least as good as both agree. Where they agree less
    than the other parts say, either may be the wrong one, and the score is the mean. Words that are
    right may still be in wrong cells.
    """
    score = 1.0
    for name, exponent in _EXPONENTS.items():
        part = getattr(parts, name)
        if part is not None:
            score *= min(1.0, part / USUAL.get(name, 1.0)) ** exponent
    agreed = parts.layer_agreement
    if agreed is not None:
        score = max(agreed, (agreed + score) / 2)
    return score if parts.tables is None else score * parts.tables


def warnings_of(score: float, parts: ScoreParts, limit: float) -> Iterator[str]:
    """The warnings of a row: of a score below the limit, and of tables in doubt; none at 0."""
    if score < limit:
        yield low_score_warning(score, parts, limit)
    if limit and parts.tables is not None and parts.tables < 1:
        yield f"{_TABLES_WARNING} ({parts.tables:.2f}): words may be in wrong rows or columns"


def low_score_warning(score: float, parts: ScoreParts, limit: float) -> str:
    """The warning of a row whose score is below the limit, with the parts that lower it."""
    known = {name: getattr(parts, name) for name in ScoreParts.__slots__}
    low = sorted((value, name) for name, value in known.items() if value is not None)
    named = ", ".join(f"{name} {value:.2f}" for value, name in low[:3])
    return f"{_WARNING} ({score:.2f} < {limit:g}): the text may be wrong; {named}"


def is_tables_warning(warning: str) -> bool:
    """Whether a row's warning says that words of its tables may be in wrong cells."""
    return warning.startswith(_TABLES_WARNING)


def is_low_score_warning(warning: str) -> bool:
    """Whether a row's warning is one of `low_score_warning`."""
    return warning.startswith(_WARNING)
