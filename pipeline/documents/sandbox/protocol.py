"""What the reader and its child process say to each other, and the memory that they share.

Messages are JSON with their length before them, so nothing that the child sends is ever
executed: it has read bytes from strangers. Pixels and page sizes cross in shared memory.
"""

from __future__ import annotations

import fcntl
import json
import math
import mmap
import os
import socket
import struct
import sys
import tempfile
import time
import weakref
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.types import Pixels

Message = dict[str, Any]

MAX_MESSAGE_BYTES: Final = 1 << 20
MAX_LINES: Final = 5
MAX_LINE_CHARS: Final = 200
_LENGTH: Final = struct.Struct("!I")
_PIECE_BYTES: Final = 16 << 10
_STEP_BYTES: Final = 4 << 20
_KEPT_BYTES: Final = 64 << 20


def send(channel: socket.socket, message: Message) -> None:
    """Send one message.

    Raises:
        OSError: The other side is gone.
        ValueError: The message is longer than `MAX_MESSAGE_BYTES`.
    """
    body = json.dumps(message).encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is too long")
    channel.sendall(_LENGTH.pack(len(body)) + body)


def receive(channel: socket.socket, timeout_s: float | None = None) -> Message:
    """Wait for one message.

    Raises:
        TimeoutError: It did not come, or not all of it, in `timeout_s`.
        EOFError: The other side is gone.
        ValueError: What came is no message.
    """
    deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
    received = bytearray()
    _fill(channel, received, _LENGTH.size, deadline_s)
    (length,) = _LENGTH.unpack_from(received)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes is too long")
    _fill(channel, received, _LENGTH.size + length, deadline_s)
    message = json.loads(received[_LENGTH.size :])
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message


def _fill(channel: socket.socket, received: bytearray, size: int, deadline_s: float | None) -> None:
    while len(received) < size:
        if deadline_s is not None:
            channel.settimeout(max(deadline_s - time.monotonic(), 0.001))
        # One side speaks at a time, so there is never a piece of a second message.
        try:
            piece = channel.recv(_PIECE_BYTES)
        except ConnectionError:
            piece = b""
        if not piece:
            raise EOFError("the other side is gone")
        received += piece


def bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """At most `MAX_LINES` printable lines: documents choose some of these words."""
    kept = [shorten(line) for line in lines if line.strip()]
    if len(kept) <= MAX_LINES:
        return tuple(kept)
    return (*kept[: MAX_LINES - 1], f"... and {len(kept) - MAX_LINES + 1} more")


def shorten(line: str) -> str:
    """One printable line of at most `MAX_LINE_CHARS`."""
    printable = "".join(char if char.isprintable() else " " for char in line.strip())
    if len(printable) <= MAX_LINE_CHARS:
        return printable
    return printable[: MAX_LINE_CHARS - 3] + "..."


def create_memory() -> int:
    """A file descriptor for memory to share, empty, that vanishes with its last holder."""
    if sys.platform != "linux":
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        return descriptor
    descriptor = os.memfd_create("rayscribe-pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    # Were it shrunk by the other side, touching a mapped page of it would kill this one.
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return descriptor


class Slot:
    """A piece of shared memory that holds one picture at a time."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map: mmap.mmap | None = None
        self._lent: weakref.ref[Pixels] | None = None

    @property
    def is_free(self) -> bool:
        """Whether no array that `lend` gave away is alive."""
        return self._lent is None or self._lent() is None

    def reserve(self, size_bytes: int) -> None:
        """Make the memory at least so large. The child's side."""
        if os.fstat(self.descriptor).st_size < size_bytes:
            os.ftruncate(self.descriptor, math.ceil(size_bytes / _STEP_BYTES) * _STEP_BYTES)

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """The memory as an array that is overwritten with the next picture.

        Raises:
            ValueError: The shape needs more memory than there is.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if self._map is None or len(self._map) < size:
            self._map = None  # an array may still hold the old one; it sees the same memory
            if os.fstat(self.descriptor).st_size < max(size, 1):
                raise ValueError(f"no shared memory for an array of {shape}")
            self._map = mmap.mmap(self.descriptor, 0)
        return np.frombuffer(self._map, dtype, math.prod(shape)).reshape(shape)

    def lend(self, shape: tuple[int, int, int]) -> Pixels:
        """The memory as an array; the slot isn't free while it, or a view of it, is alive."""
        array: Pixels = self.array(shape)
        # All views hold on to the flat array below the shape, however they are made.
        self._lent = weakref.ref(array.base)  # type: ignore[arg-type]
        return array

    def copy(self, shape: tuple[int, int, int]) -> Pixels:
        """The picture in memory of its own. Memory of very large pictures is given back."""
        pixels: Pixels = self.array(shape).copy()
        if self._map and len(self._map) > _KEPT_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, _KEPT_BYTES, len(self._map) - _KEPT_BYTES)
        return pixels

    def close(self) -> None:
        """Let go of the memory; arrays that are lent stay good."""
        self._map = None
        os.close(self.descriptor)
