"""The records that travel through the pipeline: frozen, slotted, without behaviour of their own.

Page numbers are 1-based. Boxes are pixels of the page image as displayed (rotation applied),
origin top left, x0 < x1 and y0 < y1. Lengths carry their unit in the name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from pipeline.errors import ErrorKind

Pixels = npt.NDArray[np.uint8]
"""RGB pixels, shape (height, width, 3), 0 to 255."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the page image as displayed."""


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


class Route(StrEnum):
    """The way that the plan chose for a page: the value of the plan's column `route`."""

    OCR = "ocr"
    """Render the page and give it to the engine."""
    COPY = "copy"
    """A row of the output has the page's text already, from the same bytes under another name."""
    ERROR = "error"
    """The document cannot be read: the row is written from the plan alone."""
    SKIP = "skip"
    """`--pages` or `--max-pages` leaves the page out: no row, counted in plan and receipt."""


class Task(StrEnum):
    """What the model is asked for."""

    MARKDOWN = "markdown"
    TEXT = "text"
    FIGURE = "figure"
    LOCATE = "locate"
    DESCRIBE = "describe"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a request wants of its pages, where that is not the recipe's task.

    Attributes:
        task: What is asked for.
        find: What `locate` looks for, "" for what the config says.
        prompt: One of the model's own prompts that no task stands for, None for the task's.
    """

    task: Task
    find: str = ""
    prompt: str | None = None


class FinishReason(StrEnum):
    """Why the engine stopped writing."""

    STOP = "stop"
    LENGTH = "length"


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
    """A page as a picture, upright as displayed.

    Attributes:
        pixels: RGB, uint8, shape (height, width, 3).
        dpi: Dots per inch that the picture was drawn with, or that the image file states;
            0 where the file states none.
        warnings: What the reader complained about without failing.
        turned_deg: The clockwise turn that makes its text upright: 0, 90, 180 or 270.
        layer: The text that the PDF has of the page, where it is good enough for a last resort.
        blank_suspect_reason: Why the page is not to be believed if it looks blank, "" where it is.
    """

    pixels: Pixels
    dpi: float
    warnings: tuple[str, ...] = ()
    turned_deg: int = 0
    layer: str | None = None
    blank_suspect_reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text that an engine with layout of its own returned.

    Attributes:
        text: The text of the line.
        box: Its box in pixels of the *request's* image.
        score: The engine's confidence, 0 to 1.
    """

    text: str
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an engine with tokens picks them. The default is the batch's way.

    Attributes:
        temperature: 0 picks the likeliest token every time, as DeepSeek-OCR's own scripts do.
        seed: Makes answers above temperature 0 repeatable, None where they need not be.
        stop: Strings that end the answer, which does not contain them.
        ngram_window: Tokens that are searched for a repeated sequence, 0 for the config's.
        cells_repeat: Whether empty table cells may repeat without end.
    """

    temperature: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ngram_window: int = 0
    cells_repeat: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A page prepared for an engine: everything that `generate` needs and nothing else.

    Attributes:
        image: The picture to look at (for DeepSeek-OCR the global view), uint8, (height, width, 3).
        page_width_px: Width of the page image that `image` was made from.
        page_height_px: Height of the page image that `image` was made from.
        prompt: The text given to the model, "" for engines without prompts.
        task: What is asked for.
        max_tokens: The most tokens that the answer may have, 0 for engines without tokens.
        tiles: Crops of the page in reading order, uint8, (tiles, side, side, 3), or none.
        grid: Columns and rows of the tiles, (0, 0) without tiles.
        image_tokens: Tokens that the picture must become in the prompt, 0 where unknown.
        sampling: How tokens are picked. The batch always starts with the default.
        layer: The text that the PDF has of the page, where it is good enough for a last resort;
            None where there is none.
        turned_deg: How the page was turned clockwise before all this. The sizes above are those
            of the turned page; blocks are given on the page as displayed.
    """

    image: Pixels
    page_width_px: int
    page_height_px: int
    prompt: str = ""
    task: Task = Task.MARKDOWN
    max_tokens: int = 0
    tiles: npt.NDArray[np.uint8] | None = None
    grid: tuple[int, int] = (0, 0)
    image_tokens: int = 0
    sampling: Sampling = Sampling()
    layer: str | None = None
    turned_deg: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """What an engine returned for one request. Times are milliseconds, counts are tokens.

    `lines` is filled by engines with layout of their own, `text` by the others.
    Counts and times are None where the engine has no such thing. `input_ms` is spent on turning
    the page into the model's input, `queue_ms` on waiting for a place in the batch.
    """

    text: str = ""
    lines: tuple[Line, ...] = ()
    finish_reason: FinishReason = FinishReason.STOP
    prompt_tokens: int | None = None
    image_tokens: int | None = None
    output_tokens: int | None = None
    input_ms: float | None = None
    queue_ms: float | None = None
    prefill_ms: float | None = None
    decode_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A region of the page in reading order.

    Attributes:
        kind: The engine's own label ("text", "title", "table", ...).
        text: Its text, Markdown.
        box: Its box in pixels of the page image, None where the engine gave none.
        score: Confidence 0 to 1, None where the engine gave none.
    """

    kind: str
    text: str
    box: Box | None = None
    score: float | None = None


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


@dataclass(frozen=True, slots=True)
class Recognition:
    """What `recognise` made of a page: the part of a result that both doors share.

    Attributes:
        status: What became of the page.
        text: Its text, Markdown.
        blocks: Its regions in reading order.
        raw: The model's own words, None where it has none.
        generation: Counts and times of the attempt that `text` is from.
        failure: Why there is no text, None where there is.
        rung: The attempt that `text` is from, None where there is none.
        attempts: All tries, in their order; none where the page never came to an engine.
    """

    status: Status
    text: str = ""
    blocks: tuple[Block, ...] = ()
    raw: str | None = None
    generation: Generation | None = None
    failure: Failure | None = None
    rung: Rung | None = None
    attempts: tuple[Attempt, ...] = ()


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
    timing: Timing = field(default_factory=Timing)
    ids: PageIds = field(default_factory=PageIds)
    copied_from: str | None = None
    engine: str = ""
    model: str = ""
