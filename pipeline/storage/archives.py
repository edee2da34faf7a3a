"""Reads members of ZIP and TAR archives, local or remote, without unpacking them to disk.

Where two members have the same name, the first one counts. A ZIP is read by its central
directory: of a remote one only the wanted members are fetched. A TAR is read sequentially and
stays open, so that members requested in archive order cost a single pass.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, Protocol, Self

from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, ErrorKind
from pipeline.storage import remote_file, uris

_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError),
    *(NotImplementedError, ValueError),
)


class Archive(Protocol):
    """An open archive."""

    def members(self) -> Iterator[tuple[str, int]]:
        """Name and size in bytes of every file in it, in its order."""

    def open(self, member: str) -> IO[bytes]:
        """Read a member. Raises KeyError where there is none of this name."""

    def close(self) -> None:
        """Close the file."""


def open_archive(uri: str, config: StoreConfig) -> Archive:
    """Open an archive; the file extension decides its format.

    Raises:
        DocumentError: NOT_FOUND or FETCH, or UNREADABLE: it is damaged.
    """
    with archive_errors(uri):
        if uris.is_local(uri):
            uri = uris.local_path(uri)
        return (ZipArchive if _is_zip(uri) else TarArchive)(uri, config)


@contextmanager
def archive_errors(uri: str) -> Iterator[None]:
    """Translate exceptions raised while an archive is read into a DocumentError.

    Raises:
        DocumentError: NOT_FOUND, PASSWORD, FETCH or UNREADABLE.
    """
    try:
        yield
    except FileNotFoundError:
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file") from None
    except KeyError:
        raise DocumentError(ErrorKind.NOT_FOUND, f"no such member in {uri}") from None
    except RuntimeError as error:
        if isinstance(error, NotImplementedError) or "encrypted" not in str(error):
            raise DocumentError(ErrorKind.UNREADABLE, f"damaged archive: {error}") from None
        raise DocumentError(ErrorKind.PASSWORD, "the member of the archive is encrypted") from None
    except _BROKEN as error:
        raise DocumentError(ErrorKind.UNREADABLE, f"damaged archive: {error}") from None


class ZipArchive:
    """A ZIP file, read by its central directory."""

    def __init__(self, uri: str, config: StoreConfig) -> None:
        with ExitStack() as opened:
            self._file = opened.enter_context(remote_file.open_binary(uri, config))
            self._zip = zipfile.ZipFile(self._file)
            opened.pop_all()  # the archive is readable: keep the file open
        self._by_name: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            if not entry.is_dir():
                self._by_name.setdefault(entry.filename, entry)

    def members(self) -> Iterator[tuple[str, int]]:
        """Name and size in bytes of every file in it, in its order."""
        yield from ((name, entry.file_size) for name, entry in self._by_name.items())

    def open(self, member: str) -> IO[bytes]:
        """Read a member. Raises KeyError where there is none of this name."""
        return self._zip.open(self._by_name[member])

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()


class TarArchive:
    """A TAR file, plain or compressed, read as a stream."""

    def __init__(self, uri: str, config: StoreConfig) -> None:
        self._uri, self._config = uri, config
        self._tar: tarfile.TarFile | None = None
        self._rewind()

    def members(self) -> Iterator[tuple[str, int]]:
        """Name and size in bytes of every file in it, in its order."""
        self._rewind()
        for entry in self._remaining():
            yield _printable(entry.name), entry.size

    def open(self, member: str) -> IO[bytes]:
        """Read a member. Raises KeyError where there is none of this name."""
        if self._tar is None or member in self._seen:
            self._rewind()
        for entry in self._remaining():
            if _printable(entry.name) == member and self._tar is not None:
                return self._tar.extractfile(entry)  # type: ignore[return-value]
        raise KeyError(member)

    def close(self) -> None:
        """Close the file."""
        if self._tar is not None:
            self._tar.close()
            self._file.close()
        self._tar = None

    def _rewind(self) -> None:
        """Reopen the file at its start."""
        self.close()
        self._seen: set[str] = set()
        with ExitStack() as opened:
            self._file = opened.enter_context(remote_file.open_binary(self._uri, self._config))
            self._tar = _open_tar(self._uri, self._file)
            opened.pop_all()

    def _remaining(self) -> Iterator[tarfile.TarInfo]:
        """The regular files from the current position on, each name once."""
        while self._tar is not None:
            entry = self._tar.next()
            if entry is None:
                self.close()  # at the end; an open one would seek backwards on the next read
                return
            self._tar.members.clear()  # type: ignore[attr-defined]  # else tarfile keeps every header in memory
            name = _printable(entry.name)
            if entry.isreg() and name not in self._seen:
                self._seen.add(name)
                yield entry


class _Entry(tarfile.TarInfo):
    """A header that raises where the archive is truncated or corrupt; tarfile would just stop."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> Self:  # type: ignore[override]
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("truncated archive")
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from None


def _open_tar(uri: str, file: Any) -> tarfile.TarFile:
    lower = uri.lower().split("?")[0]
    if lower.endswith((".zst", ".tzst")):
        import pyarrow as pa

        file = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
        return tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry)
    if lower.endswith((".gz", ".tgz")):
        return tarfile.open(fileobj=file, mode="r|gz", tarinfo=_Entry)
    if uris.is_local(uri):  # seekable: the content of members is skipped
        return tarfile.open(fileobj=file, mode="r:", tarinfo=_Entry)
    return tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry)


def _printable(name: str) -> str:
    """The name as valid Unicode, for a column: undecodable bytes become backslash escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_zip(uri: str) -> bool:
    return uri.lower().split("?")[0].endswith(".zip")
