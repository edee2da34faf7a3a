"""The sandbox's client: reads documents in a worker process that can be killed.

C libraries that parse hostile bytes can loop for ever, crash, or exhaust memory. A process cannot
protect itself from that, so they run in another one: such a page fails within its time limit, and
the next page gets a new worker.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Self

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.look import LookOptions, PageView
from pipeline.documents.sandbox.info import DocumentInfo
from pipeline.documents.sandbox.protocol import Message, bounded, shorten
from pipeline.documents.sandbox.requests import is_short, look_requests, new_request
from pipeline.documents.sandbox.shared_memory import SharedBuffer
from pipeline.documents.sandbox.supervisor import SentRequest, Supervisor
from pipeline.errors import DocumentError, ErrorKind, PageError, RecordedError
from pipeline.types import PageImage, Pixels

_MAX_LENT_BYTES: Final = 64 << 20
"""Larger images are copied out of shared memory, so that it can be returned to the system."""
_AHEAD: Final = 2
"""Pages that the worker may be ahead of the one that is handled."""
_SentLook = tuple[SentRequest, bool]
"""A request, and whether its page may be left unread."""


class SandboxClient:
    """Opens documents and renders pages in a worker process, which the first call starts.

    Calls block; concurrent calls are serialised. The worker keeps the last document open, so
    request the pages of a document one after the other. Use a client in a thread that lives as
    long as the client: Linux kills the worker when the thread that started it ends.

    Args:
        read: Limits of time, memory and pages.
        render: Resolution of rendered pages, and the limits of pixels.
        input: Limits the size of a file.
    """

    _worker_module = "pipeline.documents.sandbox.worker"

    def __init__(
        self,
        read: ReadConfig | None = None,
        render: RenderConfig | None = None,
        input: InputConfig | None = None,  # noqa: A002 - the name of the config's section
    ) -> None:
        read = read or ReadConfig()
        limits = {
            "read": read.model_dump(),
            "render": (render or RenderConfig()).model_dump(),
            "input": (input or InputConfig()).model_dump(),
        }
        self._supervisor = Supervisor(read, limits, self._worker_module)
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return self._supervisor.pid

    def inspect(self, path: str, password: str | Sequence[str] = "") -> DocumentInfo:
        """Open a document and list its pages.

        Args:
            path: The file. Its type is detected from its bytes.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.

        Raises:
            DocumentError: NOT_FOUND, UNREADABLE, EMPTY, NO_PAGES, PASSWORD or LIMIT; TIMEOUT or
                CRASH of the worker.
            JobError: The worker process does not start.
            RuntimeError: The client is closed.
        """
        with self._lock, self._raising(DocumentError):
            buffer, reply = self._request("inspect", path, password)
            sizes = buffer.array((int(reply["pages"]), 2), float).tolist()
            return DocumentInfo(
                doc_id=str(reply["doc_id"]),
                media_type=str(reply["media_type"]),
                size_bytes=int(reply["size_bytes"]),
                pages=tuple((width, height) for width, height in sizes),
                warnings=bounded(reply["warnings"]),
            )

    def look(
        self, path: str, page: int, options: LookOptions, password: str | Sequence[str] = ""
    ) -> PageView:
        """Look at a page, and render it only where an engine has to read it.

        Args:
            path: The file.
            page: 1-based number.
            options: What is wanted of the page.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.

        Returns:
            The page's image, or the result of a page that needs no engine. The pixels may be in
            shared memory, as those of `render`.

        Raises:
            PageError: As `render`, and as `pipeline.documents.look.look`.
            JobError: The worker process does not start.
            RuntimeError: The client is closed.
        """
        view = next(self.look_many(path, [page], options, password))
        if isinstance(view, PageError):
            raise view
        return view

    def look_many(
        self,
        path: str,
        pages: Iterable[int],
        options: LookOptions,
        password: str | Sequence[str] = "",
        may_render: Callable[[], bool] | None = None,
    ) -> Iterator[PageView | PageError]:
        """Look at pages of a document; the worker is at the next ones while one is handled.

        Limits of time, CPU and memory hold for each page: its time begins when the worker begins
        it. A page that ends the worker fails alone, and the pages after it get a new worker.
        Other calls may be made between two pages; they wait for the pages that were sent.

        Args:
            path: The file.
            pages: 1-based numbers, taken from the iterable up to `_AHEAD` pages early.
            options: What is wanted of the pages.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.
            may_render: Asked when a page is sent, and replaces `options.may_render` for it.

        Yields:
            For each page, in the order of `pages`, what `look` returns or the error it raises.

        Raises:
            JobError: The worker process does not start.
            RuntimeError: The client is closed.
        """
        messages = look_requests(path, pages, options, password, may_render)
        sent, may_wait = deque[_SentLook](), is_short(password)
        try:
            while self._look_ahead(messages, sent, may_wait=may_wait):
                yield self._next_view(*sent.popleft())
        finally:
            with self._lock:
                for request, _ in sent:
                    self._supervisor.abandon(request)

    def _look_ahead(
        self, messages: Iterator[Message], sent: deque[_SentLook], *, may_wait: bool
    ) -> bool:
        """Send the requests of the next pages. Returns whether any waits for its outcome."""
        while len(sent) <= _AHEAD:
            with self._lock:
                # One buffer is kept for other calls, and a long message could fill the channel.
                may_queue = self._supervisor.free_buffers > 1 and may_wait
            if sent and not may_queue:
                break
            message = next(messages, None)
            if message is None:
                break
            may_be_unread = not message["options"]["may_render"]
            with self._lock:
                sent.append((self._supervisor.send(message), may_be_unread))
        return bool(sent)

    def _next_view(self, request: SentRequest, may_be_unread: bool) -> PageView | PageError:
        try:
            with self._lock, self._raising(PageError):
                reply = self._supervisor.take(request)
                view = self._view(request.buffer, reply, may_be_unread=may_be_unread)
                return replace(view, look_ms=request.ms)
        except PageError as error:
            return error

    def _view(self, buffer: SharedBuffer, reply: Message, *, may_be_unread: bool) -> PageView:
        height_px, width_px = int(reply["height_px"]), int(reply["width_px"])
        size, pixels_size = int(reply["size_bytes"]), height_px * width_px * 3
        content = buffer.array((pixels_size + size,))[pixels_size:].tobytes()
        pixels = self._pixels(buffer, height_px, width_px) if pixels_size else None
        warnings = bounded(reply["warnings"])
        return PageView.from_bytes(content, warnings, pixels, may_be_unread=may_be_unread)

    def render(self, path: str, page: int, password: str | Sequence[str] = "") -> PageImage:
        """Render a page of a PDF, or decode a page of an image file.

        Args:
            path: The file.
            page: 1-based number.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.

        Returns:
            The page. Its pixels may be in memory shared with the worker, which is not reused while
            the array, or a view of it, is referenced.

        Raises:
            PageError: RENDER, LIMIT, TIMEOUT or CRASH, or any kind that `inspect` raises where
                the document can no longer be opened.
            JobError: The worker process does not start.
            RuntimeError: The client is closed.
        """
        with self._lock, self._raising(PageError):
            buffer, reply = self._request("render", path, password, page=page)
            pixels = self._pixels(buffer, int(reply["height_px"]), int(reply["width_px"]))
            warnings, reason = bounded(reply["warnings"]), str(reply["blank_suspect_reason"])
            return PageImage(pixels, float(reply["dpi"]), warnings, blank_suspect_reason=reason)

    def attachments(self, path: str, password: str | Sequence[str] = "") -> tuple[str, ...]:
        """The unique names of the files embedded in a PDF; empty for an image file.

        Args:
            path: The file.
            password: For encrypted PDFs, or several that are tried in turn.

        Raises:
            DocumentError: As `inspect`; UNREADABLE where they cannot be listed.
        """
        with self._lock, self._raising(DocumentError):
            buffer, reply = self._request("attachments", path, password)
            names = json.loads(buffer.array((int(reply["size_bytes"]),)).tobytes())
            return tuple(str(name) for name in names)

    def extract(
        self, path: str, name: str, target: str, password: str | Sequence[str] = ""
    ) -> tuple[str, tuple[str, ...]]:
        """Write a file embedded in a PDF to `target`, which is created or overwritten.

        Args:
            path: The PDF.
            name: One of `attachments`.
            target: The path to write to. After an error it may hold part of the bytes.
            password: For encrypted PDFs, or several that are tried in turn.

        Returns:
            SHA-256 (hex) of its bytes, and warnings.

        Raises:
            DocumentError: As `inspect`; NOT_FOUND for an unknown name, UNREADABLE for damaged
                bytes, LIMIT for too many, FETCH where the target cannot be written.
        """
        with self._lock, self._raising(DocumentError):
            _, reply = self._request("extract", path, password, name=name, target=target)
            return str(reply["doc_id"]), bounded(reply["warnings"])

    def _request(
        self, do: str, path: str, password: str | Sequence[str], **arguments: Any
    ) -> tuple[SharedBuffer, Message]:
        request = self._supervisor.send(new_request(do, path, password, **arguments))
        return request.buffer, self._supervisor.take(request)

    def _pixels(self, buffer: SharedBuffer, height_px: int, width_px: int) -> Pixels:
        """The image without a copy, unless it is very large or in the last free buffer."""
        shape = (height_px, width_px, 3)
        if self._supervisor.free_buffers == 1 or height_px * width_px * 3 > _MAX_LENT_BYTES:
            return buffer.copy(shape)
        return buffer.lend(shape)

    @contextmanager
    def _raising(self, error_type: type[RecordedError]) -> Iterator[None]:
        """Translate a failed request into the error type of the calling method."""
        try:
            yield
        except RecordedError as error:
            raise error_type(error.kind, str(error)) from None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self._supervisor.stop_worker()  # the document may have taken control of it
            message = f"invalid response of the sandbox process: {error!r}"
            raise error_type(ErrorKind.CRASH, shorten(message)) from None

    def kill(self) -> None:
        """Kill the worker from another thread: the call raises CRASH, the next starts another."""
        self._supervisor.kill()

    def close(self) -> None:
        """End the worker and free the shared memory. Pixels returned earlier stay valid."""
        self._supervisor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_supervisor"):  # absent where the constructor failed
            self.close()
