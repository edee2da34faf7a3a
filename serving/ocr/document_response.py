"""Answers of `/v1/ocr`: a document's pages as JSON, with a description of every field. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict

from pipeline.errors import ErrorKind
from pipeline.types import (
    Block,
    Box,
    FinishReason,
    Outcome,
    Recognition,
    Rung,
    Source,
    Status,
    Timing,
)
from serving.errors import ApiError


class Answer(BaseModel):
    """The base of every model here."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class OcrBox(Answer):
    """A box on the page as displayed: pixels of its picture, origin top left."""

    x0: float
    """Left edge."""
    y0: float
    """Upper edge."""
    x1: float
    """Right edge."""
    y1: float
    """Lower edge."""


class OcrBlock(Answer):
    """A region of a page."""

    kind: str
    """The engine's label, such as text, title or table."""
    text: str
    """Its text, Markdown."""
    score: float | None
    """Confidence, 0 to 1; null where the engine gives none."""
    box_px: OcrBox | None
    """Its box; null where the engine gives none."""


class OcrError(Answer):
    """Why a page has no text."""

    kind: ErrorKind
    """What went wrong, one word for programs."""
    message: str
    """The same in words."""


class OcrTokens(Answer):
    """Tokens; null where the engine has none."""

    prompt_tokens: int | None
    """Of the prompt, with the picture."""
    image_tokens: int | None
    """Of the picture."""
    output_tokens: int | None
    """Of the answer."""


class OcrTiming(Answer):
    """Milliseconds spent on a page; null where a stage did not run."""

    render_ms: float | None
    """To draw the page."""
    prepare_ms: float | None
    """To prepare the picture for the engine."""
    generate_ms: float | None
    """That the engine took in all."""


class OcrAttempt(Answer):
    """One try to read a page."""

    rung: Rung
    """How it was read: base, as asked, or another way that was tried after a bad answer."""
    outcome: Outcome
    """good, truncated, looped (repeats itself), empty (where there is ink) or failed."""
    finish_reason: FinishReason | None
    """stop or length; null where there was no answer."""
    repetition: float | None
    """How much the answer repeats itself, 0 to 1; null where the engine has no tokens."""
    output_tokens: int | None
    """Tokens of the answer; null where the engine has none."""
    ms: float
    """Milliseconds that it took."""
    error: str | None
    """Why there was no answer; null where there was one."""


class OcrPage(Answer):
    """A page."""

    page: int
    """Its number, from 1."""
    status: Status
    """ok, blank (no text found), truncated (answer cut off) or failed."""
    markdown: str
    """Its text in reading order, paragraphs separated by an empty line."""
    blocks: list[OcrBlock]
    """Its regions in reading order."""
    error: OcrError | None
    """Why it has no text; null where it was read."""
    finish_reason: FinishReason | None
    """stop, or length where the answer was cut off; null where no model was asked."""
    width_px: int
    """Width of the picture that was read, pixels; 0 where there is none."""
    height_px: int
    """Its height, pixels; 0 where there is none."""
    dpi: float
    """Dots per inch of the picture; 0 where an image file does not say."""
    warnings: list[str]
    """What the reader complained about without failing."""
    source: Source | None
    """ocr, or text_layer where the PDF's own text was taken; null for a failed page, and for one
    that is blank without asking the model."""
    text_layer_trust: float | None
    """What the text layer is worth, 0 to 1; null where it was not looked at."""
    turned_deg: int
    """How far the page was turned clockwise to be read: 0, 90, 180 or 270. Boxes are on the page
    as displayed, before that."""
    rung: Rung | None
    """The attempt that the text is from; null where there is none."""
    attempts: list[OcrAttempt]
    """All attempts to read it, in their order."""
    usage: OcrTokens
    """Tokens of the attempt that the text is from."""
    timing: OcrTiming
    """Its times, those of all attempts together."""


class OcrDocument(Answer):
    """A document that was read: one result for every page that was asked for."""

    model: str
    """The model's name."""
    media_type: str
    """What the document is, such as application/pdf."""
    page_count: int
    """Pages that it has, asked for or not."""
    markdown: str
    """The text of the pages below, one after the other, an empty line between."""
    pages: list[OcrPage]
    """The pages."""
    usage: OcrTokens
    """The tokens of all pages."""


def page(
    number: int,
    recognition: Recognition,
    *,
    width_px: int = 0,
    height_px: int = 0,
    dpi: float = 0.0,
    warnings: Sequence[str] = (),
    source: Source | None = None,
    text_layer_trust: float | None = None,
    turned_deg: int = 0,
    timing: Timing | None = None,
) -> OcrPage:
    """The answer for one page.

    Args:
        number: The page, from 1.
        recognition: What was read on it.
        width_px: Width of its picture in pixels, 0 where there is none.
        height_px: Height of its picture in pixels, 0 where there is none.
        dpi: Dots per inch of its picture, 0 where unknown.
        warnings: What the reader complained about.
        source: Where the text comes from.
        text_layer_trust: What its text layer is worth.
        turned_deg: The clockwise turn that makes its text upright.
        timing: Milliseconds spent on it.
    """
    failure, generation = recognition.failure, recognition.generation
    times = timing or Timing()
    return OcrPage(
        page=number,
        status=recognition.status,
        markdown=recognition.text,
        blocks=[_block(block) for block in recognition.blocks],
        error=OcrError(kind=failure.kind, message=failure.message) if failure else None,
        finish_reason=generation.finish_reason if generation else None,
        width_px=width_px,
        height_px=height_px,
        dpi=dpi,
        warnings=list(warnings),
        source=source,
        text_layer_trust=text_layer_trust,
        turned_deg=turned_deg,
        rung=recognition.rung,
        attempts=[OcrAttempt(**asdict(attempt)) for attempt in recognition.attempts],
        usage=_tokens(recognition),
        timing=OcrTiming(**{name: getattr(times, name) for name in OcrTiming.model_fields}),
    )


def document(model: str, media_type: str, page_count: int, pages: Sequence[OcrPage]) -> OcrDocument:
    """The answer for a document.

    Args:
        model: The model's name.
        media_type: What the document is.
        page_count: Pages that it has.
        pages: Those that were asked for, in their order.
    """
    texts = [page.markdown for page in pages]
    return OcrDocument(
        model=model,
        media_type=media_type,
        page_count=page_count,
        markdown="\n\n".join(text for text in texts if text),
        pages=list(pages),
        usage=_sum(page.usage for page in pages),
    )


def _block(block: Block) -> OcrBlock:
    return OcrBlock(kind=block.kind, text=block.text, score=block.score, box_px=_box(block.box))


def _box(box: Box | None) -> OcrBox | None:
    return None if box is None else OcrBox(x0=box[0], y0=box[1], x1=box[2], y1=box[3])


def _tokens(recognition: Recognition) -> OcrTokens:
    names, generation = OcrTokens.model_fields, recognition.generation
    return OcrTokens(**{name: getattr(generation, name, None) for name in names})


def _sum(usages: Iterable[OcrTokens]) -> OcrTokens:
    """The tokens of all, null where none of them has any."""
    listed = list(usages)
    return OcrTokens(**{name: _total(listed, name) for name in OcrTokens.model_fields})


def _total(usages: Sequence[OcrTokens], name: str) -> int | None:
    counts = [count for usage in usages if (count := getattr(usage, name)) is not None]
    return sum(counts) if counts else None


def error_line(error: ApiError) -> str:
    """The last line of a stream that broke after it began."""
    return json.dumps(error.body()) + "\n"
