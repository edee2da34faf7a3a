"""Pictures of pages for people: drawn from the originals, in the sandbox, when they are wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pipeline.config import InputConfig, ReadConfig, RenderConfig, StoreConfig
from pipeline.documents.originals import CHANGED
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import DocumentError, ErrorKind
from pipeline.imaging.webp import webp
from pipeline.storage.document_cache import DocumentCache, containing_pdf
from pipeline.types import Pixels

SUFFIX: Final = ".webp"
_RENDER: Final = RenderConfig(dpi=144, max_pixels=8_000_000)
_READ: Final = ReadConfig(wall_s=20.0, cpu_s=20, memory_mib=2048)
_SIDE_PX: Final = 1600
"""Longer side of a page's picture."""
_THUMB_PX: Final = 200
"""Longer side of a thumbnail."""
_CACHE_MIB: Final = 64
"""Pictures that are kept in memory."""
_DOCUMENTS_MIB: Final = 256
"""Disk space of each thread for documents that were fetched."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A page as two WebP files.

    Attributes:
        page: At most 1600 pixels long.
        thumbnail: At most 200 pixels long.
    """

    page: bytes
    thumbnail: bytes


class PagePictures:
    """Draws pages of the originals of an output.

    Each thread has a sandbox of its own; pages beyond the limits of time, memory and size fail.

    Args:
        store: How stores are reached.
        passwords: Tried on encrypted documents.
        workers: Threads.
    """

    def __init__(
        self, store: StoreConfig, passwords: Passwords | None = None, workers: int = 2
    ) -> None:
        self._store, self._passwords = store, passwords or Passwords()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
        self._own = threading.local()
        self._readers: list[_Reader] = []
        self._lock = threading.Lock()
        self._cached: OrderedDict[tuple[str, str, int], Pictures] = OrderedDict()
        self._cached_bytes = 0

    def get(self, uri: str, doc_id: str, page: int) -> Pictures:
        """The pictures of a page.

        Args:
            uri: The document.
            doc_id: SHA-256 (hex) of its bytes: another document of that place is not shown.
            page: 1-based number.

        Raises:
            DocumentError: The document is not there or another one, or cannot be fetched.
            PageError: The page cannot be drawn within the limits.
        """
        key = uri, doc_id, page
        with self._lock:
            if key in self._cached:
                self._cached.move_to_end(key)
                return self._cached[key]
        found = self._threads.submit(self._draw, uri, doc_id, page).result()
        self._keep(key, found)
        return found

    def close(self) -> None:
        """End the sandboxes and delete what was fetched."""
        self._threads.shutdown(cancel_futures=True)
        for reader in self._readers:
            reader.close()

    def _draw(self, uri: str, doc_id: str, page: int) -> Pictures:
        if not hasattr(self._own, "reader"):
            self._own.reader = _Reader(self._store, self._passwords)
            with self._lock:
                self._readers.append(self._own.reader)
        pixels = self._own.reader.pixels(uri, doc_id, page)
        return Pictures(webp(pixels, _SIDE_PX), webp(pixels, _THUMB_PX))

    def _keep(self, key: tuple[str, str, int], found: Pictures) -> None:
        with self._lock:
            if key in self._cached:
                return
            self._cached[key] = found
            self._cached_bytes += _size(found)
            while self._cached_bytes > _CACHE_MIB << 20 and len(self._cached) > 1:
                _, oldest = self._cached.popitem(last=False)
                self._cached_bytes -= _size(oldest)


class _Reader:
    """What one thread opens documents with."""

    def __init__(self, store: StoreConfig, passwords: Passwords) -> None:
        limits = InputConfig()
        self._passwords = passwords
        self._sandbox = SandboxClient(_READ, _RENDER, limits)
        self._documents = DocumentCache(store, limits, _DOCUMENTS_MIB, self._extract)
        self._checked = ("", "")

    def pixels(self, uri: str, doc_id: str, page: int) -> Pixels:
        outer = containing_pdf(uri)
        passwords = self._passwords.of(uri, outer)
        path = self._documents.path(uri, doc_id, outer)
        if self._checked != (uri, doc_id):  # neighbouring pages are of one document
            if self._sandbox.inspect(path, passwords).doc_id != doc_id:
                raise DocumentError(ErrorKind.FETCH, f"{uri}: {CHANGED}")
            self._checked = uri, doc_id
        return self._sandbox.render(path, page, passwords).pixels

    def close(self) -> None:
        self._sandbox.close()
        self._documents.close()

    def _extract(self, path: str, uri: str, name: str, target: str) -> str:
        return self._sandbox.extract(path, name, target, self._passwords.of(uri))[0]


def _size(pictures: Pictures) -> int:
    return len(pictures.page) + len(pictures.thumbnail)
