"""Pictures and documents inside of requests: sent as base64, or named by their address. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from serving.errors import ApiError
from serving.ocr.validation import plain

MEDIA_TYPES: Final = frozenset(
    {
        *("image/png", "image/jpeg", "image/webp", "image/tiff", "image/gif"),
        "application/pdf",
    }
)
"""What may be sent."""
_ALIASES: Final = {"image/jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or document of a request. Either `data` or `url` is there.

    Attributes:
        param: The field of the request that holds it, for errors.
        data: Its bytes, at least one.
        url: Its http(s) address. Whether that may be fetched is not decided here.
        media_type: What the request says it is, "" where it does not say.
        filename: Its name, "" where it has none.
    """

    param: str
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    media_type: str = ""
    filename: str = ""


def from_uri(uri: str, param: str) -> Attachment:
    """The attachment of a data URI or an address.

    Args:
        uri: ``data:<type>;base64,<data>``, or an http(s) address.
        param: The field that it stands in.

    Raises:
        ApiError: 400: it is neither, holds nothing or is no base64; 415: the type that it states
            is none of `MEDIA_TYPES`.
    """
    scheme = uri.partition(":")[0].lower() if ":" in uri[:10] else ""
    if scheme == "data":
        return _from_data_uri(uri, param)
    if scheme not in ("http", "https"):
        raise ApiError(
            400, "invalid_value", "send a data URI in base64 or an http(s) address", param=param
        )
    return Attachment(param, url=uri)


def from_base64(text: str, param: str, filename: str = "") -> Attachment:
    """The attachment of a data URI, or of base64 alone.

    Raises:
        ApiError: 400: it holds nothing or is no base64; 415: the type that it states is none of
            `MEDIA_TYPES`.
    """
    if text[:5].lower() == "data:":
        return _from_data_uri(text, param, filename)
    return Attachment(param, _decoded(text, param), filename=filename)


def checked_type(media_type: str, param: str) -> str:
    """A declared type by its one name.

    Raises:
        ApiError: 415: it is none of `MEDIA_TYPES`.
    """
    name = media_type.partition(";")[0].strip().lower()
    name = _ALIASES.get(name, name)
    if name not in MEDIA_TYPES:
        known = ", ".join(sorted(MEDIA_TYPES))
        message = f"{plain(name) or 'no media type'} is not supported; send one of {known}"
        raise ApiError(415, "unsupported_media_type", message, param=param)
    return name


def _from_data_uri(uri: str, param: str, filename: str = "") -> Attachment:
    head, comma, payload = uri[len("data:") :].partition(",")
    _, semicolon, encoding = head.rpartition(";")
    if not (comma and semicolon and encoding.strip().lower() == "base64"):
        message = "a data URI must be data:<type>;base64,<data>"
        raise ApiError(400, "invalid_base64", message, param=param)
    media_type = checked_type(head, param)
    data = _decoded(payload, param)
    return Attachment(param, data, media_type=media_type, filename=filename)


def _decoded(text: str, param: str) -> bytes:
    """The bytes of base64 as RFC 4648 has it: padded, without line ends or stray bits."""
    if not text:
        raise ApiError(400, "empty", "there are no bytes", param=param)
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        data = b""
    # The last group shows bits that the decoder drops, and padding that it overlooks.
    end = base64.b64encode(data[(len(data) - 1) // 3 * 3 :]).decode()
    if not data or len(text) % 4 or not text.endswith(end):
        message = "this is no base64 (standard alphabet, padded, without spaces)"
        raise ApiError(400, "invalid_base64", message, param=param)
    return data
