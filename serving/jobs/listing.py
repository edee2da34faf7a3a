"""Pages of lists, as OpenAI's clients ask for them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from serving.errors import ApiError
from serving.jobs.store import Key


def page(
    keys: Sequence[Key], after: str, limit: int, *, newest_first: bool = True
) -> tuple[list[Key], bool]:
    """Some keys of a list, and whether there are more after them.

    Args:
        keys: All, the oldest first.
        after: The id after which they begin, "" for the start.
        limit: Maximum keys.
        newest_first: The order of the list.

    Raises:
        ApiError: 400: there is no such id.
    """
    following = behind(keys, after, newest_first=newest_first)
    return following[:limit], len(following) > limit


def behind(keys: Sequence[Key], after: str, *, newest_first: bool = True) -> list[Key]:
    """All keys of a list that come after one.

    Args:
        keys: All, the oldest first.
        after: The id after which they begin, "" for the start.
        newest_first: The order of the list.

    Raises:
        ApiError: 400: there is no such id.
    """
    ordered = list(reversed(keys)) if newest_first else list(keys)
    ids = [key.id for key in ordered]
    if after and after not in ids:
        raise ApiError(400, "invalid_value", "there is nothing with this id", param="after")
    return ordered[ids.index(after) + 1 if after else 0 :]


def answer(entries: Sequence[BaseModel], has_more: bool) -> dict[str, Any]:
    """A list as OpenAI writes it.

    Args:
        entries: What is listed.
        has_more: Whether there is more after it.
    """
    data = [entry.model_dump(mode="json") for entry in entries]
    ids = [entry["id"] for entry in data]
    return {
        "object": "list",
        "data": data,
        "has_more": has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }
