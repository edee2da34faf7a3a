"""Reads documents in a child process that can be killed.

C libraries that meet hostile bytes can spin for ever, die, or take all memory. None of that can
be stopped from inside a process, so it happens in one of its own: a page that goes wrong costs
that page and its time limit, and the next one gets a new child.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.sandbox.crashes import CrashCount
from pipeline.documents.sandbox.process import ReaderProcess
from pipeline.documents.sandbox.protocol import Message, Slot, bounded, create_memory, shorten
from pipeline.errors import DocumentError, ErrorKind, JobError, PageError, RecordedError
from pipeline.text.text_layer import TextLayer
from pipeline.types import PageImage, Pixels

_SLOTS: Final = 10
"""Pictures that can wait in shared memory. Memory is taken only by those that are used."""
_LENT_BYTES: Final = 64 << 20
_START_S: Final = 60.0
_START_TRIES: Final = 3
_START_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a document says of itself.

    Attributes:
        doc_id: SHA-256 (hex) of its bytes.
        media_type: What the bytes are, whatever the file's name says.
        size_bytes: Its size.
        pages: Width and height of every page as displayed, in PDF points. (0, 0) where unknown:
            an image file that states no resolution, or a page that is broken.
        warnings: What the reader complained about without failing.
    """

    doc_id: str
    media_type: str
    size_bytes: int
    pages: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...] = ()


