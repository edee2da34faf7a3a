"""Requests to `/v1/ocr/jobs`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request

from pipeline.storage import uris
from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http.validation import Text
from serving.ocr import request_body
from serving.ocr.chat_request import ParsedOcrRequest, parse_ocr
from serving.ocr.request_models import OcrFields, OcrRequest
from serving.ocr.uploads import Upload

_WEBHOOK = "webhook_url"


class OcrJobFields(OcrFields):
    """Options of a job whose document is uploaded in the same form."""

    webhook_url: Text = ""
    """An https URL that is told of the end, if the operator lists its host."""


class OcrJobRequest(OcrRequest):
    """Read a long document: a job."""

    webhook_url: Text = ""
    """An https URL that is told of the end, if the operator lists its host."""


@dataclass(frozen=True, slots=True)
class ParsedJobRequest:
    """A job that is requested.

    Attributes:
        ocr: What is read.
        webhook_url: Who is told of the end, "" for nobody.
    """

    ocr: ParsedOcrRequest
    webhook_url: str


async def parse(request: Request, limits: LimitConfig) -> ParsedJobRequest:
    """Read and parse a request for a job.

    Args:
        request: A form, a document as body, or JSON.
        limits: `prompt_chars` is used.

    Raises:
        ApiError: As `serving.ocr.chat_request.parse_ocr`.
    """
    fields, upload = await request_body.read(request, limits)
    webhook_url = fields.pop(_WEBHOOK, None) or ""
    if not isinstance(webhook_url, str):
        raise ApiError(400, "invalid_type", f"{_WEBHOOK}: must be a string", param=_WEBHOOK)
    document = fields.get("document")
    if upload is None and isinstance(document, str) and uris.is_store(document):
        upload = Upload("document", url=fields.pop("document"))
    # In a thread: decoding many MiB of base64 would block the event loop.
    ocr = await asyncio.to_thread(parse_ocr, fields, limits, upload)
    return ParsedJobRequest(ocr, webhook_url)
