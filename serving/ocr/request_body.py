"""The body of a request to `/v1/ocr`: JSON, a form, or the document itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.ocr.uploads import MEDIA_TYPES, Upload

FORM: Final = "multipart/form-data"
_FORM_FIELDS: Final = 16


async def read(
    request: Request, limits: LimitConfig, query: Collection[str] = ()
) -> tuple[dict[str, Any], Upload | None]:
    """Read the body.

    Args:
        request: The request.
        limits: `prompt_chars` limits the fields of a form.
        query: Parameters in the query that are no options of the document.

    Returns:
        The options, and the document; None where the body is JSON, which has it in a field.

    Raises:
        ApiError: 400: nothing was sent, or not in that form; 415: it is something else.
    """
    kind = bodies.media_type(request)
    if kind in MEDIA_TYPES:
        return await _document(request, kind, query)
    if kind != FORM:
        return await bodies.json_body(request), None
    async with request.form(
        max_files=1, max_fields=_FORM_FIELDS, max_part_size=limits.prompt_chars
    ) as form:
        return await file_and_fields(form)


async def _document(
    request: Request, kind: str, query: Collection[str]
) -> tuple[dict[str, Any], Upload]:
    """A document that is the body itself, with its options in the query."""
    content = await request.body()
    if not content:
        raise ApiError(400, "empty", "the body has no bytes", param="body")
    options = {name: value for name, value in request.query_params.items() if name not in query}
    if "password" in options:
        message = "a password in an address ends up in logs; send a form with it"
        raise ApiError(400, "unsupported_parameter", message, param="password")
    return options, Upload("body", content, media_type=kind)


async def file_and_fields(form: FormData) -> tuple[dict[str, Any], Upload]:
    """The fields of a form, and its file.

    Raises:
        ApiError: 400: there is no file, or it is empty.
    """
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if not files:
        message = "the form has no file: send one, such as curl -F file=@document.pdf"
        raise ApiError(400, "missing_required_parameter", message, param="file")
    [(name, file)] = files.items()
    content = await file.read()
    if not content:
        raise ApiError(400, "empty", "the file has no bytes", param=name)
    return fields, Upload(name, content, filename=file.filename or "")
