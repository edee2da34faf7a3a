"""The messages between the sandbox's client and its worker process.

A message is JSON with a length prefix. JSON, not pickle: the worker has parsed untrusted bytes, so
nothing that it sends may be executed. Pixels and page sizes travel in shared memory.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any, Final

Message = dict[str, Any]

MAX_MESSAGE_BYTES: Final = 1 << 20
MAX_LINES: Final = 5
MAX_LINE_CHARS: Final = 200
_LENGTH: Final = struct.Struct("!I")
_CHUNK_BYTES: Final = 16 << 10
_STDERR_BYTES: Final = 64 << 10


def encode(message: Message) -> bytes:
    """The bytes of a message, its length first.

    Raises:
        ValueError: The message is longer than `MAX_MESSAGE_BYTES`.
    """
    body = json.dumps(message).encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is too long")
    return _LENGTH.pack(len(body)) + body


def send(channel: socket.socket, message: Message) -> None:
    """Send one message.

    Raises:
        OSError: The other side has closed the channel.
        ValueError: The message is longer than `MAX_MESSAGE_BYTES`.
    """
    channel.sendall(encode(message))


def receive(channel: socket.socket, timeout_s: float | None = None) -> Message:
    """Wait for one message.

    Raises:
        TimeoutError: No complete message within `timeout_s`.
        EOFError: The other side has closed the channel.
        ValueError: The bytes are not a valid message.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    (length,) = _LENGTH.unpack(_read(channel, _LENGTH.size, deadline))
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes is too long")
    message = json.loads(_read(channel, length, deadline))
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message


def _read(channel: socket.socket, size: int, deadline: float | None) -> bytearray:
    """Exactly `size` bytes: the next message may follow them."""
    received = bytearray()
    while len(received) < size:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            chunk = channel.recv(min(size - len(received), _CHUNK_BYTES))
        except ConnectionError:
            chunk = b""
        if not chunk:
            raise EOFError("the other side has closed the channel")
        received += chunk
    return received


def printed_lines(descriptor: int) -> list[str]:
    """Lines in a pipe that does not block, read without waiting for more."""
    try:
        printed = os.read(descriptor, _STDERR_BYTES)
    except BlockingIOError:
        return []
    return list(dict.fromkeys(printed.decode(errors="replace").splitlines()))


def bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """At most `MAX_LINES` printable lines: parts of these messages come from documents."""
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
