"""The records that travel through the pipeline: frozen, slotted, without behaviour of their own.

Page numbers are 1-based. Boxes are pixels of the page image as displayed (rotation applied),
origin top left, x0 < x1 and y0 < y1. Lengths carry their unit in the name.

Those of the engines are written down in `pipeline.engine_records`, and what a page's score is made
of in `pipeline.score_records`; this module is the one that others import.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.engine_records import (
    Block,
    Box,
    Crop,
    FinishReason,
    Generation,
    Instruction,
    Line,
    LineKind,
    MixedPage,
    PageLayout,
    Pixels,
    Region,
    RegionKind,
    Request,
    Sampling,
    ScriptHint,
    Task,
)
from pipeline.errors import ErrorKind
from pipeline.score_records import ScoreParts

__all__ = [
    "Attempt",
    "Block",
    "Box",
    "Crop",
    "Document",
    "Failure",
    "FinishReason",
    "Generation",
    "Instruction",
    "Line",
    "LineKind",
    "MixedPage",
    "Outcome",
    "PageImage",
    "PageLayout",
    "PageRef",
    "PageResult",
    "Pixels",
    "Recognition",
    "Region",
    "RegionKind",
    "Request",
    "Route",
    "Rung",
    "Sampling",
    "ScoreParts",
    "ScriptHint",
    "Source",
    "Status",
    "Task",
    "Timing",
]


class Status(StrEnum):
    """What became of a page: the value of the column `status`."""

    OK = "ok"
    BLANK = "blank"
    TRUNCATED = "truncated"
    FAILED = "failed"


class Source(StrEnum):
    """Where the text of a page came from: the value of the column `source`."""

    OCR = "ocr"
    TEXT_LAYER = "text_layer"
    MIXED = "mixed"
    """From the text layer, and from the engine where pictures of the page hold text."""


class Route(StrEnum):
    """What the plan does with a page: the value of the plan's column `route`."""

    OCR = "ocr"
    """Render the page and give it to the engine."""
    COPY = "copy"
    """A row of the output has the page's text already, from the same bytes under another name."""
    ERROR = "error"
    """The document cannot be read: the row is written from the plan alone."""
    SKIP = "skip"
    """`--pages` or `--max-pages` leaves the page out: no row, counted in plan and receipt."""


@dataclass(frozen=True, slots=True)
class Document:
    """One input file, before it is opened.

    Attributes:
        uri: Where it is: an absolute path.
        size_bytes: Its size when it was listed.
        outer: Place of the PDF that it is embedded in, "" for none.
    """

    uri: str
    size_bytes: int
    outer: str = ""


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page of one document: the identity of a row.

    Attributes:
        uri: The document's place.
        doc_id: SHA-256 (hex) of the document's bytes, "" where they could not be read.
        page: 1-based number; 0 stands for a document that could not be opened.
        page_count: Pages that the document says it has, 0 where it cannot be opened.
        media_type: What the bytes are ("application/pdf", "image/png"), "" where unknown.
        width_pt: Width of the page as displayed in PDF points (1/72 inch), 0 where unknown.
        height_pt: Height of the page as displayed in PDF points, 0 where unknown.
    """

    uri: str
    doc_id: str
    page: int
    page_count: int
    media_type: str
    width_pt: float
    height_pt: float


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as pixels, as displayed.

    Attributes:
        pixels: RGB, uint8, shape (height, width, 3).
        dpi: Dots per inch that the page was drawn with, or that the image file states;
            0 where the file states none.
        warnings: Faults of the page that did not keep it from being drawn.
        turned_deg: The clockwise turn that makes its text upright: 0, 90, 180 or 270.
        layer: The text that the PDF has of the page, where it is good enough for a last resort.
        blank_suspect_reason: Why the page is not to be believed if it looks blank, "" where it is.
        script_hint: A script of the page that the engine does not read, None where nothing says so.
        mixed: The rest of the page where the pixels are those of its pictures only, else None.
    """

    pixels: Pixels
    dpi: float
    warnings: tuple[str, ...] = ()
    turned_deg: int = 0
    layer: str | None = None
    blank_suspect_reason: str = ""
    script_hint: ScriptHint | None = None
    mixed: MixedPage | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a page or a document has no text."""

    kind: ErrorKind
    message: str


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
    """The engine `ladder.second_engine` on a CPU."""
    LAYER = "text_layer"
    """The text that the PDF itself has of the page."""
    ERROR = "error_row"
    """Nothing is tried any more: what was read as empty in spite of its ink is an error."""


class Outcome(StrEnum):
    """Whether an attempt to read a page was good, and if not why."""

    GOOD = "good"
    TRUNCATED = "truncated"
    """Cut off, with something new to its end."""
    LOOPED = "looped"
    """It repeats itself, cut off or not."""
    UNREAD = "unread_script"
    """Lines in a script that the engine does not read: they are missing or wrong in the text."""
    EMPTY = "empty"
    """No text where there is ink."""
    FAILED = "failed"
    """The engine gave no answer."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to read a page.

    Attributes:
        rung: How it was read.
        outcome: Whether the answer was good.
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


