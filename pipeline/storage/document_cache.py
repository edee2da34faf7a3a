"""Fetches documents to local temporary files, and keeps them as a least-recently-used cache.

Each worker process owns one `DocumentCache`. Its folder is locked as long as the process lives, so
that another worker can recognise and delete the folder of a worker that was killed.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final
from weakref import finalize

from pipeline.config import InputConfig, StoreConfig
from pipeline.errors import DocumentError, ErrorKind, RayscribeError, RecordedError
from pipeline.storage import archives, locked_folder, remote_file, uris

_PREFIX: Final = "rayscribe-fetched-"
_MIB: Final = 1 << 20
_NEGATIVE_TTL_S: Final = 60.0
"""Seconds for which the error of a document that could not be fetched is raised again without a
request: else each page of the document would wait for the retries."""
_MAX_NEGATIVE: Final = 256
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}$")

ExtractAttachment = Callable[[str, str, str, str], str]
"""Extracts an attachment. Takes the local path of its PDF, the PDF's URI, the attachment's name and
the path to write to; returns the SHA-256 (hex) of its bytes; raises DocumentError."""


class DocumentCache:
    """Local copies of documents, by URI.

    Args:
        store: Connection settings of the stores.
        input: Limits the size of a document.
        cache_mib: Size of the cache in MiB. The document requested last is always kept.
        extract: Extracts attachments of PDFs; None where attachments are not read.
    """

    def __init__(
        self,
        store: StoreConfig,
        input: InputConfig,  # noqa: A002 - the name of the config's section
        cache_mib: int,
        extract: ExtractAttachment | None = None,
    ) -> None:
        self._store, self._input, self._extract = store, input, extract
        self._max_bytes = cache_mib * _MIB
        self._cached: OrderedDict[str, tuple[Path, int]] = OrderedDict()  # with their sizes
        self._bytes = 0
        self._negative_cache: OrderedDict[str, tuple[float, RecordedError]] = OrderedDict()
        self._archive: tuple[str, archives.Archive] | None = None
        self._folder: Path | None = None
        self._remove: Callable[[], object] | None = None
        self._count = 0

    def path(self, uri: str, doc_id: str = "", outer: str = "") -> str:
        """The path of a local file with the document's bytes, valid until the next call.

        Args:
            uri: The document's URI.
            doc_id: SHA-256 (hex) that its bytes must have, "" for any.
            outer: URI of the PDF that it is embedded in, "" for none.

        Raises:
            DocumentError: NOT_FOUND, FETCH or LIMIT; UNREADABLE or PASSWORD inside an archive;
                for an attachment also what opening its PDF raises.
        """
        if not outer and member_of(uri) is None and uris.is_local(uri):
            return uris.local_path(uri)
        if uri not in self._cached:
            self._raise_cached_error(uri)
            try:
                self._keep(uri, self._fetched(uri, doc_id, outer))
            except RecordedError as error:
                self._cache_error(uri, error)
                raise
        self._cached.move_to_end(uri)
        self._evict()
        return str(self._cached[uri][0])

    def close(self) -> None:
        """Delete the fetched files."""
        self._close_archive()
        if self._remove is not None:
            self._remove()
        self._folder, self._remove = None, None
        self._cached.clear()
        self._bytes = 0

    def _fetched(self, uri: str, doc_id: str, outer: str) -> Path:
        try:
            found = self._extracted(uri, outer) if outer else self._copied(uri)
        except RecordedError:
            raise
        except (RayscribeError, OSError) as error:  # a store without credentials, a full disk
            raise DocumentError(ErrorKind.FETCH, str(error)) from None
        path, digest = found
        if doc_id not in ("", digest):
            path.unlink()
            raise DocumentError(ErrorKind.FETCH, "it changed since it was planned")
        return path

    def _extracted(self, uri: str, outer: str) -> tuple[Path, str]:
        if self._extract is None:
            raise DocumentError(ErrorKind.NOT_FOUND, "attachments are not read here")
        source, target = self.path(outer), self._new_file(uri)
        try:
            name = uris.member_name(uri, outer)
            return target, self._extract(source, outer, name, str(target))
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _copied(self, uri: str) -> tuple[Path, str]:
        member = member_of(uri)
        if member is None:
            with remote_file.RemoteFile(uri, self._store) as file:
                self._check_size(file.size())
                return self._copy(file, uri)
        with archives.archive_errors(member[0]):
            try:
                with self._opened(member[0]).open(member[1]) as unpacked:
                    return self._copy(unpacked, uri)
            except Exception:
                self._close_archive()  # its position is unknown
                raise

    def _opened(self, archive: str) -> archives.Archive:
        """An archive; the one used last stays open for its next member."""
        if self._archive is None or self._archive[0] != archive:
            self._close_archive()
            self._archive = archive, archives.open_archive(archive, self._store)
        return self._archive[1]

    def _close_archive(self) -> None:
        if self._archive is not None:
            self._archive[1].close()
        self._archive = None

    def _copy(self, source: IO[bytes] | remote_file.RemoteFile, uri: str) -> tuple[Path, str]:
        """Copy to a file in the cache folder, checking the size; returns its path and SHA-256."""
        target, digest, size_bytes = self._new_file(uri), hashlib.sha256(), 0
        try:
            with target.open("wb") as file:
                while chunk := source.read(remote_file.CHUNK_BYTES):
                    size_bytes += len(chunk)
                    self._check_size(size_bytes)
                    digest.update(chunk)
                    file.write(chunk)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target, digest.hexdigest()

    def _check_size(self, size_bytes: int | None) -> None:
        if (size_bytes or 0) > self._input.max_file_mib * _MIB:
            message = f"over input.max_file_mib ({self._input.max_file_mib})"
            raise DocumentError(ErrorKind.LIMIT, message)

    def _new_file(self, uri: str) -> Path:
        """A new path with the document's extension, which decides where bytes are ambiguous."""
        if self._folder is None:
            clear_abandoned()
            self._folder, lock = locked_folder.create(_PREFIX)
            self._remove = finalize(self, locked_folder.delete, self._folder, lock)
        self._count += 1
        suffix = _SUFFIX.search(uri)
        return self._folder / f"{self._count}{suffix[0] if suffix else ''}"

    def _keep(self, uri: str, path: Path) -> None:
        size_bytes = path.stat().st_size
        self._cached[uri] = path, size_bytes
        self._bytes += size_bytes

    def _evict(self) -> None:
        """Delete the least recently used documents until the cache has its size."""
        while len(self._cached) > 1 and self._bytes > self._max_bytes:
            _, (path, size_bytes) = self._cached.popitem(last=False)
            self._bytes -= size_bytes
            path.unlink()

    def _raise_cached_error(self, uri: str) -> None:
        since, error = self._negative_cache.get(uri, (0.0, None))
        if error is not None and time.monotonic() - since < _NEGATIVE_TTL_S:
            raise DocumentError(error.kind, str(error))

    def _cache_error(self, uri: str, error: RecordedError) -> None:
        self._negative_cache[uri] = time.monotonic(), error
        if len(self._negative_cache) > _MAX_NEGATIVE:
            self._negative_cache.popitem(last=False)


def member_of(uri: str) -> tuple[str, str] | None:
    """Archive and member of a URI; None for other URIs and for local files with such a name."""
    if uris.is_local(uri):
        path = uris.local_path(uri)
        return None if os.path.lexists(path) else uris.split_member(path)
    return uris.split_member(uri)


def containing_pdf(uri: str) -> str:
    """The URI of the PDF that a URI is an attachment of by its form, "" for none."""
    if uris.is_local(uri) and os.path.lexists(uris.local_path(uri)):
        return ""
    return (uris.split_attachment(uri) or ("",))[0]


def clear_abandoned() -> None:
    """Delete the folders of workers that were killed."""
    locked_folder.clear_abandoned(_PREFIX)
