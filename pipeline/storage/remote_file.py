"""Files on stores and web servers that read on after faults.

A read that fails or stalls is tried again from where it stood, with growing pauses. What stays
broken becomes a `DocumentError`: one row, and the job goes on.
"""

from __future__ import annotations

import io
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final, Protocol, TypeVar

from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, ErrorKind
from pipeline.storage import filesystems, uri
from pipeline.storage.http_file import WebFile

T = TypeVar("T")

PIECE: Final = 4 << 20
"""Most bytes of one request. One that takes longer than `store.read_s` is given up."""
_BUFFER: Final = 256 << 10
_REFUSED: Final = re.compile(
    r"NO_SUCH_BUCKET|ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|HTTP status 40[013]|"
    r"kPermissionDenied|kUnauthenticated|AuthorizationFailure|AuthenticationFailed"
)
"""How pyarrow's stores word what no second try changes; it has no codes."""
_ODD_PARTS: Final = {"", ".", ".."}


class _Opened(Protocol):
    def size(self) -> int | None: ...
    def read_at(self, nbytes: int, offset: int) -> bytes: ...
    def close(self) -> None: ...


def reader(place: str, config: StoreConfig) -> BinaryIO:
    """Open any place but a member of an archive, for reading and seeking.

    Raises:
        DocumentError: NOT_FOUND or FETCH, now or while it is read.
        OSError: A local file cannot be opened.
    """
    if uri.is_local(place):
        return open(uri.local_path(place), "rb")
    return io.BufferedReader(RemoteFile(place, config), _BUFFER)


class RemoteFile(io.RawIOBase):
    """A file on a store or a web server; the first read opens it.

    Args:
        place: Where.
        config: How often and how long things are tried.
    """

    def __init__(self, place: str, config: StoreConfig) -> None:
        super().__init__()
        self._place, self._config = place, config
        self._opened: _Opened | None = None
        self._size: int | None = None
        self._position = 0

    def size(self) -> int | None:
        """Size in bytes, None where the server does not tell.

        Raises:
            DocumentError: NOT_FOUND or FETCH.
        """
        if self._opened is None:
            self._opened = persist(self._config, self._open, self._place)
        return self._size

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set where the next read begins."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        if start is None:
            start = self.size()
        if start is None:
            raise io.UnsupportedOperation("the server does not tell the size")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read up to `PIECE` bytes.

        Raises:
            DocumentError: NOT_FOUND or FETCH.
        """
        wanted = min(len(buffer), PIECE)
        if not wanted:
            return 0
        # Whatever fails, or is left behind in its thread, is not used again.
        kept, self._opened = [self._opened], None
        self._opened, piece = persist(
            self._config, lambda: self._read(kept.pop() if kept else None, wanted), self._place
        )
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def readall(self) -> bytes:
        """Read what is left, in large pieces: the method of the base class asks for 8 KiB each."""
        return b"".join(iter(lambda: self.read(PIECE) or b"", b""))

    def close(self) -> None:
        """Let go of the connection."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()
        super().close()

    def _read(self, kept: _Opened | None, nbytes: int) -> tuple[_Opened, bytes]:
        opened = kept or self._open()
        if self._size is not None:
            nbytes = min(nbytes, max(0, self._size - self._position))
        piece = opened.read_at(nbytes, self._position) if nbytes else b""
        if self._size is not None and len(piece) < nbytes:
            raise OSError("it ended before its end")
        return opened, piece

    def _open(self) -> _Opened:
        opened = _open(self._place, self._config)
        size = opened.size()
        if self._size is not None and size != self._size:
            raise PermissionError("it changed while it was read")
        self._size = size
        return opened


def _open(place: str, config: StoreConfig) -> _Opened:
    if uri.is_web(place):
        return WebFile(place, config.read_s)
    if uri.scheme(place) == "s3" and _ODD_PARTS & set(uri.bucket_and_key(place)[1].split("/")):
        return WebFile(filesystems.presigned(place, config), config.read_s)
    filesystem, path = filesystems.filesystem(place, config)
    return filesystem.open_input_file(path)  # type: ignore[no-any-return]


def persist(config: StoreConfig, attempt: Callable[[], T], place: str) -> T:
    """Try until it works, `store.tries` times at most, with pauses that double.

    Raises:
        DocumentError: NOT_FOUND; or FETCH, with the last thing that went wrong.
    """
    for number in range(config.tries):
        if number:
            _pause(config, number)
        try:
            return within(config.read_s, attempt)
        except FileNotFoundError:
            raise DocumentError(ErrorKind.NOT_FOUND, f"nothing at {place}") from None
        except (OSError, ValueError) as error:
            problem = str(error) or repr(error)
            if isinstance(error, PermissionError | ValueError) or _REFUSED.search(problem):
                raise DocumentError(ErrorKind.FETCH, problem) from None
    raise DocumentError(ErrorKind.FETCH, f"tried {config.tries} times: {problem}")


def _pause(config: StoreConfig, number: int) -> None:
    """Wait before a try; by chance a little less, so that workers do not come all at once."""
    longest_s = min(config.max_pause_s, config.pause_s * 2 ** (number - 1))
    time.sleep(longest_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def within(limit_s: float, action: Callable[[], T]) -> T:
    """Do something in at most so many seconds.

    pyarrow's calls cannot be stopped: one that takes longer is left to end by itself, in a
    thread that keeps no process alive.

    Raises:
        TimeoutError: It took longer.
    """
    outcome: list[tuple[T | None, BaseException | None]] = []

    def run() -> None:
        try:
            outcome.append((action(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, name="store", daemon=True)
    thread.start()
    thread.join(limit_s)
    if not outcome:
        raise TimeoutError(f"took longer than {limit_s:g} s")
    result, error = outcome[0]
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
