"""The requests of the sandbox's client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from pipeline.documents.look import LookOptions
from pipeline.documents.sandbox.protocol import Message

_MAX_QUEUED_CHARS: Final = 4096
"""Characters of passwords with which a request waits in the channel, which holds about 200 KiB."""


def new_request(do: str, path: str, password: str | Sequence[str], **arguments: Any) -> Message:
    """A request for a document.

    Args:
        do: What to do.
        path: The document.
        password: Its password, or several that are tried in turn.
        arguments: What else the worker has to know for that.
    """
    passwords = [password] if isinstance(password, str) else list(password)
    return {"do": do, "path": path, "password": passwords, **arguments}


def look_requests(
    path: str,
    pages: Iterable[int],
    options: LookOptions,
    password: str | Sequence[str],
    may_render: Callable[[], bool] | None,
) -> Iterator[Message]:
    """Yield the request to look at each page; arguments as of `SandboxClient.look_many`."""
    message, fixed = new_request("look", path, password), options.to_message()
    for page in pages:
        asked = {"may_render": may_render()} if may_render else {}
        yield message | {"page": page, "options": fixed | asked}


def is_short(password: str | Sequence[str]) -> bool:
    """Whether requests with this password, or these, may wait in the channel."""
    return sum(map(len, password)) <= _MAX_QUEUED_CHARS
