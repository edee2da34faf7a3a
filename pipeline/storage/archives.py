"""Members of ZIP and TAR archives, read where they lie: nothing is unpacked into a folder.

A name that comes twice in an archive means its first member. A ZIP is read by its directory, so
of one on a store only the wanted members are fetched. A TAR is read from front to end; it
stays open, so that members wanted in their order cost one way through it.
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
from pipeline.storage import remote_file, uri

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
        """Let go of the file."""


def open_archive(place: str, config: StoreConfig) -> Archive:
    """Open an archive by its ending.

    Raises:
        DocumentError: NOT_FOUND or FETCH, or UNREADABLE: it is damaged.
    """
    with reading(place):
        if uri.is_local(place):
            place = uri.local_path(place)
        return (ZipArchive if _is_zip(place) else TarArchive)(place, config)


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn what goes wrong inside an archive into an error of its document.

    Raises:
        DocumentError: NOT_FOUND, PASSWORD, FETCH or UNREADABLE.
    """
    try:
        yield
    except FileNotFoundError:
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file") from None
    except KeyError:
        raise DocumentError(ErrorKind.NOT_FOUND, f"no such member in {place}") from None
    except RuntimeError as error:
        if isinstance(error, NotImplementedError) or "encrypted" not in str(error):
            raise DocumentError(ErrorKind.UNREADABLE, f"damaged archive: {error}") from None
        raise DocumentError(ErrorKind.PASSWORD, "the member of the archive is encrypted") from None
    except _BROKEN as error:
        raise DocumentError(ErrorKind.UNREADABLE, f"damaged archive: {error}") from None


class ZipArchive:
    """A ZIP file, by its directory."""

    def __init__(self, place: str, config: StoreConfig) -> None:
        with ExitStack() as opened:
            self._file = opened.enter_context(remote_file.reader(place, config))
            self._zip = zipfile.ZipFile(self._file)
            opened.pop_all()  # it is sound, and stays open
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
        """Let go of the file."""
        self._zip.close()
        self._file.close()


class TarArchive:
    """A TAR file, plain or compressed, as a stream."""

    def __init__(self, place: str, config: StoreConfig) -> None:
        self._place, self._config = place, config
        self._tar: tarfile.TarFile | None = None
        self._begin()

    def members(self) -> Iterator[tuple[str, int]]:
        """Name and size in bytes of every file in it, in its order."""
        self._begin()
        for entry in self._rest():
            yield _printable(entry.name), entry.size

    def open(self, member: str) -> IO[bytes]:
        """Read a member. Raises KeyError where there is none of this name."""
        if self._tar is None or member in self._passed:
            self._begin()
        for entry in self._rest():
            if _printable(entry.name) == member and self._tar is not None:
                return self._tar.extractfile(entry)  # type: ignore[return-value]
        raise KeyError(member)

    def close(self) -> None:
        """Let go of the file."""
        if self._tar is not None:
            self._tar.close()
            self._file.close()
        self._tar = None

    def _begin(self) -> None:
        """Go back to the start."""
        self.close()
        self._passed: set[str] = set()
        with ExitStack() as opened:
            self._file = opened.enter_context(remote_file.reader(self._place, self._config))
            self._tar = _open_tar(self._place, self._file)
            opened.pop_all()

    def _rest(self) -> Iterator[tarfile.TarInfo]:
        """The files from here on, each name once."""
        while self._tar is not None:
            entry = self._tar.next()
            if entry is None:
                self.close()  # past its end it would be read backwards
                return
            self._tar.members.clear()  # type: ignore[attr-defined]  # it keeps all it has seen
            name = _printable(entry.name)
            if entry.isreg() and name not in self._passed:
                self._passed.add(name)
                yield entry


class _Entry(tarfile.TarInfo):
    """A header. Python takes an archive that is cut off, or broken inside, for one that ends."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> Self:  # type: ignore[override]
        if len(buf) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends before its end")
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from None


def _open_tar(place: str, file: Any) -> tarfile.TarFile:
    lower = place.lower().split("?")[0]
    if lower.endswith((".zst", ".tzst")):
        import pyarrow as pa

        file = pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
        return tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry)
    if lower.endswith((".gz", ".tgz")):
        return tarfile.open(fileobj=file, mode="r|gz", tarinfo=_Entry)
    if uri.is_local(place):  # but for its headers it is not read
        return tarfile.open(fileobj=file, mode="r:", tarinfo=_Entry)
    return tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry)


def _printable(name: str) -> str:
    """The name as a column can hold it: bytes that are no Unicode are written as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_zip(place: str) -> bool:
    return place.lower().split("?")[0].endswith(".zip")
