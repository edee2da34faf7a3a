"""The process that opens documents and draws pages. It may be killed at any moment.

Started by `pipeline.documents.sandbox` as ``python -m pipeline.documents.sandbox.worker CHANNEL
PARENT``: the file descriptor of a socket to the parent, and the parent's process id. The first
message holds the limits, every later one is a request (`pipeline.documents.sandbox.protocol`).
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import signal
import socket
import stat
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.sandbox.protocol import Message, Slot, bounded, receive, send, shorten
from pipeline.errors import DocumentError, ErrorKind, RecordedError
from pipeline.imaging.transform import Canvas
from pipeline.text.text_layer import TextLayer
from pipeline.types import PageImage, Pixels

if TYPE_CHECKING:
    from pipeline.documents.pdf.document import PdfFile

_PR_SET_PDEATHSIG: Final = 1
_MIB: Final = 1 << 20
_SNIFFED_BYTES: Final = 1024


class DocumentFile(Protocol):
    """What `PdfFile` and `Picture` have in common."""

    media_type: str
    warnings: tuple[str, ...]
    is_reusable: bool

    def sizes_pt(self) -> list[tuple[float, float]]:
        """Width and height of every page as displayed."""

    def render(self, page: int, render: RenderConfig, canvas: Canvas) -> PageImage:
        """Draw a page, counted from 1."""

    def layer(self, page: int, render: RenderConfig) -> TextLayer | None:
        """The text layer of a page, None where there cannot be one."""

    def close(self) -> None:
        """Let go of the file."""


def main() -> None:
    """Serve the parent until it goes."""
    channel_number, parent_pid = (int(argument) for argument in sys.argv[1:3])
    _die_with(parent_pid)
    channel = socket.socket(fileno=channel_number)
    try:
        child = Child(receive(channel))
        send(channel, {"ready": True})
        child.serve(channel)
    except (EOFError, OSError):
        pass  # the parent is gone or has no more use for this process
    # Not through the interpreter's end: MuPDF's tear-down has nothing left to save.
    os._exit(0)


def _die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, even while C code spins.

    Linux sends the signal when the *thread* that started this process ends, so a reader must
    not be used first in a thread that ends before it. Elsewhere the end of the socket is the
    sign, seen after the page at hand.
    """
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the line above
        os._exit(1)