@dataclass(frozen=True, slots=True)
class Recognition:
    """What `recognise` returns of a page, in the batch and online.

    Attributes:
        status: What became of the page.
        text: Its text, Markdown.
        blocks: Its regions in reading order.
        raw: The model's answer as it was written, None for an engine with lines.
        generation: Counts and times of the attempt that `text` is from.
        failure: Why there is no text, None where there is.
        rung: The attempt that `text` is from, None where there is none.
        attempts: All tries, in their order; none where the page never came to an engine.
        warnings: What may be wrong with the text.
        score_parts: Of its score, what the image and the engine's answer say, and of a text layer
            how its words look; None where neither is known.
        lines: The lines that an engine with lines read, in its order, boxes on the page as
            displayed. Those of a text layer are not kept: the PDF has them.
    """

    status: Status
    text: str = ""
    blocks: tuple[Block, ...] = ()
    raw: str | None = None
    generation: Generation | None = None
    failure: Failure | None = None
    rung: Rung | None = None
    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[str, ...] = ()
    score_parts: ScoreParts | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds spent on a page, stage by stage; None where the stage did not run."""

    render_ms: float | None = None
    prepare_ms: float | None = None
    generate_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PageIds:
    """Identity of a row in the output, by `pipeline.output.completed`.

    Attributes:
        page_id: Identity of the row, unique in an output.
        content_id: Identity of the text: the same for the same bytes under another name.
        recipe_hash: The recipe that both are for.
    """

    page_id: str = ""
    content_id: str = ""
    recipe_hash: str = ""


@dataclass(frozen=True, slots=True)
class PageResult:
    """A page that was read or failed: the result of the batch and of the service.

    The batch writes it as one row; the columns are described in `pipeline.output.schema`.

    Attributes:
        ref: The page.
        recognition: Its status, text and regions, or why there are none.
        source: Where the text is from, None for a failed page and one without ink.
        width_px: Width of the page's image, or of the one that would have been drawn; 0 where
            the page could not be drawn.
        height_px: Height of that image.
        dpi: Its resolution, 0 where unknown.
        warnings: What the reader reported without failing.
        text_layer_trust: How far the page's text layer is trusted, 0 to 1; None where it was not
            looked at.
        text_layer_doubts: Why that is less than 1, the gravest reason first.
        turned_deg: The clockwise turn that makes its text upright: 0, 90, 180 or 270.
        text_score: How far its text is to be believed, 0 to 1; None where there is none.
        text_score_parts: What that is made of.
        timing: Milliseconds of each stage; in the service with the waits for a reader and a
            replica.
        ids: Identity of its row; empty in the service, which stores nothing.
        copied_from: `page_id` of the row that the text was copied from, None where it was read.
        engine: The engine that read it, "" in the service.
        model: The model that read it, "" in the service.
    """

    ref: PageRef
    recognition: Recognition
    source: Source | None = None
    width_px: int = 0
    height_px: int = 0
    dpi: float = 0.0
    warnings: tuple[str, ...] = ()
    text_layer_trust: float | None = None
    text_layer_doubts: tuple[str, ...] = ()
    turned_deg: int = 0
    text_score: float | None = None
    text_score_parts: ScoreParts | None = None
    timing: Timing = field(default_factory=Timing)
    ids: PageIds = field(default_factory=PageIds)
    copied_from: str | None = None
    engine: str = ""
    model: str = ""
