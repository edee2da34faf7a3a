"""Reads what DeepSeek-OCR writes: regions with labels and boxes, tables, formulas. Pure, total.

A page in Markdown with layout is a row of regions, each a label, boxes and then its text::

    <|ref|>table_caption<|/ref|><|det|>[[83, 64, 915, 90]]<|/det|>
    Table 1: ...

(github.com/deepseek-ai/DeepSeek-OCR, `run_dpsk_ocr_pdf.py`.) What becomes of it:

- A region is one `Block`, in the model's order: a caption stays before or after its figure as
  the model put it. Where a region has several boxes, the block has the box around them all.
- Coordinates run from 0 to 999 over the width and the height; they are scaled to pixels as the
  official script does (v / 999 · side) and clamped. A box without an area is no box.
- An image or figure becomes ``![image](#block-3)``: the third block of the page, by which the
  image can be cut out. Its text, where it has any, follows.
- A label that is no label but the words themselves, as the tasks that locate or spot text give
  it, becomes the text.
- Tables stay HTML, made well-formed; formulas become ``$…$`` and ``$$…$$``.
- A tag that the token limit cut off is dropped, up to the end of its line.
- Text without any tag is returned unchanged.

Nothing is evaluated, and every step is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.engines.deepseek_ocr.tables import repair_tables, unify_formulas
from pipeline.types import Block, Box

_END = "<\uff5cend\u2581of\u2581sentence\uff5c>"
_TAG = re.compile(r"(<\|/?(?:ref|det)\|>)")
_NUMBER = r"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*"
_BOX = re.compile(rf"\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]")
_LABEL = re.compile(r"[a-z]+(?:[_-][a-z]+)*")
_CENTER = re.compile(r"</?center>", re.IGNORECASE)
_GROUNDING = "<|grounding|>"
LAST = 999
"""The coordinate of the right and the lower edge."""
PICTURES = frozenset({"image", "figure", "picture"})
_PLAIN = "text"


@dataclass(slots=True)
class _Region:
    label: str = ""
    boxes: list[Box] = field(default_factory=list)
    text: str = ""


def parse(text: str, width_px: int, height_px: int) -> tuple[str, tuple[Block, ...]]:
    """Turn a model's answer into Markdown and the blocks of the page.

    Args:
        text: The answer, special tokens kept. Any string will do.
        width_px: Width of the page image, in whose pixels the boxes are returned.
        height_px: Its height.

    Returns:
        The Markdown, and one block for every region; no blocks if the text has no tags.
    """
    text = text.removesuffix(_END)
    if not _TAG.search(text):
        return text, ()
    blocks: list[Block] = []
    parts: list[str] = []
    for region in _regions(text.replace(_GROUNDING, "")):
        block = _block(region, width_px, height_px)
        if block is None:
            continue
        blocks.append(block)
        if block.kind in PICTURES:
            parts.append(f"![{block.kind}](#block-{len(blocks)})")
        if block.text:
            parts.append(block.text)
    return "\n\n".join(parts), tuple(blocks)


def _regions(text: str) -> Iterator[_Region]:
    pieces = ["", *_TAG.split(text), ""]
    region = _Region()
    for tag, body, following in zip(pieces[::2], pieces[1::2], pieces[2::2], strict=False):
        if tag == "<|ref|>" or (tag == "<|det|>" and region.text.strip()):
            yield region
            region = _Region()
        closed = following == tag.replace("<|", "<|/")
        if tag == "<|ref|>" and closed:
            region.label = body.strip()
        elif tag == "<|det|>":
            region.boxes += _boxes(body)
        if tag not in ("<|ref|>", "<|det|>"):
            region.text += body
        elif not closed:
            region.text += body.partition("\n")[2]
    yield region


def _boxes(listing: str) -> list[Box]:
    """The complete boxes of a list such as ``[[1, 2, 3, 4], [5, 6``."""
    boxes: list[Box] = []
    for match in _BOX.finditer(listing):
        x0, y0, x1, y1 = (float(number) for number in match.groups())
        boxes.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    return boxes


def _block(region: _Region, width_px: int, height_px: int) -> Block | None:
    box = _hull(region.boxes, width_px, height_px)
    text, label = _clean(region.text), region.label
    if not _LABEL.fullmatch(label):
        # Not the name of a kind: the words that were found, or nothing.
        text, label = (text or label), _PLAIN
        if not text and box is None:
            return None
    return Block(label, text, box)


def _hull(boxes: list[Box], width_px: int, height_px: int) -> Box | None:
    if not boxes:
        return None
    x0 = _to_pixels(min(box[0] for box in boxes), width_px)
    y0 = _to_pixels(min(box[1] for box in boxes), height_px)
    x1 = _to_pixels(max(box[2] for box in boxes), width_px)
    y1 = _to_pixels(max(box[3] for box in boxes), height_px)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _to_pixels(coordinate: float, side_px: int) -> float:
    return min(max(coordinate * side_px / LAST, 0.0), float(max(side_px, 0)))


def _clean(text: str) -> str:
    return unify_formulas(repair_tables(_CENTER.sub("", text))).strip()
