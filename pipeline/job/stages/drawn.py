"""The pages of a small job that were drawn while they were looked at, for an engine of the driver.

A page that was drawn takes some MiB and an engine may take seconds for it. So no more are kept than
a size allows: while there is no room, pages that an engine has to read are looked at without being
drawn, and are looked at again when the engine has time for them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from typing import Protocol

from pipeline.job.stages.records import DrawnPage


class DrawnSink(Protocol):
    """Takes the pages that an engine has to read."""

    def has_room(self) -> bool:
        """Whether the page that is looked at next may be drawn."""
        ...

    def put(self, page: DrawnPage) -> None:
        """Take a page that was drawn. It has no row yet."""
        ...


class DrawnPages:
    """A queue of drawn pages, up to a size. Thread-safe.

    Those that were being looked at when the last room was taken are taken too: three for each
    reader (`SandboxClient.look_many`).

    Args:
        max_bytes: Size of the images for which there is room.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._pages: deque[DrawnPage] = deque()
        self._until: float | None = None
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._pages)

    def has_room(self) -> bool:
        """Whether another page may be drawn."""
        with self._changed:
            return self._until is None and self._bytes < self._max_bytes

    def is_half_full(self) -> bool:
        """Whether half of the room is taken, or more."""
        with self._changed:
            return 2 * self._bytes >= self._max_bytes

    def put(self, page: DrawnPage) -> bool:
        """Keep a copy of a page, whose pixels may be lent; false where no more are taken."""
        image = page.view.image
        if image is None:
            raise ValueError("a page that was not drawn")
        image = replace(image, pixels=image.pixels.copy())
        kept = DrawnPage(page.page, replace(page.view, image=image))
        with self._changed:
            if self._until is not None:
                return False
            self._pages.append(kept)
            self._bytes += image.pixels.nbytes
            self._changed.notify()
            return True

    def take(self, max_pages: int) -> list[DrawnPage]:
        """Wait for pages and remove some; none where no more come, or their time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._pages or self._until is not None)
            if self._until is not None and time.monotonic() >= self._until:
                return []
            taken = [self._pages.popleft() for _ in range(min(max_pages, len(self._pages)))]
            self._bytes -= sum(page.view.image.pixels.nbytes for page in taken if page.view.image)
            return taken

    def end(self, until: float) -> None:
        """Let no more pages in, and let none out after a time, seconds of the monotonic clock."""
        with self._changed:
            self._until = until
            if time.monotonic() >= until:
                self._pages.clear()
            self._changed.notify_all()
