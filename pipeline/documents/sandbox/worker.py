"""The worker process, which opens documents and renders pages. It may be killed at any time.

Started as ``python -m pipeline.documents.sandbox.worker CHANNEL PARENT ERRORS``: the file
descriptor of a socket to the parent, the parent's process id, and the descriptor from which its own
standard error can be read. The first message contains the limits, every later one is a request
(`pipeline.documents.sandbox.protocol`).
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.look import LookOptions, look
from pipeline.documents.sandbox import input_file
from pipeline.documents.sandbox.protocol import (
    Message,
    bounded,
    printed_lines,
    receive,
    send,
    shorten,
)
from pipeline.documents.sandbox.resource_limits import exit_with_parent, limit_cpu, limit_memory
from pipeline.documents.sandbox.shared_memory import SharedBuffer
from pipeline.errors import DocumentError, ErrorKind, RecordedError
from pipeline.imaging.transform import Allocator
from pipeline.text.text_layer import TextLayer
from pipeline.types import PageImage, Pixels

if TYPE_CHECKING:
    from pipeline.documents.pdf.document import PdfFile

_MIB: Final = 1 << 20
_GC_OBJECTS: Final = 20_000
"""New objects after which Python looks for cycles; at its default, 700, that is 3 % of a page."""


class DocumentFile(Protocol):
    """The interface of `PdfFile` and `ImageFile`."""

    media_type: str
    warnings: tuple[str, ...]
    is_reusable: bool
    language: str

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed."""

    def render(self, page: int, render: RenderConfig, allocate: Allocator) -> PageImage:
        """Render a page, counted from 1."""

    def layer(self, page: int, render: RenderConfig) -> TextLayer | None:
        """The text layer of a page, None for image files."""

    def close(self) -> None:
        """Close the file."""


def main(worker_type: type[Worker] | None = None) -> None:
    """Answer the parent's requests until it closes the channel."""
    channel_number, parent_pid, errors = (int(argument) for argument in sys.argv[1:4])
    exit_with_parent(parent_pid)
    channel = socket.socket(fileno=channel_number)
    try:
        worker = (worker_type or Worker)(receive(channel), errors)
        send(channel, {"ready": True})
        worker.serve(channel)
    except (EOFError, OSError):
        pass  # the parent has ended or closed the channel
    # Skip the interpreter's shutdown: there is nothing to save, and MuPDF's teardown takes time.
    os._exit(0)


