"""The records that go to an engine and come back. Import them from `pipeline.types`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""RGB pixels, shape (height, width, 3), 0 to 255."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the page image as displayed."""


class Task(StrEnum):
    """What the model is asked for."""

    MARKDOWN = "markdown"
    TEXT = "text"
    FIGURE = "figure"
    LOCATE = "locate"
    DESCRIBE = "describe"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the model has to do with a page, where that is not the recipe's task.

    Attributes:
        task: What is asked for.
        find: What `locate` looks for, "" for what the config says.
        prompt: One of the model's own prompts that no task stands for, None for the task's.
        verbatim: A caller's own words for the model, which was not trained for them; "" without.
            Then `task` says as what the answer is read.
    """

    task: Task
    find: str = ""
    prompt: str | None = None
    verbatim: str = ""


class FinishReason(StrEnum):
    """Why the engine stopped writing."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text that an engine with layout of its own returned.

    Attributes:
        text: The text of the line.
        box: Its box in pixels of the *request's* image; in a `Recognition` of the page image as
            displayed.
        score: The engine's confidence, 0 to 1.
        word_starts: Where its words begin, one for each, as shares of its length in the direction
            in which it is read; empty where that is not known.
        skew_deg: How far clockwise it lies from straight, below 45 degrees in size; 0 where it lies
            straight or that is not known. It is the rectangle at this angle that just fits the
            box (`pipeline.imaging.skewed_boxes`).
    """

    text: str
    box: Box
    score: float
    word_starts: tuple[float, ...] = ()
    skew_deg: float = 0.0


class LineKind(StrEnum):
    """What a line is, as the layout model says."""

    BACKGROUND = "background"
    TEXT = "text"
    TITLE = "title"
    PICTURE = "picture"
    TABLE = "table"
    LIST_ITEM = "list-item"
    PAGE_HEADER = "page-header"
    PAGE_FOOTER = "page-footer"
    SECTION_HEADER = "section-header"
    FOOTNOTE = "footnote"
    CAPTION = "caption"
    FORMULA = "formula"


class RegionKind(StrEnum):
    """What is a region of its own on a page."""

    TABLE = "table"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Region:
    """A table or a picture.

    Attributes:
        kind: Which of the two.
        box: Its box in the pixels of the boxes of the page's lines.
        score: The layout model's confidence, 0 to 1.
    """

    kind: RegionKind
    box: Box
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class PageLayout:
    """What the layout model found on an upright page.

    Attributes:
        line_kinds: What each line is, in the order in which the lines were given.
        regions: Its tables and pictures.
        rules: Straight lines in its tables.
    """

    line_kinds: tuple[LineKind, ...] = ()
    regions: tuple[Region, ...] = ()
    rules: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an engine with tokens picks them. The default is what the batch starts with.

    Attributes:
        temperature: 0 picks the likeliest token every time, as DeepSeek-OCR's own scripts do.
        seed: Makes answers above temperature 0 repeatable, None where they need not be.
        stop: Strings that end the answer, which does not contain them.
        ngram_size: Tokens of a sequence that may not be repeated, 0 for the config's.
        ngram_window: Tokens that are searched for a repeated sequence, 0 for the config's.
        cells_repeat: Whether empty table cells may repeat without end.
    """

    temperature: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ngram_size: int = 0
    ngram_window: int = 0
    cells_repeat: bool = True


@dataclass(frozen=True, slots=True)
class ScriptHint:
    """What is known of a page's script before an engine reads it.

    Attributes:
        script: Its Unicode name.
        is_certain: Whether the page's own text layer is legible in it; else it is the language
            that the document states.
    """

    script: str
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A region of the page in reading order.

    Attributes:
        kind: The engine's own label ("text", "title", "table", ...).
        text: Its text, Markdown.
        box: Its box in pixels of the page image, None where the engine gave none.
        score: Confidence 0 to 1, None where the engine gave none.
        certainty: Of a table, how sure it is that words are in their cells, as far as their places
            tell, 0 to 1; else None. It is in the text score and in no row.
    """

    kind: str
    text: str
    box: Box | None = None
    score: float | None = None
    certainty: float | None = None


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of a page, cut out for an engine.

    Attributes:
        box: Where it is on the page as displayed, in whole pixels.
        left_px: Where its left edge is in the image that was made of the page's pictures.
        top_px: Where its upper edge is in that image.
    """

    box: Box
    left_px: int
    top_px: int


@dataclass(frozen=True, slots=True)
class MixedPage:
    """A page whose text is that of its layer, but for the text in its pictures.

    Attributes:
        blocks: Those of the layer, in reading order, boxes on the page as displayed.
        crops: The pictures with text. The engine's image shows nothing else.
        characters: About how many characters they have.
    """

    blocks: tuple[Block, ...]
    crops: tuple[Crop, ...]
    characters: int


@dataclass(frozen=True, slots=True)
class Request:
    """A page prepared for an engine: everything that `generate` needs and nothing else.

    Attributes:
        image: What the engine sees, uint8, (height, width, 3).
        page_width_px: Width of the page image that `image` was made from.
        page_height_px: Height of the page image that `image` was made from.
        prompt: The text given to the model, "" for engines without prompts.
        task: What is asked for.
        max_tokens: The most tokens that the answer may have, 0 for engines without tokens.
        view: The whole page as a square, uint8, (3, side, side), or none: then the engine makes
            what it needs of `image`.
        tiles: Crops of the page in reading order, uint8, (tiles, 3, side, side), or none.
        grid: Columns and rows of the tiles, (0, 0) without tiles.
        image_tokens: Tokens that the image must become in the prompt, 0 where unknown.
        sampling: How tokens are picked. The batch always starts with the default.
        layer: The text that the PDF has of the page, where it is good enough for a last resort;
            None where there is none.
        turned_deg: How the page was turned clockwise before all this. The sizes above are those
            of the turned page; blocks are given on the page as displayed.
        script_hint: A script of the page that the first engine does not read, None where nothing
            says so.
        mixed: The rest of the page where `image` shows its pictures only, else None. The sizes
            above are then those of the image that was made of the pictures.
    """

    image: Pixels
    page_width_px: int
    page_height_px: int
    prompt: str = ""
    task: Task = Task.MARKDOWN
    max_tokens: int = 0
    view: npt.NDArray[np.uint8] | None = None
    tiles: npt.NDArray[np.uint8] | None = None
    grid: tuple[int, int] = (0, 0)
    image_tokens: int = 0
    sampling: Sampling = Sampling()
    layer: str | None = None
    turned_deg: int = 0
    script_hint: ScriptHint | None = None
    mixed: MixedPage | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """What an engine returned for one request. Times are milliseconds, counts are tokens.

    `lines` is filled by engines with layout of their own, `text` by the others.
    Counts and times are None where the engine has no such thing. `input_ms` is spent on turning
    the page into the model's input, `queue_ms` on waiting for a place in the batch. `coverage` is
    the share of the detected lines' length that the characters read in them account for, 0 to 1;
    None where there are too few lines or the engine does not detect them. `unread_lines` is the
    number of lines that are surely text and in which hardly anything was read. `layout` says what
    the lines are, None where the layout model was not asked.
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
    coverage: float | None = None
    unread_lines: int = 0
    layout: PageLayout | None = None
