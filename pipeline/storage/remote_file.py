"""Remote files that resume after faults.

A read that fails or stalls is retried from the current offset, with exponential backoff. When the
retries are used up it raises a `DocumentError`, which becomes the document's row.
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
from pipeline.storage import filesystems, uris
from pipeline.storage.http_file import HttpFile

T = TypeVar("T")

CHUNK_BYTES: Final = 4 << 20
"""Maximum bytes of one request, which must end within `store.read_s`."""
_BUFFER: Final = 256 << 10
_PERMANENT: Final = re.compile(
    r"NO_SUCH_BUCKET|ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|HTTP status 40[013]|"
    r"kPermissionDenied|kUnauthenticated|AuthorizationFailure|AuthenticationFailed"
)
"""Messages of pyarrow's errors that no retry changes; it has no error codes."""
_REFUSED_PARTS: Final = {"", ".", ".."}


class _Handle(Protocol):
    def size(self) -> int | None: ...
    def read_at(self, nbytes: int, offset: int) -> bytes: ...
    def close(self) -> None: ...


def open_binary(uri: str, config: StoreConfig) -> BinaryIO:
    """Open a file by its URI (not a member of an archive) for reading and seeking.

    Raises:
        DocumentError: NOT_FOUND or FETCH, here or by a read.
        OSError: A local file cannot be opened.
    """
    if uris.is_local(uri):
        return open(uris.local_path(uri), "rb")
    return io.BufferedReader(RemoteFile(uri, config), _BUFFER)


class RemoteFile(io.RawIOBase):
    """A file on an object store or a web server; the first read opens it.

    Args:
        uri: Its URI.
        config: Retries and timeouts.
    """

    def __init__(self, uri: str, config: StoreConfig) -> None:
        super().__init__()
        self._uri, self._config = uri, config
        self._opened: _Handle | None = None
        self._size: int | None = None
        self._position = 0

    def size(self) -> int | None:
        """Size in bytes, None where the server does not state it.

        Raises:
            DocumentError: NOT_FOUND or FETCH.
        """
        if self._opened is None:
            self._opened = with_retries(self._config, self._open, self._uri)
        return self._size

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The offset of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the offset of the next read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(whence)
        if start is None:
            start = self.size()
        if start is None:
            raise io.UnsupportedOperation("the server does not state the size")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read up to `CHUNK_BYTES` bytes.

        Raises:
            DocumentError: NOT_FOUND or FETCH.
        """
        wanted = min(len(buffer), CHUNK_BYTES)
        if not wanted:
            return 0
        # A handle whose read failed, or timed out and still runs in its thread, is not reused.
        previous, self._opened = [self._opened], None
        self._opened, chunk = with_retries(
            self._config,
            lambda: self._read(previous.pop() if previous else None, wanted),
            self._uri,
        )
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def readall(self) -> bytes:
        """Read the rest in large chunks; the method of the base class reads 8 KiB at a time."""
        return b"".join(iter(lambda: self.read(CHUNK_BYTES) or b"", b""))

    def close(self) -> None:
        """Close the connection."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()
        super().close()

    def _read(self, previous: _Handle | None, nbytes: int) -> tuple[_Handle, bytes]:
        opened = previous or self._open()
        if self._size is not None:
            nbytes = min(nbytes, max(0, self._size - self._position))
        chunk = opened.read_at(nbytes, self._position) if nbytes else b""
        if self._size is not None and len(chunk) < nbytes:
            raise OSError("the response is shorter than the file")
        return opened, chunk

    def _open(self) -> _Handle:
        opened = _open(self._uri, self._config)
        size = opened.size()
        if self._size is not None and size != self._size:
            raise PermissionError("the file changed while it was read")
        self._size = size
        return opened


def _open(uri: str, config: StoreConfig) -> _Handle:
    if uris.is_web(uri):
        return HttpFile(uri, config.read_s)
    if uris.scheme(uri) == "s3" and _REFUSED_PARTS & set(uris.bucket_and_key(uri)[1].split("/")):
        return HttpFile(filesystems.presigned(uri, config), config.read_s)
    filesystem, path = filesystems.filesystem(uri, config)
    return filesystem.open_input_file(path)  # type: ignore[no-any-return]


def with_retries(config: StoreConfig, attempt: Callable[[], T], uri: str) -> T:
    """Call `attempt` up to `store.tries` times, with pauses that double.

    Raises:
        DocumentError: NOT_FOUND; or FETCH, with the last error.
    """
    for number in range(config.tries):
        if number:
            _pause(config, number)
        try:
            return with_timeout(config.read_s, attempt)
        except FileNotFoundError:
            raise DocumentError(ErrorKind.NOT_FOUND, f"nothing at {uri}") from None
        except (OSError, ValueError) as error:
            problem = str(error) or repr(error)
            if isinstance(error, PermissionError | ValueError) or is_permanent(problem):
                raise DocumentError(ErrorKind.FETCH, problem) from None
    raise DocumentError(ErrorKind.FETCH, f"tried {config.tries} times: {problem}")


def is_permanent(problem: str) -> bool:
    """Whether an error's message says that the store refuses, which no retry changes."""
    return _PERMANENT.search(problem) is not None


def _pause(config: StoreConfig, number: int) -> None:
    """Sleep before a retry, with jitter, so that workers do not retry at the same moment."""
    max_s = min(config.max_pause_s, config.pause_s * 2 ** (number - 1))
    time.sleep(max_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def with_timeout(limit_s: float, action: Callable[[], T]) -> T:
    """Call a function with a timeout.

    pyarrow's calls cannot be cancelled: one that takes longer keeps running in a daemon thread.

    Raises:
        TimeoutError: It took longer than `limit_s` seconds.
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