class Worker:
    """Handles requests, one at a time. Keeps the last document open.

    Args:
        limits: The parent's first message.
        errors: File descriptor from which what this process prints to standard error is read.
    """

    def __init__(self, limits: Message, errors: int) -> None:
        # Imported before the limits apply and before the parent starts a clock.
        _leave_out_models()
        import pipeline.documents.images.decode
        import pipeline.documents.pdf.document  # noqa: F401

        self._read = ReadConfig.model_validate(limits["read"])
        self._render = RenderConfig.model_validate(limits["render"])
        self._input = InputConfig.model_validate(limits["input"])
        self._buffers = [SharedBuffer(descriptor) for descriptor in limits["buffers"]]
        self._errors = errors
        self._key: tuple[Any, ...] = ()
        self._document: DocumentFile | None = None
        _collect_garbage_less()
        limit_memory(self._read.memory_mib)

    def serve(self, channel: socket.socket) -> None:
        """Handle requests until the channel is closed (EOFError) or memory is exhausted."""
        while True:
            request = receive(channel)
            limit_cpu(self._read.cpu_s)
            try:
                reply = self._handle(request)
            except MemoryError:
                # The libraries' state is undefined now: exit, and the parent starts another worker.
                limit = f"needs more memory than read.memory_mib ({self._read.memory_mib})"
                send(channel, _failure(ErrorKind.CRASH, limit) | _finished())
                return
            if lines := printed_lines(self._errors):
                reply["warnings"] = bounded([*reply.get("warnings", ()), *lines])
            send(channel, reply | _finished())

    def _handle(self, request: Message) -> Message:
        buffer = self._buffers[request["buffer"]]
        try:
            return self._answer(request, buffer)
        except RecordedError as error:
            if error.kind is not ErrorKind.NO_TEXT_LAYER:  # the document itself has no fault
                self._close()
            return _failure(error.kind, str(error))
        except MemoryError:
            raise
        except Exception as error:
            self._close()
            return _failure(ErrorKind.INTERNAL, f"{type(error).__name__}: {error}")

    def _answer(self, request: Message, buffer: SharedBuffer) -> Message:
        if request["do"] == "inspect":
            return self._inspect(request["path"], request["password"], buffer)
        if request["do"] == "look":
            return self._look(request, buffer)
        if request["do"] == "attachments":
            return self._attachments(request["path"], request["password"], buffer)
        if request["do"] == "extract":
            return self._extract(request)
        return self._render_page(request["path"], request["password"], request["page"], buffer)

    def _inspect(self, path: str, password: list[str], buffer: SharedBuffer) -> Message:
        size_bytes = input_file.check(path, self._input.max_file_mib).st_size
        doc_id = input_file.sha256(path)
        document = self._open(path, password)
        sizes = document.sizes_pt()
        buffer.reserve(len(sizes) * 16)
        buffer.array((len(sizes), 2), float)[:] = sizes
        return {
            "doc_id": doc_id,
            "media_type": document.media_type,
            "size_bytes": size_bytes,
            "pages": len(sizes),
            "warnings": bounded(document.warnings),
        }

    def _render_page(
        self, path: str, password: list[str], page: int, buffer: SharedBuffer
    ) -> Message:
        document = self._open(path, password)
        image = document.render(page, self._render, _allocator(buffer))
        if not document.is_reusable:
            self._close()
        height_px, width_px = image.pixels.shape[:2]
        return {
            "height_px": height_px,
            "width_px": width_px,
            "dpi": image.dpi,
            "blank_suspect_reason": shorten(image.blank_suspect_reason),
            "warnings": bounded(image.warnings),
        }

    def _look(self, request: Message, buffer: SharedBuffer) -> Message:
        """The pixels of a page that an engine has to read, followed by the rest as JSON."""
        document = self._open(request["path"], request["password"])
        options = LookOptions(**request["options"])
        view = look(document, request["page"], self._render, _allocator(buffer), options)
        if not document.is_reusable:
            self._close()
        height_px, width_px = view.image.pixels.shape[:2] if view.image else (0, 0)
        content = view.to_bytes()
        buffer.write(content, offset=height_px * width_px * 3)
        return {
            "height_px": height_px,
            "width_px": width_px,
            "size_bytes": len(content),
            "warnings": bounded(view.warnings),
        }

    def _attachments(self, path: str, password: list[str], buffer: SharedBuffer) -> Message:
        document = self._open(path, password)
        names = document.attachments() if isinstance(document, _pdf_file()) else []
        content = json.dumps(names).encode()
        buffer.write(content)
        return {"size_bytes": len(content)}

    def _extract(self, request: Message) -> Message:
        document = self._open(request["path"], request["password"])
        if not isinstance(document, _pdf_file()):
            raise DocumentError(ErrorKind.NOT_FOUND, "only a PDF has attachments")
        max_bytes = min(self._input.max_attachment_mib, self._input.max_file_mib) * _MIB
        try:
            warnings = document.extract(request["name"], request["target"], max_bytes)
        except OSError as error:
            raise DocumentError(ErrorKind.FETCH, f"cannot be copied: {error.strerror}") from None
        return {"doc_id": input_file.sha256(request["target"]), "warnings": bounded(warnings)}

    def _open(self, path: str, password: list[str]) -> DocumentFile:
        """Open a document, or return the one of the last request where it is the same file."""
        status = input_file.check(path, self._input.max_file_mib)
        key = (path, status.st_mtime_ns, status.st_size, *password)
        if self._document is None or self._key != key:
            self._close()
            self._document = self._open_by_content(path, password)
            self._key = key
        return self._document

    def _open_by_content(self, path: str, password: list[str]) -> DocumentFile:
        from pipeline.documents.images.decode import ImageFile

        if input_file.is_pdf(path):
            return self._pdf(path, password)
        try:
            return ImageFile(path, self._render.max_image_pixels, self._read.max_pages)
        except DocumentError as error:
            if error.kind is not ErrorKind.UNREADABLE or not path.lower().endswith(".pdf"):
                raise
        return self._pdf(path, password)  # MuPDF may repair it

    def _pdf(self, path: str, password: list[str]) -> PdfFile:
        return _pdf_file()(path, password, self._read.max_pages, self._read.max_inflated_mib)

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document, self._key = None, ()


def _leave_out_models() -> None:
    """Keep `import pymupdf` from loading models for page layout, which nothing here uses.

    It imports these packages where they are installed, and with them onnxruntime: 0.3 s and
    75 MiB in each worker process.
    """
    for name in ("pymupdf.layout", "pymupdf4llm"):
        sys.modules[name] = None  # type: ignore[assignment] # makes its import fail


def _collect_garbage_less() -> None:
    """Have Python look for cycles less often: a page makes thousands of objects and few cycles."""
    gc.collect()
    gc.freeze()  # what was imported stays
    gc.set_threshold(_GC_OBJECTS)


def _allocator(buffer: SharedBuffer) -> Allocator:
    """Returns arrays for pixels at the start of a shared buffer."""

    def allocate(height_px: int, width_px: int) -> Pixels:
        buffer.reserve(height_px * width_px * 3)
        return buffer.array((height_px, width_px, 3))

    return allocate


def _pdf_file() -> type[PdfFile]:
    from pipeline.documents.pdf.document import PdfFile

    return PdfFile


def _finished() -> Message:
    """When the next request begins, on the clock that the parent reads too."""
    return {"finished_at": time.monotonic()}


def _failure(kind: ErrorKind, message: str) -> Message:
    return {"error": kind, "message": shorten(message)}


if __name__ == "__main__":
    main()
