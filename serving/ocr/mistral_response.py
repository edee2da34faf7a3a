"""Answers of `/v1/ocr` in Mistral's form. Pure.

Source: github.com/mistralai/client-python, `models/ocrresponse.py`.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.engines.deepseek_ocr.output import PICTURES
from serving.errors import of_kind
from serving.ocr.document_response import OcrBlock, OcrBox, OcrDocument, OcrPage, ResponseModel
from serving.ocr.mistral import ParsedMistralRequest

_KINDS: Final = {
    **dict.fromkeys(PICTURES, "image"),
    **dict.fromkeys(("title", "sub_title"), "title"),
    **dict.fromkeys(("image_caption", "figure_caption", "table_caption"), "caption"),
    **{kind: kind for kind in ("list", "table", "equation", "header", "footer")},
}
"""Mistral's names of kinds of blocks. Any other is `text`."""
_REFERENCE: Final = re.compile(r"!\[[^\]\n]*\]\(#block-(\d{1,6})\)")
"""A picture in the Markdown of a page: the number of its block."""


class MistralImage(ResponseModel):
    """An image on a page."""

    id: str
    """Its name in the page's Markdown."""
    top_left_x: int
    top_left_y: int
    bottom_right_x: int
    bottom_right_y: int
    image_base64: str | None
    """Always null."""


class MistralBlock(ResponseModel):
    """A block of a page."""

    type: str
    """Its kind: text, title, list, table, caption, image, equation, header or footer."""
    top_left_x: int
    """The box of one without a box is that of the page."""
    top_left_y: int
    bottom_right_x: int
    bottom_right_y: int
    content: str
    """Its Markdown."""
    image_id: str | None
    """Its entry in `images`; null where it is no image."""


class MistralDimensions(ResponseModel):
    """The size of a page's image."""

    dpi: int
    """Dots per inch, 0 where unknown."""
    height: int
    width: int


class MistralPage(ResponseModel):
    """A page."""

    index: int
    """Its number, from 0."""
    markdown: str
    images: list[MistralImage]
    dimensions: MistralDimensions | None
    blocks: list[MistralBlock] | None
    """In reading order; null where they were not asked for."""
    error: str | None
    """Why it has no text; null where it was read. Not part of Mistral's API."""


class MistralUsage(ResponseModel):
    """What was read."""

    pages_processed: int
    doc_size_bytes: int | None
    """Size of the document, null where it was fetched."""


class MistralOcrResponse(ResponseModel):
    """A document, by Mistral's names."""

    pages: list[MistralPage]
    model: str
    usage_info: MistralUsage
    document_annotation: str | None
    """Always null."""


def answer(document: OcrDocument, request: ParsedMistralRequest) -> MistralOcrResponse:
    """The answer for a document.

    Raises:
        ApiError: No page was read; by the kind of the first page's error.
    """
    errors = [page.error for page in document.pages]
    if errors and errors[0] is not None and all(errors):
        raise of_kind(errors[0].kind, errors[0].message, "document")
    pages = [_page(page, request) for page in document.pages]
    content = request.ocr.document.data
    return MistralOcrResponse(
        pages=pages,
        model=document.model,
        usage_info=MistralUsage(
            pages_processed=len(pages),
            doc_size_bytes=None if content is None else len(content),
        ),
        document_annotation=None,
    )


def _page(page: OcrPage, request: ParsedMistralRequest) -> MistralPage:
    shown = [
        number
        for number, block in enumerate(page.blocks, 1)
        if block.kind in PICTURES and _is_large(block.box_px, request.image_min_px)
    ][: request.image_limit]
    names = {number: f"img-{at}.jpeg" for at, number in enumerate(shown)}
    images = [_image(name, page.blocks[number - 1]) for number, name in names.items()]
    size = MistralDimensions(dpi=round(page.dpi), height=page.height_px, width=page.width_px)
    return MistralPage(
        index=page.page - 1,
        markdown=_REFERENCE.sub(lambda found: _reference(int(found[1]), names), page.markdown),
        images=images,
        dimensions=size if page.width_px else None,
        blocks=_blocks(page, names) if request.include_blocks else None,
        error=page.error.message if page.error else None,
    )


def _blocks(page: OcrPage, names: dict[int, str]) -> list[MistralBlock]:
    """The blocks of a page, without those of pictures that are not listed."""
    whole = OcrBox(x0=0, y0=0, x1=page.width_px, y1=page.height_px)
    return [
        _block(block, block.box_px or whole, names.get(number))
        for number, block in enumerate(page.blocks, 1)
        if block.kind not in PICTURES or number in names
    ]


def _block(block: OcrBlock, box: OcrBox, image_id: str | None) -> MistralBlock:
    return MistralBlock(
        type=_KINDS.get(block.kind, "text"),
        top_left_x=round(box.x0),
        top_left_y=round(box.y0),
        bottom_right_x=round(box.x1),
        bottom_right_y=round(box.y1),
        content=block.text,
        image_id=image_id,
    )


def _reference(number: int, names: dict[int, str]) -> str:
    """A picture in Markdown by the name under which it is listed; nothing for one that is not."""
    name = names.get(number)
    return f"![{name}]({name})" if name else ""


def _is_large(box: OcrBox | None, least_px: int) -> bool:
    return box is not None and min(box.x1 - box.x0, box.y1 - box.y0) >= least_px


def _image(name: str, block: OcrBlock) -> MistralImage:
    box = block.box_px
    assert box is not None  # noqa: S101 - only blocks with boxes are listed
    return MistralImage(
        id=name,
        top_left_x=round(box.x0),
        top_left_y=round(box.y0),
        bottom_right_x=round(box.x1),
        bottom_right_y=round(box.y1),
        image_base64=None,
    )
