"""Documents of jobs that are named by a URI: on the web, or on an object store."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, ErrorKind, JobError
from pipeline.storage import objects, remote_file, uris
from pipeline.storage.paths import AnyPath, StorePath
from serving.config import JobConfig, LimitConfig
from serving.errors import ApiError, TransientApiError
from serving.http.url_fetch import Fetcher
from serving.jobs import records
from serving.jobs.folders import write_bytes
from serving.jobs.store_calls import to_thread

_MIB: Final = 1 << 20
_MAX_PAUSE_S: Final = 60.0
_NOT_IN_KEYS: Final = {"", ".", ".."}
"""Parts of a key that a client between here and the store may resolve, out of the prefix."""
_log = logging.getLogger(__name__)


class _BusyError(DocumentError):
    """A store gave no answer, or said that it is busy."""


class Sources:
    """Fetches documents, only from where the operator allows it.

    Args:
        config: `sources` lists prefixes on stores, `source_tries` bounds the attempts.
        store: How stores are reached.
        limits: `upload_mib` limits the size.
        fetcher: Fetches from the hosts in `fetch.hosts`.
        pause_s: Seconds before the second attempt.
    """

    def __init__(
        self,
        config: JobConfig,
        store: StoreConfig,
        limits: LimitConfig,
        fetcher: Fetcher,
        pause_s: float = 1.0,
    ) -> None:
        self._prefixes = config.sources
        self._tries = config.source_tries
        self._pause_s = pause_s
        self._store = store
        self._max_mib = limits.upload_mib
        self._fetcher = fetcher

    def check(self, uri: str, param: str) -> None:
        """Refuse a URI that would not be fetched.

        Raises:
            ApiError: 400: it is not allowed.
        """
        if not uris.is_store(uri):
            self._fetcher.check(uri, param)
            return
        parts = uris.bucket_and_key(uri)[1].split("/")
        if not uris.normal(uri).startswith(self._prefixes) or _NOT_IN_KEYS & set(parts):
            message = "this is not below a prefix in job.sources; upload the document itself"
            raise ApiError(400, "remote_url_refused", message, param=param)

    async def fetch(self, folder: AnyPath) -> None:
        """Fetch the document of a job, if it was named by a URI and is not there yet.

        Args:
            folder: Of the job.

        Raises:
            ApiError: As `Fetcher.fetch`.
            DocumentError: An object cannot be fetched, or is too large.
        """
        document = folder / records.DOCUMENT
        if await to_thread(document.exists):
            return
        try:
            uri = (await to_thread((folder / records.SOURCE).read_bytes)).decode()
        except FileNotFoundError:
            raise DocumentError(ErrorKind.NOT_FOUND, "the job's document is gone") from None
        self.check(uri, "document")
        content = await self._content(uris.normal(uri))
        await to_thread(write_bytes, document, content)

    async def _content(self, uri: str) -> bytes:
        """The document, tried again where another attempt may succeed."""
        for number in range(1, self._tries + 1):
            try:
                if uris.is_store(uri):
                    return await to_thread(self._read, uri)
                return await self._fetcher.fetch(uri, "document")
            except (_BusyError, TransientApiError) as error:
                if number == self._tries:
                    raise
                _log.warning("attempt %d to fetch a document failed: %s", number, error)
            await asyncio.sleep(min(_MAX_PAUSE_S, self._pause_s * 2 ** (number - 1)))
        raise AssertionError  # the last attempt returns or raises

    def _read(self, uri: str) -> bytes:
        try:
            size_bytes = objects.size_bytes(uri, self._store)
            if (size_bytes or 0) > self._max_mib * _MIB:
                message = f"the document has more than limits.upload_mib ({self._max_mib:g} MiB)"
                raise DocumentError(ErrorKind.LIMIT, message)
            return StorePath(uri, self._store).read_bytes()
        except FileNotFoundError:
            raise DocumentError(ErrorKind.NOT_FOUND, "there is no such object") from None
        except JobError as error:
            raise _fault(error, is_final=objects.is_refused(error)) from None
        except OSError as error:
            raise _fault(error, is_final=remote_file.is_permanent(str(error))) from None


def _fault(error: Exception, *, is_final: bool) -> DocumentError:
    """The error for the caller. That of the store has addresses that are nobody else's concern."""
    _log.warning("an object cannot be read: %s", str(error) or repr(error))
    if is_final:
        return DocumentError(ErrorKind.FETCH, "the store refuses access to this object")
    return _BusyError(ErrorKind.FETCH, "the store of this object is busy or gives no answer")
