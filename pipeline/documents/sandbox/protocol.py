"""The messages between the sandbox's client and its worker process.

A message is JSON with a length prefix. JSON, not pickle: the worker has parsed untrusted bytes, so
nothing that it sends may be executed. Pixels and page sizes travel in shared memory.
"""

from __future__ import annotations

import json
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


def send(channel: socket.socket, message: Message) -> None:
    """Send one message.

    Raises:
        OSError: The other side has closed the channel.
        ValueError: The message is longer than `MAX_MESSAGE_BYTES`.
    """
    body = json.dumps(message).encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is too long")
    channel.sendall(_LENGTH.pack(len(body)) + body)


def receive(channel: socket.socket, timeout_s: float | None = None) -> Message:
    """Wait for one message.

    Raises:
        TimeoutError: No complete message within `timeout_s`.
        EOFError: The other side has closed the channel.
        ValueError: The bytes are not a valid message.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    received = bytearray()
    _fill(channel, received, _LENGTH.size, deadline)
    (length,) = _LENGTH.unpack_from(received)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes is too long")
    _fill(channel, received, _LENGTH.size + length, deadline)
    message = json.loads(received[_LENGTH.size :])
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message


def _fill(channel: socket.socket, received: bytearray, size: int, deadline: float | None) -> None:
    while len(received) < size:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 0.001))
        # The sides alternate, so a receive never contains part of a second message.
        try:
            chunk = channel.recv(_CHUNK_BYTES)
        except ConnectionError:
            chunk = b""
        if not chunk:
            raise EOFError("the other side has closed the channel")
        received += chunk


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
