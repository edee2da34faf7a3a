"""Images and documents in requests: as base64, or by URL. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from serving.errors import ApiError
from serving.http.validation import excerpt

MEDIA_TYPES: Final = frozenset(
    {
        *("image/png", "image/jpeg", "image/webp", "image/tiff", "image/gif"),
        "application/pdf",
    }
)
"""Media types that are accepted."""
_ALIASES: Final = {"image/jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Upload:
    """An image or document of a request. Either `data` or `url` is set.

    Attributes:
        param: The field of the request that has it, for errors.
        data: Its bytes, at least one.
        url: Its http(s) URL. `serving.http.url_fetch` decides whether it is fetched.
        media_type: The media type that the request states, "" where it states none.
        filename: Its name, "" where it has none.
    """

    param: str
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    media_type: str = ""
    filename: str = ""


def from_uri(uri: str, param: str) -> Upload:
    """Parse a data URI or a URL.

    Args:
        uri: ``data:<type>;base64,<data>``, or an http(s) URL.
        param: The field of the request that has it.

    Raises:
        ApiError: 400: it is neither, has no bytes or is not base64; 415: its media type is none of
            `MEDIA_TYPES`.
    """
    scheme = uri.partition(":")[0].lower() if ":" in uri[:10] else ""
    if scheme == "data":
        return _from_data_uri(uri, param)
    if scheme not in ("http", "https"):
        raise ApiError(
            400, "invalid_value", "send a data URI in base64 or an http(s) URL", param=param
        )
    return Upload(param, url=uri)


def from_base64(text: str, param: str, filename: str = "") -> Upload:
    """Parse a data URI, or base64 alone.

    Raises:
        ApiError: 400: it has no bytes or is not base64; 415: its media type is none of
            `MEDIA_TYPES`.
    """
    if text[:5].lower() == "data:":
        return _from_data_uri(text, param, filename)
    return Upload(param, _decoded(text, param), filename=filename)


def checked_type(media_type: str, param: str) -> str:
    """Normalize a declared media type.

    Raises:
        ApiError: 415: it is none of `MEDIA_TYPES`.
    """
    name = media_type.partition(";")[0].strip().lower()
    name = _ALIASES.get(name, name)
    if name not in MEDIA_TYPES:
        known = ", ".join(sorted(MEDIA_TYPES))
        message = f"{excerpt(name) or 'no media type'} is not supported; send one of {known}"
        raise ApiError(415, "unsupported_media_type", message, param=param)
    return name


def _from_data_uri(uri: str, param: str, filename: str = "") -> Upload:
    head, comma, payload = uri[len("data:") :].partition(",")
    _, semicolon, encoding = head.rpartition(";")
    if not (comma and semicolon and encoding.strip().lower() == "base64"):
        message = "a data URI must be data:<type>;base64,<data>"
        raise ApiError(400, "invalid_base64", message, param=param)
    media_type = checked_type(head, param)
    data = _decoded(payload, param)
    return Upload(param, data, media_type=media_type, filename=filename)


def _decoded(text: str, param: str) -> bytes:
    """Decode base64 by RFC 4648: padded, without line ends or unused bits that are set."""
    if not text:
        raise ApiError(400, "empty", "there are no bytes", param=param)
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        data = b""
    # Encoded again, the last group shows set bits and padding that the decoder ignores.
    end = base64.b64encode(data[(len(data) - 1) // 3 * 3 :]).decode()
    if not data or len(text) % 4 or not text.endswith(end):
        message = "this is not base64 (standard alphabet, padded, without spaces)"
        raise ApiError(400, "invalid_base64", message, param=param)
    return data
