"""Reads a file from a web server, from any offset. pyarrow has no file system for it."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import quote

from pipeline import __version__

_FINAL: Final = range(400, 500)
_PASSING: Final = (408, 425, 429)
_GONE: Final = (404, 410)
_PARTIAL: Final = 206
_WRITTEN: Final = re.compile(r"[!-~]+")
_TOTAL: Final = re.compile(r"bytes \d+-\d+/(\d+)")
_PIECE: Final = 1 << 20


class WebFile:
    """A file by its URL. One answer is read on as long as the offsets follow each other.

    Args:
        url: Where. Sent as it is written where that can be: a signature may cover it.
        silence_s: Seconds without a byte after which a read fails.

    Raises:
        FileNotFoundError: It is not there.
        PermissionError: The server refuses for good.
        OSError: Anything that may pass.
    """

    def __init__(self, url: str, silence_s: float) -> None:
        self._answer: http.client.HTTPResponse | None = None
        self._url = url if _WRITTEN.fullmatch(url) else quote(url, safe="%/:?#[]@!$&'()*+,;=~")
        self._silence_s = silence_s
        self._size: int | None = None
        self._at = 0
        self._get(0)

    def size(self) -> int | None:
        """Size in bytes, None where the server does not tell."""
        return self._size

    def read_at(self, nbytes: int, offset: int) -> bytes:
        """Up to so many bytes from an offset, fewer at the end alone."""
        if offset != self._at:
            self.close()
            self._get(offset)
        if self._answer is None:
            raise OSError("the connection is closed")
        try:
            piece = self._answer.read(nbytes)
        except http.client.HTTPException as error:
            raise OSError(f"the answer broke off: {error!r}") from None
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Let go of the connection."""
        if self._answer is not None:
            self._answer.close()
        self._answer = None

    def __del__(self) -> None:
        self.close()  # a read that was given up ends when nobody holds it any more

    def _get(self, offset: int) -> None:
        """Ask, and come to stand at the offset."""
        headers = {"User-Agent": f"rayscribe/{__version__}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - http(s) only
        try:
            self._answer = urllib.request.urlopen(  # noqa: S310
                request, timeout=self._silence_s
            )
        except urllib.error.HTTPError as error:
            error.close()
            raise _meaning(error.code) from None
        except http.client.HTTPException as error:
            raise OSError(f"no answer: {error!r}") from None
        self._begin(self._answer, offset)
        self._at = offset

    def _begin(self, answer: http.client.HTTPResponse, offset: int) -> None:
        """Come to the byte at the offset, whether the server skips what is before or not."""
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise PermissionError("the server compressed its answer without being asked to")
        if answer.status == _PARTIAL:
            total = _TOTAL.match(answer.headers.get("Content-Range", ""))
            self._size = int(total[1]) if total else None
            return
        length = answer.headers.get("Content-Length")
        self._size = int(length) if length and length.isdecimal() else None
        while offset:
            skipped = len(answer.read(min(offset, _PIECE)))
            if not skipped:
                raise OSError("the answer ended before the offset that was asked for")
            offset -= skipped


def _meaning(status: int) -> OSError:
    if status in _GONE:
        return FileNotFoundError(f"status {status}")
    if status in _FINAL and status not in _PASSING:
        return PermissionError(f"refused with status {status}")
    return OSError(f"status {status}")