class Reader:
    """Opens documents and draws pages, in a child process that starts with the first call.

    Calls block, one at a time; others wait. The child keeps the last document open, so ask for
    the pages of a document one after the other. Use a reader in a thread that lives as long as
    the reader: Linux kills the child when the thread that started it ends.

    Args:
        read: Limits of time, memory and pages.
        render: How pages are drawn, and the limits of pixels.
        input: The largest file that is opened.
    """

    def __init__(
        self,
        read: ReadConfig | None = None,
        render: RenderConfig | None = None,
        input: InputConfig | None = None,  # noqa: A002 - the name of the config's section
    ) -> None:
        self._read = read or ReadConfig()
        self._limits = {
            "read": self._read.model_dump(),
            "render": (render or RenderConfig()).model_dump(),
            "input": (input or InputConfig()).model_dump(),
        }
        self._slots = [Slot(create_memory()) for _ in range(_SLOTS)]
        self._child: ReaderProcess | None = None
        self._lock = threading.Lock()
        self._is_killed = False
        self._deaths = CrashCount()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return None if self._child is None else self._child.pid

    def inspect(self, path: str, password: str | Sequence[str] = "") -> Inspection:
        """Open a document and list its pages.

        Args:
            path: The file. What it is, is seen from its bytes.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.

        Raises:
            DocumentError: NOT_FOUND, UNREADABLE, EMPTY, NO_PAGES, PASSWORD or LIMIT, or what
                became of the child: TIMEOUT, CRASH.
            JobError: No child process can be started.
            RuntimeError: The reader is closed.
        """
        with self._lock, self._raising(DocumentError):
            slot, reply = self._ask({"do": "inspect", "path": path, "password": _listed(password)})
            sizes = slot.array((int(reply["pages"]), 2), float).tolist()
            return Inspection(
                doc_id=str(reply["doc_id"]),
                media_type=str(reply["media_type"]),
                size_bytes=int(reply["size_bytes"]),
                pages=tuple((width, height) for width, height in sizes),
                warnings=bounded(reply["warnings"]),
            )

    def render(self, path: str, page: int, password: str | Sequence[str] = "") -> PageImage:
        """Draw a page of a PDF, or decode a page of an image file.

        Args:
            path: The file.
            page: 1-based number.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.

        Returns:
            The page. Its pixels may lie in memory that is shared with the child. That memory is
            not used again while the array, or one that was made from it without a copy, lives.

        Raises:
            PageError: RENDER, LIMIT, TIMEOUT or CRASH, or any kind that `inspect` raises where
                the document can no longer be opened.
            JobError: No child process can be started.
            RuntimeError: The reader is closed.
        """
        with self._lock, self._raising(PageError):
            slot, reply = self._ask(
                {"do": "render", "path": path, "password": _listed(password), "page": page}
            )
            pixels = self._take(slot, int(reply["height_px"]), int(reply["width_px"]))
            warnings, doubt = bounded(reply["warnings"]), str(reply["doubt"])
            return PageImage(pixels, float(reply["dpi"]), warnings, doubt=doubt)

    def layer(self, path: str, page: int, password: str | Sequence[str] = "") -> TextLayer | None:
        """The text layer of a page of a PDF, with what the page draws; nothing is drawn.

        Args:
            path: The file.
            page: 1-based number.
            password: For encrypted PDFs, or several that are tried in turn; others ignore it.

        Returns:
            The layer, which may be without text; None for an image file.

        Raises:
            PageError: As `render`.
            JobError: No child process can be started.
            RuntimeError: The reader is closed.
        """
        with self._lock, self._raising(PageError):
            request = {"do": "layer", "path": path, "password": _listed(password), "page": page}
            slot, reply = self._ask(request)
            size = int(reply["size_bytes"])
            if not size:
                return None
            warnings = bounded(reply["warnings"])
            return TextLayer.from_bytes(slot.array((size,)).tobytes(), warnings)

    def attachments(self, path: str, password: str | Sequence[str] = "") -> tuple[str, ...]:
        """The names of the files that a PDF carries, no two alike; none for an image file.

        Args:
            path: The file.
            password: For encrypted PDFs, or several that are tried in turn.

        Raises:
            DocumentError: As `inspect`; UNREADABLE where they cannot be listed.
        """
        with self._lock, self._raising(DocumentError):
            request = {"do": "attachments", "path": path, "password": _listed(password)}
            slot, reply = self._ask(request)
            names = json.loads(slot.array((int(reply["size_bytes"]),)).tobytes())
            return tuple(str(name) for name in names)

    def extract(
        self, path: str, name: str, target: str, password: str | Sequence[str] = ""
    ) -> tuple[str, tuple[str, ...]]:
        """Write a file that a PDF carries to `target`, which is created or overwritten.

        Args:
            path: The PDF.
            name: One of `attachments`.
            target: Where the bytes go. Where this raises, some of them may be there.
            password: For encrypted PDFs, or several that are tried in turn.

        Returns:
            SHA-256 (hex) of its bytes, and what the reader complained about.

        Raises:
            DocumentError: As `inspect`; NOT_FOUND for an unknown name, UNREADABLE for damaged
                bytes, LIMIT for too many, FETCH where the target cannot be written.
        """
        with self._lock, self._raising(DocumentError):
            request = {"do": "extract", "path": path, "password": _listed(password)}
            _, reply = self._ask(request | {"name": name, "target": target})
            return str(reply["doc_id"]), bounded(reply["warnings"])

    def _take(self, slot: Slot, height_px: int, width_px: int) -> Pixels:
        """The picture without a copy, unless it is very large or takes the last free slot."""
        shape = (height_px, width_px, 3)
        is_last = sum(slot.is_free for slot in self._slots) == 1
        if is_last or height_px * width_px * 3 > _LENT_BYTES:
            return slot.copy(shape)
        return slot.lend(shape)

    @contextmanager
    def _raising(self, error_type: type[RecordedError]) -> Iterator[None]:
        """Turn what went wrong with a request into the error of its caller."""
        try:
            yield
        except RecordedError as error:
            raise error_type(error.kind, str(error)) from None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self._drop_child()  # it may be in the hands of what it read
            message = f"the reader's answer makes no sense: {error!r}"
            raise error_type(ErrorKind.CRASH, shorten(message)) from None

    def _ask(self, request: Message) -> tuple[Slot, Message]:
        """Put a request to the child, and count what its documents do to it."""
        path = request["path"]
        self._deaths.check(path)
        self._is_killed = False
        try:
            answer = self._ask_twice(request)
        except RecordedError as error:
            self._deaths.note(path, None if self._is_killed else error.kind)
            raise
        self._deaths.note(path, None)
        return answer

    def _ask_twice(self, request: Message) -> tuple[Slot, Message]:
        """Ask a fresh child once more where the first one died.

        What that still held of other documents may have been to blame. A request that ran out of
        time is not tried again: it would take as much time once more.
        """
        try:
            return self._ask_once(request)
        except RecordedError as error:
            if error.kind is not ErrorKind.CRASH or self._is_killed:
                raise
        return self._ask_once(request)

    def _ask_once(self, request: Message) -> tuple[Slot, Message]:
        """Whatever goes wrong, the next request finds a sound child."""
        if not self._slots:
            raise RuntimeError("the reader is closed")
        number = next(index for index, slot in enumerate(self._slots) if slot.is_free)
        child = self._running_child()
        try:
            reply = child.ask(request | {"slot": number}, self._read.wall_s)
        except TimeoutError:
            self._drop_child()
            limit = f"took longer than read.wall_s ({self._read.wall_s:g} s)"
            raise RecordedError(ErrorKind.TIMEOUT, limit) from None
        except (EOFError, OSError):
            raise self._post_mortem(child) from None
        except BaseException:
            self._drop_child()  # an answer that nobody waits for must not meet the next request
            raise
        if "error" in reply:
            raise self._refusal(reply)
        return self._slots[number], reply

    def _refusal(self, reply: Message) -> RecordedError:
        """What the child says that is wrong with the document."""
        kind = ErrorKind(reply["error"])
        if kind is ErrorKind.CRASH:
            self._drop_child()
        return RecordedError(kind, shorten(str(reply["message"])))

    def _post_mortem(self, child: ReaderProcess) -> RecordedError:
        """What the child died of."""
        status = child.wait()
        last_words = child.complaints()[-1:]
        self._drop_child()
        if status == -signal.SIGXCPU:
            limit = f"took more CPU time than read.cpu_s ({self._read.cpu_s} s)"
            return RecordedError(ErrorKind.TIMEOUT, limit)
        cause = f"the reader exited with status {status}"
        if status < 0:
            cause = f"the reader was killed by {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            cause += " (is the machine out of memory?)"
        return RecordedError(ErrorKind.CRASH, shorten(": ".join((cause, *last_words))))

    def _running_child(self) -> ReaderProcess:
        """The child, started anew where it is gone.

        Raises:
            JobError: It does not start, several times over.
        """
        if self._child is not None and self._child.is_dead:
            self._drop_child()
        problem = ""
        for attempt in range(_START_TRIES):
            if self._child is None:
                time.sleep(attempt * _START_PAUSE_S)
                problem = self._start_child()
        if self._child is None:
            raise JobError(f"the reader process does not start: {problem}")
        return self._child

    def _start_child(self) -> str:
        """Start a child; what went wrong, "" where it runs."""
        child = ReaderProcess([slot.descriptor for slot in self._slots])
        try:
            child.ask(self._limits | {"slots": child.descriptors}, _START_S)
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            problem = "; ".join(child.complaints()[-1:]) or repr(error)
            child.close()
            return problem
        except BaseException:
            child.close()
            raise
        self._child = child
        return ""

    def _drop_child(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None

    def kill(self) -> None:
        """Kill the child from another thread: the call at hand ends with a CRASH.

        The next call starts another child.
        """
        self._is_killed = True
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the child and let go of the memory. Pixels that were given away stay good."""
        self._drop_child()
        while self._slots:
            self._slots.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_child"):  # absent where the constructor failed
            self.close()


def _listed(password: str | Sequence[str]) -> list[str]:
    return [password] if isinstance(password, str) else list(password)
