"""Brings documents to where a reader can open them: temporary files, kept while there is room.

A worker owns one `Documents`. Its folder is locked for as long as the worker lives, so that the
next one can tell what a killed worker left behind, and clear it away.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final
from weakref import finalize

from pipeline.config import InputConfig, StoreConfig
from pipeline.errors import DocumentError, ErrorKind, RayscribeError, RecordedError
from pipeline.storage import archives, remote_file, uri

_PREFIX: Final = "rayscribe-fetched-"
_MIB: Final = 1 << 20
_GRUDGE_S: Final = 60.0
"""Seconds for which a document that could not be fetched is not asked for again: the pages of
one document must not wait for one dead store each."""
_GRUDGES: Final = 256
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")

Extract = Callable[[str, str, str, str], str]
"""Writes an attachment out. Takes the local path of its PDF, the PDF's place, the attachment's
name and the path to write to; returns the SHA-256 (hex) of its bytes; raises DocumentError."""


class Documents:
    """Local paths of documents, wherever they are.

    Args:
        store: How stores are reached.
        input: The largest document that is fetched.
        cache_mib: Room for documents that may be asked for again, MiB. The last one always stays.
        extract: Writes attachments of PDFs out; None where there are none.
    """

    def __init__(
        self,
        store: StoreConfig,
        input: InputConfig,  # noqa: A002 - the name of the config's section
        cache_mib: int,
        extract: Extract | None = None,
    ) -> None:
        self._store, self._input, self._extract = store, input, extract
        self._room_bytes = cache_mib * _MIB
        self._kept: OrderedDict[str, Path] = OrderedDict()
        self._grudges: OrderedDict[str, tuple[float, RecordedError]] = OrderedDict()
        self._archive: tuple[str, archives.Archive] | None = None
        self._folder: Path | None = None
        self._remove: Callable[[], object] | None = None
        self._count = 0

    def path(self, place: str, doc_id: str = "", outer: str = "") -> str:
        """A local file with the bytes of a document, good until the next call.

        Args:
            place: The document's URI.
            doc_id: SHA-256 (hex) that its bytes must have, "" for any.
            outer: The PDF that it is embedded in, "" for none.

        Raises:
            DocumentError: NOT_FOUND, FETCH or LIMIT; UNREADABLE or PASSWORD inside an archive;
                for an attachment whatever its PDF gives reason to.
        """
        if not outer and member_of(place) is None and uri.is_local(place):
            return uri.local_path(place)
        if place not in self._kept:
            self._refuse_again(place)
            try:
                self._kept[place] = self._fetched(place, doc_id, outer)
            except RecordedError as error:
                self._remember(place, error)
                raise
        self._kept.move_to_end(place)
        self._make_room()
        return str(self._kept[place])

    def close(self) -> None:
        """Delete what was fetched."""
        self._close_archive()
        if self._remove is not None:
            self._remove()
        self._folder, self._remove = None, None
        self._kept.clear()

    def _fetched(self, place: str, doc_id: str, outer: str) -> Path:
        try:
            found = self._extracted(place, outer) if outer else self._copied(place)
        except RecordedError:
            raise
        except (RayscribeError, OSError) as error:  # a store not set up here, a full disk
            raise DocumentError(ErrorKind.FETCH, str(error)) from None
        path, digest = found
        if doc_id not in ("", digest):
            path.unlink()
            raise DocumentError(ErrorKind.FETCH, "it changed since it was planned")
        return path

    def _extracted(self, place: str, outer: str) -> tuple[Path, str]:
        if self._extract is None:
            raise DocumentError(ErrorKind.NOT_FOUND, "attachments are not read here")
        source, target = self.path(outer), self._new_file(place)
        try:
            name = uri.member_name(place, outer)
            return target, self._extract(source, outer, name, str(target))
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _copied(self, place: str) -> tuple[Path, str]:
        member = member_of(place)
        if member is None:
            with remote_file.RemoteFile(place, self._store) as file:
                self._check_size(file.size())
                return self._copy(file, place)
        with archives.reading(member[0]):
            try:
                with self._opened(member[0]).open(member[1]) as unpacked:
                    return self._copy(unpacked, place)
            except Exception:
                self._close_archive()  # it may stand anywhere
                raise

    def _opened(self, archive: str) -> archives.Archive:
        """An archive; the last one stays open, for its next member."""
        if self._archive is None or self._archive[0] != archive:
            self._close_archive()
            self._archive = archive, archives.open_archive(archive, self._store)
        return self._archive[1]

    def _close_archive(self) -> None:
        if self._archive is not None:
            self._archive[1].close()
        self._archive = None

    def _copy(self, source: IO[bytes] | remote_file.RemoteFile, place: str) -> tuple[Path, str]:
        """Copy to a file of our own, counting; its SHA-256 comes for nothing."""
        target, digest, size_bytes = self._new_file(place), hashlib.sha256(), 0
        try:
            with target.open("wb") as file:
                while piece := source.read(remote_file.PIECE):
                    size_bytes += len(piece)
                    self._check_size(size_bytes)
                    digest.update(piece)
                    file.write(piece)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target, digest.hexdigest()

    def _check_size(self, size_bytes: int | None) -> None:
        if (size_bytes or 0) > self._input.max_file_mib * _MIB:
            message = f"over input.max_file_mib ({self._input.max_file_mib})"
            raise DocumentError(ErrorKind.LIMIT, message)

    def _new_file(self, place: str) -> Path:
        """A free name with the document's ending, which may help to tell what it is."""
        if self._folder is None:
            clear_abandoned()
            self._folder, lock = _locked_folder()
            self._remove = finalize(self, _delete, self._folder, lock)
        self._count += 1
        suffix = _SUFFIX.search(place)
        return self._folder / f"{self._count}{suffix[0] if suffix else ''}"

    def _make_room(self) -> None:
        """Delete the documents that were not asked for the longest time."""
        sizes = {place: path.stat().st_size for place, path in self._kept.items()}
        total = sum(sizes.values())
        while len(self._kept) > 1 and total > self._room_bytes:
            place, path = self._kept.popitem(last=False)
            total -= sizes[place]
            path.unlink()

    def _refuse_again(self, place: str) -> None:
        since, error = self._grudges.get(place, (0.0, None))
        if error is not None and time.monotonic() - since < _GRUDGE_S:
            raise DocumentError(error.kind, str(error))

    def _remember(self, place: str, error: RecordedError) -> None:
        self._grudges[place] = time.monotonic(), error
        if len(self._grudges) > _GRUDGES:
            self._grudges.popitem(last=False)


def member_of(place: str) -> tuple[str, str] | None:
    """Archive and member, None where the place is none or is a local file that is called so."""
    if uri.is_local(place):
        path = uri.local_path(place)
        return None if os.path.lexists(path) else uri.split_member(path)
    return uri.split_member(place)


def outer_of(place: str) -> str:
    """The PDF that a place is an attachment of by its name, "" for none."""
    if uri.is_local(place) and os.path.lexists(uri.local_path(place)):
        return ""
    return (uri.split_attachment(place) or ("",))[0]


def clear_abandoned() -> None:
    """Delete the folders of workers that were killed: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), (folder / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _locked_folder() -> tuple[Path, IO[str]]:
    """A folder, and the lock on it that holds until this process ends, however it ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = (folder / ".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else another worker was quick to find it without a lock
            return folder, lock


def _delete(folder: Path, lock: IO[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()
