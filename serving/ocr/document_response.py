"""Responses of `/v1/ocr`: a document's pages as JSON, with a description of every field. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict

from pipeline.errors import ErrorKind
from pipeline.types import (
    Block,
    Box,
    FinishReason,
    Outcome,
    PageResult,
    Recognition,
    Rung,
    ScoreParts,
    Source,
    Status,
)


class ResponseModel(BaseModel):
    """The base of every response model."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class OcrBox(ResponseModel):
    """A box on the page as displayed: pixels of its image, origin top left."""

    x0: float
    """Left edge."""
    y0: float
    """Upper edge."""
    x1: float
    """Right edge."""
    y1: float
    """Lower edge."""


class OcrBlock(ResponseModel):
    """A region of a page."""

    kind: str
    """The engine's label, such as text, title or table."""
    text: str
    """Its text, Markdown."""
    score: float | None
    """Confidence, 0 to 1; null where the engine gives none."""
    box_px: OcrBox | None
    """Its box; null where the engine gives none."""


class OcrScoreParts(ResponseModel):
    """What a text score is made of, each 0 to 1; null where it does not apply."""

    confidence: float | None
    """The engine's confidence, mean over the characters."""
    ink_covered: float | None
    """Share of the page's text-like ink that is in boxes of the answer."""
    lines_read: float | None
    """Share of the detected lines' length that was read."""
    words: float | None
    """How far the words look like words and numbers."""
    unrepeated: float | None
    """1, less the repetition of the answer."""
    layer_agreement: float | None
    """F1 of the words of the text and of a text layer that was not taken."""
    tables: float | None
    """How sure it is that the words of the page's tables are in their cells."""


class OcrError(ResponseModel):
    """Why a page has no text."""

    kind: ErrorKind
    """The kind of error, as a word for programs."""
    message: str
    """What went wrong."""


class OcrTokens(ResponseModel):
    """Token counts; null where the engine has no tokens."""

    prompt_tokens: int | None
    """Tokens of the prompt, with the image."""
    image_tokens: int | None
    """Tokens of the image."""
    output_tokens: int | None
    """Tokens of the answer."""


class OcrTiming(ResponseModel):
    """Milliseconds spent on a page; null where a stage did not run."""

    render_ms: float | None
    """Rendering the page."""
    prepare_ms: float | None
    """Preparing the image for the engine."""
    generate_ms: float | None
    """The engine, over all attempts."""


class OcrAttempt(ResponseModel):
    """One attempt to read a page."""

    rung: Rung
    """The rung of the retry ladder: base, or one that was tried after a bad answer."""
    outcome: Outcome
    """good, truncated, looped (repeats itself), empty (where there is ink) or failed."""
    finish_reason: FinishReason | None
    """stop or length; null where there was no answer."""
    repetition: float | None
    """How much the answer repeats itself, 0 to 1; null where the engine has no tokens."""
    output_tokens: int | None
    """Tokens of the answer; null where the engine has none."""
    ms: float
    """Duration, milliseconds."""
    error: str | None
    """Why there was no answer; null where there was one."""


class OcrPage(ResponseModel):
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
    """stop, or length where the answer was cut off; null where no engine was used."""
    width_px: int
    """Width of the image that was read, pixels; 0 where there is none."""
    height_px: int
    """Height of the image, pixels; 0 where there is none."""
    dpi: float
    """Dots per inch of the image; 0 where an image file does not state them."""
    warnings: list[str]
    """Problems of the document that did not stop the page from being read."""
    source: Source | None
    """ocr; text_layer where the PDF's own text was used; mixed where an engine read the text in
    pictures of such a page; null for a failed page, and for a blank page that was not sent to the
    engine."""
    text_layer_trust: float | None
    """Trust in the text layer, 0 to 1; null where it was not checked."""
    turned_deg: int
    """Clockwise rotation before the page was read: 0, 90, 180 or 270 degrees. Boxes are on the page
    as displayed, before that rotation."""
    text_score: float | None
    """How far the text is to be believed, 0 to 1; null where there is none."""
    text_score_parts: OcrScoreParts | None
    """What the text score is made of."""
    rung: Rung | None
    """The attempt that the text is from; null where there is none."""
    attempts: list[OcrAttempt]
    """All attempts to read it, in their order."""
    usage: OcrTokens
    """Tokens of the attempt that the text is from."""
    timing: OcrTiming
    """Times of the page, over all attempts."""
    html: list[str] | None = None
    """The text of each block, of the page where it has no blocks, as HTML without anything that
    runs, loads or links; null where `include` does not ask for it."""
    image: str | None = None
    """The page as displayed: a data URI (WebP); null where `include` does not ask for it, and for a
    page that cannot be drawn."""


