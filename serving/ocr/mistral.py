"""Requests to `/v1/ocr` in Mistral's form. Pure; `serving.ocr.mistral_response` has the answers.

Mistral's client and LiteLLM's `ocr()` send a document as an object and expect pages with a zero-
based index. What has no meaning here is refused unless its value is the one that changes nothing.
Source: github.com/mistralai/client-python, `models/ocrrequest.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from pipeline.page_range import PageSelection
from serving.http.validation import Body, Text, parsed
from serving.ocr.chat_request import ParsedOcrRequest
from serving.ocr.request_models import ImageUrl
from serving.ocr.uploads import Upload, from_uri

_RANGE: Final = re.compile(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", re.ASCII)
_PageIndex = Annotated[int, Field(ge=0, lt=1_000_000)]


def _ranges(pages: object) -> object:
    """Zero-based pages as pairs of the first and the last."""
    if isinstance(pages, list) and pages:
        return tuple((page, page) for page in pages)
    parts = pages.split(",") if isinstance(pages, str) else []
    found = [_RANGE.fullmatch(part) for part in parts]
    ranges = tuple((int(part[1]), int(part[2] or part[1])) for part in found if part)
    if not ranges or len(ranges) < len(found) or any(last < first for first, last in ranges):
        raise PydanticCustomError(
            "invalid_value", "must be pages from 0: a list, or a text such as 0-2,5"
        )
    return ranges


class DocumentUrl(Body):
    """A document."""

    type: Literal["document_url"]
    document_url: Text
    """A data URI in base64, or an http(s) URL if the server may fetch from its host."""
    document_name: Text | None = None
    """Accepted and ignored."""


class ImageDocument(Body):
    """An image."""

    type: Literal["image_url"]
    image_url: Text | ImageUrl
    """As `document_url`, alone or in an object as in chat completions."""


class MistralOcrRequest(Body):
    """Read a document, by Mistral's names."""

    model: Text = ""
    """The model's name. Empty: the OCR model of the service."""
    document: Annotated[DocumentUrl | ImageDocument, Field(discriminator="type")]
    """The document."""
    pages: Annotated[
        tuple[tuple[_PageIndex, _PageIndex], ...],
        BeforeValidator(_ranges, json_schema_input_type=list[_PageIndex] | str),
    ] = ()
    """Pages, the first is 0: a list, or a text such as 0-2,5. Null: all."""
    image_limit: Annotated[int, Field(ge=0)] | None = None
    """Maximum images that are listed of a page."""
    image_min_size: Annotated[int, Field(ge=0)] | None = None
    """Minimum width and height of an image that is listed, pixels."""
    id: Text | None = None
    """Accepted and ignored."""
    include_image_base64: bool | None = None
    """Accepted; images are listed with their boxes, and `image_base64` is null."""
    table_format: Literal["markdown"] | None = None
    """Tables are part of the Markdown."""
    bbox_annotation_format: None = None
    document_annotation_format: None = None
    document_annotation_prompt: None = None
    include_blocks: bool | None = None
    """Also list the blocks of each page."""
    confidence_scores_granularity: None = None
    extract_header: Literal[False] | None = None
    extract_footer: Literal[False] | None = None

    @field_validator(
        "bbox_annotation_format",
        "document_annotation_format",
        "document_annotation_prompt",
        mode="before",
    )
    @classmethod
    def _refuse_annotations(cls, value: object) -> None:
        if value is not None:
            raise PydanticCustomError(
                "unsupported_parameter", "the OCR model makes no annotations; leave this out"
            )


@dataclass(frozen=True, slots=True)
class ParsedMistralRequest:
    """A request in Mistral's form.

    Attributes:
        ocr: What is to be read.
        image_limit: Maximum images that are listed of a page, None for all.
        image_min_px: Minimum width and height of those.
        include_blocks: Whether the blocks of each page are listed.
    """

    ocr: ParsedOcrRequest
    image_limit: int | None
    image_min_px: int
    include_blocks: bool


def is_mistral(body: dict[str, Any]) -> bool:
    """Whether the body of a request to `/v1/ocr` has Mistral's form: its document is an object."""
    return isinstance(body.get("document"), dict)


def parse(body: dict[str, Any]) -> ParsedMistralRequest:
    """Parse a request in Mistral's form.

    Raises:
        ApiError: 400: not a valid request; 415: a media type that is not supported.
    """
    request = parsed(MistralOcrRequest, body)
    ocr = ParsedOcrRequest(
        model=request.model,
        document=_upload(request.document),
        pages=PageSelection(tuple((first + 1, last + 1) for first, last in request.pages)),
        password="",
        task=None,
        prompt="",
    )
    return ParsedMistralRequest(
        ocr, request.image_limit, request.image_min_size or 0, bool(request.include_blocks)
    )


def _upload(document: DocumentUrl | ImageDocument) -> Upload:
    if isinstance(document, DocumentUrl):
        return from_uri(document.document_url, "document.document_url")
    url = document.image_url
    return from_uri(url if isinstance(url, str) else url.url, "document.image_url")
