"""The body of a request to `/v1/ocr`: JSON, a form, or the document itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.http.validation import excerpt
from serving.ocr.uploads import MEDIA_TYPES, Upload

FORM: Final = "multipart/form-data"
_FORM_FIELDS: Final = 16
_JSON: Final = "application/json"
_BODIES: Final = (
    "send the document in a form (curl -F file=@document.pdf), as the body with its own"
    " Content-Type, such as application/pdf, or in JSON with Content-Type: application/json"
)


async def read(
    request: Request, limits: LimitConfig, query: Collection[str] = ()
) -> tuple[dict[str, Any], Upload | None]:
    """Read the body.

    Args:
        request: The request.
        limits: `prompt_chars` limits the fields of a form.
        query: Parameters in the query that are no options of the document. Others are options,
            except beside JSON.

    Returns:
        The options, and the document; None where the body is JSON, which has it in a field.

    Raises:
        ApiError: 400: nothing was sent, not in that form, or an option is there twice; 415: it is
            something else.
    """
    kind = bodies.media_type(request)
    options = _query_options(request, query)
    if kind in MEDIA_TYPES:
        content = await request.body()
        if not content:
            raise ApiError(400, "empty", "the body has no bytes", param="body")
        return options, Upload("body", content, media_type=kind)
    if kind == FORM:
        async with request.form(
            max_files=1, max_fields=_FORM_FIELDS, max_part_size=limits.prompt_chars
        ) as form:
            fields, upload = await file_and_fields(form)
        return _once([*options.items(), *fields.items()]), upload
    if kind != _JSON:
        raise ApiError(415, "unsupported_media_type", _BODIES)
    for name in options:
        message = f"{excerpt(name)}: a request in JSON has its options in the JSON"
        raise ApiError(400, "unsupported_parameter", message, param=excerpt(name))
    return await bodies.json_body(request), None


def _query_options(request: Request, query: Collection[str]) -> dict[str, str]:
    """The options of the document that are in the query."""
    given = request.query_params.multi_items()
    options = _once((name, value) for name, value in given if name not in query)
    if "password" in options:
        message = "a password in an address ends up in logs; send a form with it"
        raise ApiError(400, "unsupported_parameter", message, param="password")
    return options


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Options by name.

    Raises:
        ApiError: 400: one is there twice.
    """
    options: dict[str, str] = {}
    for name, value in pairs:
        if name in options:
            message = f"{excerpt(name)}: it is there twice"
            raise ApiError(400, "invalid_value", message, param=excerpt(name))
        options[name] = value
    return options


async def file_and_fields(form: FormData) -> tuple[dict[str, Any], Upload]:
    """The fields of a form, and its file.

    Raises:
        ApiError: 400: there is no file, it is empty, or a field is there twice.
    """
    files = {name: value for name, value in form.multi_items() if isinstance(value, UploadFile)}
    fields = _once((name, text) for name, text in form.multi_items() if isinstance(text, str))
    if not files:
        message = "the form has no file: send one, such as curl -F file=@document.pdf"
        raise ApiError(400, "missing_required_parameter", message, param="file")
    [(name, file)] = files.items()
    content = await file.read()
    if not content:
        raise ApiError(400, "empty", "the file has no bytes", param=name)
    return fields, Upload(name, content, filename=file.filename or "")