class OcrDocument(ResponseModel):
    """A document: one result for every page that was requested."""

    model: str
    """The model's name."""
    media_type: str
    """Media type of the document, such as application/pdf."""
    page_count: int
    """Pages of the document, requested or not."""
    markdown: str
    """The texts of `pages`, separated by empty lines."""
    pages: list[OcrPage]
    """The pages that were requested."""
    usage: OcrTokens
    """The tokens of all pages."""


def page(result: PageResult) -> OcrPage:
    """The answer for one page."""
    recognition = result.recognition
    failure, generation = recognition.failure, recognition.generation
    return OcrPage(
        page=result.ref.page,
        status=recognition.status,
        markdown=recognition.text,
        blocks=[_block(block) for block in recognition.blocks],
        error=OcrError(kind=failure.kind, message=failure.message) if failure else None,
        finish_reason=generation.finish_reason if generation else None,
        width_px=result.width_px,
        height_px=result.height_px,
        dpi=result.dpi,
        warnings=list(result.warnings),
        source=result.source,
        text_layer_trust=result.text_layer_trust,
        turned_deg=result.turned_deg,
        text_score=result.text_score,
        text_score_parts=_score_parts(result.text_score_parts),
        rung=recognition.rung,
        attempts=[OcrAttempt(**asdict(attempt)) for attempt in recognition.attempts],
        usage=_tokens(recognition),
        timing=OcrTiming(**{name: getattr(result.timing, name) for name in OcrTiming.model_fields}),
    )


def document(model: str, media_type: str, page_count: int, pages: Sequence[OcrPage]) -> OcrDocument:
    """The answer for a document.

    Args:
        model: The model's name.
        media_type: Media type of the document.
        page_count: Its pages, requested or not.
        pages: The pages that were requested, in their order.
    """
    return OcrDocument(
        model=model,
        media_type=media_type,
        page_count=page_count,
        markdown=joined(page.markdown for page in pages),
        pages=list(pages),
        usage=total(page.usage for page in pages),
    )


def joined(texts: Iterable[str]) -> str:
    """The text of a document: that of its pages, separated by empty lines."""
    return "\n\n".join(text for text in texts if text)


def _score_parts(parts: ScoreParts | None) -> OcrScoreParts | None:
    return OcrScoreParts(**asdict(parts)) if parts else None


def _block(block: Block) -> OcrBlock:
    return OcrBlock(kind=block.kind, text=block.text, score=block.score, box_px=_box(block.box))


def _box(box: Box | None) -> OcrBox | None:
    return None if box is None else OcrBox(x0=box[0], y0=box[1], x1=box[2], y1=box[3])


def _tokens(recognition: Recognition) -> OcrTokens:
    names, generation = OcrTokens.model_fields, recognition.generation
    return OcrTokens(**{name: getattr(generation, name, None) for name in names})


def total(usages: Iterable[OcrTokens]) -> OcrTokens:
    """The tokens of all, null where none of them has any."""
    listed = list(usages)
    return OcrTokens(**{name: _total(listed, name) for name in OcrTokens.model_fields})


def _total(usages: Sequence[OcrTokens], name: str) -> int | None:
    counts = [count for usage in usages if (count := getattr(usage, name)) is not None]
    return sum(counts) if counts else None