class Child:
    """Answers requests, one at a time. Keeps the last document open."""

    def __init__(self, limits: Message) -> None:
        # Seconds of imports, which the parent waits for before it starts any clock.
        import pipeline.documents.images.decode
        import pipeline.documents.pdf.document  # noqa: F401

        self._read = ReadConfig.model_validate(limits["read"])
        self._render = RenderConfig.model_validate(limits["render"])
        self._input = InputConfig.model_validate(limits["input"])
        self._slots = [Slot(descriptor) for descriptor in limits["slots"]]
        self._key: tuple[Any, ...] = ()
        self._document: DocumentFile | None = None
        _limit_memory(self._read.memory_mib)

    def serve(self, channel: socket.socket) -> None:
        """Answer until the parent is gone (EOFError) or memory runs out."""
        while True:
            request = receive(channel)
            _limit_cpu(self._read.cpu_s)
            try:
                send(channel, self._answer(request))
            except MemoryError:
                # What is half done may hold anything: end here, the parent starts another.
                limit = f"needs more memory than read.memory_mib ({self._read.memory_mib})"
                send(channel, _failure(ErrorKind.CRASH, limit))
                return

    def _answer(self, request: Message) -> Message:
        slot = self._slots[request["slot"]]
        try:
            if request["do"] == "inspect":
                return self._inspect(request["path"], request["password"], slot)
            if request["do"] == "layer":
                return self._layer(request["path"], request["password"], request["page"], slot)
            if request["do"] == "attachments":
                return self._attachments(request["path"], request["password"], slot)
            if request["do"] == "extract":
                return self._extract(request)
            return self._draw(request["path"], request["password"], request["page"], slot)
        except RecordedError as error:
            self._close()
            return _failure(error.kind, str(error))
        except MemoryError:
            raise
        except Exception as error:
            self._close()
            return _failure(ErrorKind.INTERNAL, f"{type(error).__name__}: {error}")

    def _inspect(self, path: str, password: list[str], slot: Slot) -> Message:
        size_bytes = self._check_file(path).st_size
        doc_id = _sha256(path)
        document = self._open(path, password)
        sizes = document.sizes_pt()
        slot.reserve(len(sizes) * 16)
        slot.array((len(sizes), 2), float)[:] = sizes
        return {
            "doc_id": doc_id,
            "media_type": document.media_type,
            "size_bytes": size_bytes,
            "pages": len(sizes),
            "warnings": bounded(document.warnings),
        }

    def _draw(self, path: str, password: list[str], page: int, slot: Slot) -> Message:
        def canvas(height_px: int, width_px: int) -> Pixels:
            slot.reserve(height_px * width_px * 3)
            return slot.array((height_px, width_px, 3))

        document = self._open(path, password)
        image = document.render(page, self._render, canvas)
        if not document.is_reusable:
            self._close()
        height_px, width_px = image.pixels.shape[:2]
        return {
            "height_px": height_px,
            "width_px": width_px,
            "dpi": image.dpi,
            "doubt": shorten(image.doubt),
            "warnings": bounded(image.warnings),
        }

    def _layer(self, path: str, password: list[str], page: int, slot: Slot) -> Message:
        found = self._open(path, password).layer(page, self._render)
        if found is None:
            return {"size_bytes": 0}
        content = found.to_bytes()
        slot.reserve(len(content))
        slot.array((len(content),))[:] = np.frombuffer(content, np.uint8)
        return {"size_bytes": len(content), "warnings": bounded(found.warnings)}

    def _attachments(self, path: str, password: list[str], slot: Slot) -> Message:
        document = self._open(path, password)
        names = document.attachments() if isinstance(document, _pdf_file()) else []
        content = json.dumps(names).encode()
        slot.reserve(len(content))
        slot.array((len(content),))[:] = np.frombuffer(content, np.uint8)
        return {"size_bytes": len(content)}

    def _extract(self, request: Message) -> Message:
        document = self._open(request["path"], request["password"])
        if not isinstance(document, _pdf_file()):
            raise DocumentError(ErrorKind.NOT_FOUND, "only a PDF has attachments")
        most = min(self._input.max_attachment_mib, self._input.max_file_mib) * _MIB
        try:
            warnings = document.extract(request["name"], request["target"], most)
        except OSError as error:
            raise DocumentError(ErrorKind.FETCH, f"cannot be copied: {error.strerror}") from None
        return {"doc_id": _sha256(request["target"]), "warnings": bounded(warnings)}

    def _check_file(self, path: str) -> os.stat_result:
        """Refuse what is no file, empty or too large, before it is opened."""
        status = _stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DocumentError(ErrorKind.UNREADABLE, "not a file")
        if not status.st_size:
            raise DocumentError(ErrorKind.EMPTY, "the file has no bytes")
        if status.st_size > self._input.max_file_mib * _MIB:
            message = f"over input.max_file_mib ({self._input.max_file_mib})"
            raise DocumentError(ErrorKind.LIMIT, message)
        return status

    def _open(self, path: str, password: list[str]) -> DocumentFile:
        """The document, still open from the last request where it is the same file."""
        status = self._check_file(path)
        key = (path, status.st_mtime_ns, status.st_size, *password)
        if self._document is None or self._key != key:
            self._close()
            self._document = self._open_by_content(path, password)
            self._key = key
        return self._document

    def _open_by_content(self, path: str, password: list[str]) -> DocumentFile:
        from pipeline.documents.images.decode import Picture
        from pipeline.documents.pdf.document import PdfFile

        with _reading(path) as file:
            is_pdf = b"%PDF-" in file.read(_SNIFFED_BYTES)
        if is_pdf:
            return PdfFile(path, password, self._read.max_pages)
        try:
            return Picture(path, self._render.max_image_pixels, self._read.max_pages)
        except DocumentError as error:
            if error.kind is not ErrorKind.UNREADABLE or not path.lower().endswith(".pdf"):
                raise
        return PdfFile(path, password, self._read.max_pages)  # MuPDF may repair it

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document, self._key = None, ()


def _pdf_file() -> type[PdfFile]:
    from pipeline.documents.pdf.document import PdfFile

    return PdfFile


def _failure(kind: ErrorKind, message: str) -> Message:
    return {"error": kind, "message": shorten(message)}


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file") from None
    except (OSError, ValueError) as error:
        raise DocumentError(ErrorKind.UNREADABLE, str(error)) from None


def _reading(path: str) -> Any:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file") from None
    except OSError as error:
        message = f"cannot be opened: {error.strerror}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None


def _sha256(path: str) -> str:
    with _reading(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise DocumentError(ErrorKind.UNREADABLE, message) from None


def _limit_memory(memory_mib: int) -> None:
    """Let reading take so much address space beyond what the libraries have taken by now."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return  # macOS takes the limit and doesn't keep it
    with open("/proc/self/statm", "rb") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = taken + memory_mib * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _limit_cpu(cpu_s: int) -> None:
    """Give the request at hand its seconds of CPU time; SIGXCPU ends the process after them."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(time.process_time()) + 1 + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard < 0 else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
