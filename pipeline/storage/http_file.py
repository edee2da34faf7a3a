"""Reads a file from a web server at any offset. pyarrow has no file system for HTTP."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import quote

from pipeline import __version__

_CLIENT_ERRORS: Final = range(400, 500)
_RETRIABLE: Final = (408, 425, 429)
_GONE: Final = (404, 410)
_PARTIAL: Final = 206
_LEGAL: Final = re.compile(r"[!-~]+")
_TOTAL: Final = re.compile(r"bytes \d+-\d+/(\d+)")
_CHUNK_BYTES: Final = 1 << 20


class HttpFile:
    """A file by its URL. Sequential reads share one response.

    Args:
        url: Its URL. Sent unchanged where it has only legal characters: it may be signed.
        timeout_s: Seconds without a byte after which a read fails.

    Raises:
        FileNotFoundError: Status 404 or 410.
        PermissionError: Another 4xx status that no retry changes.
        OSError: A failure that a retry may change.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._response: http.client.HTTPResponse | None = None
        self._url = url if _LEGAL.fullmatch(url) else quote(url, safe="%/:?#[]@!$&'()*+,;=~")
        self._timeout_s = timeout_s
        self._size: int | None = None
        self._at = 0
        self._get(0)

    def size(self) -> int | None:
        """Size in bytes, None where the server does not state it."""
        return self._size

    def read_at(self, nbytes: int, offset: int) -> bytes:
        """Up to `nbytes` bytes from an offset; fewer only at the end of the file."""
        if offset != self._at:
            self.close()
            self._get(offset)
        if self._response is None:
            raise OSError("the connection is closed")
        try:
            piece = self._response.read(nbytes)
        except http.client.HTTPException as error:
            raise OSError(f"the response was cut off: {error!r}") from None
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Close the connection."""
        if self._response is not None:
            self._response.close()
        self._response = None

    def __del__(self) -> None:
        self.close()  # ends a read that timed out in its thread

    def _get(self, offset: int) -> None:
        """Send a request, and position the response at the offset."""
        headers = {"User-Agent": f"rayscribe/{__version__}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - http(s) only
        try:
            self._response = urllib.request.urlopen(  # noqa: S310
                request, timeout=self._timeout_s
            )
        except urllib.error.HTTPError as error:
            error.close()
            raise _error_of(error.code) from None
        except http.client.HTTPException as error:
            raise OSError(f"no response: {error!r}") from None
        self._position(self._response, offset)
        self._at = offset

    def _position(self, response: http.client.HTTPResponse, offset: int) -> None:
        """Skip to the offset where the server ignored the range and sends the whole file."""
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise PermissionError("the server compressed its response without being asked to")
        if response.status == _PARTIAL:
            total = _TOTAL.match(response.headers.get("Content-Range", ""))
            self._size = int(total[1]) if total else None
            return
        length = response.headers.get("Content-Length")
        self._size = int(length) if length and length.isdecimal() else None
        while offset:
            skipped = len(response.read(min(offset, _CHUNK_BYTES)))
            if not skipped:
                raise OSError("the response ended before the requested offset")
            offset -= skipped


def _error_of(status: int) -> OSError:
    if status in _GONE:
        return FileNotFoundError(f"status {status}")
    if status in _CLIENT_ERRORS and status not in _RETRIABLE:
        return PermissionError(f"refused with status {status}")
    return OSError(f"status {status}")
