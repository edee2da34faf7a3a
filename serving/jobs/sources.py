"""Documents of jobs that are named by a URI: on the web, or on an object store."""

from __future__ import annotations

import asyncio
from typing import Final

from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, ErrorKind, JobError
from pipeline.storage import objects, uris
from pipeline.storage.paths import AnyPath, StorePath
from serving.config import JobConfig, LimitConfig
from serving.errors import ApiError
from serving.http.url_fetch import Fetcher
from serving.jobs import records
from serving.jobs.folders import write_bytes

_MIB: Final = 1 << 20
_NOT_IN_KEYS: Final = {"", ".", ".."}
"""Parts of a key that a client between here and the store may resolve, out of the prefix."""


class Sources:
    """Fetches documents, only from where the operator allows it.

    Args:
        config: `sources` lists prefixes on stores.
        store: How stores are reached.
        limits: `upload_mib` limits the size.
        fetcher: Fetches from the hosts in `fetch.hosts`.
    """

    def __init__(
        self, config: JobConfig, store: StoreConfig, limits: LimitConfig, fetcher: Fetcher
    ) -> None:
        self._prefixes = config.sources
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
        if not uri.startswith(self._prefixes) or _NOT_IN_KEYS & set(parts):
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
        if await asyncio.to_thread(document.exists):
            return
        try:
            uri = (await asyncio.to_thread((folder / records.SOURCE).read_bytes)).decode()
        except FileNotFoundError:
            raise DocumentError(ErrorKind.NOT_FOUND, "the job's document is gone") from None
        self.check(uri, "document")
        if uris.is_store(uri):
            content = await asyncio.to_thread(self._read, uri)
        else:
            content = await self._fetcher.fetch(uri, "document")
        await asyncio.to_thread(write_bytes, document, content)

    def _read(self, uri: str) -> bytes:
        try:
            size_bytes = objects.size_bytes(uri, self._store)
            if (size_bytes or 0) > self._max_mib * _MIB:
                message = f"the document has more than limits.upload_mib ({self._max_mib:g} MiB)"
                raise DocumentError(ErrorKind.LIMIT, message)
            return StorePath(uri, self._store).read_bytes()
        except FileNotFoundError:
            raise DocumentError(ErrorKind.NOT_FOUND, "there is no such object") from None
        except (OSError, JobError) as error:
            raise DocumentError(ErrorKind.FETCH, f"the object cannot be read: {error}") from None
