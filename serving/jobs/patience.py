"""Asks again where a model is busy or starting: a job can wait, a caller cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from serving.errors import ApiError

T = TypeVar("T")

_MAX_DEATHS: Final = 2
"""Answers after which replicas died that are asked for again: the page may be the cause."""
_FIRST_PAUSE_S: Final = 0.5
_MAX_PAUSE_S: Final = 30.0
_WAITING: Final = (429, 503)
"""HTTP statuses after which the same request can succeed."""


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try until there is an answer or an error that would come again.

    Args:
        attempt: Asks once.

    Raises:
        ApiError: An error that would come again.
    """
    deaths, pause_s = 0, _FIRST_PAUSE_S
    while True:
        try:
            return await attempt()
        except ApiError as error:
            deaths += error.code == "replica_died"
            if error.status not in _WAITING or deaths > _MAX_DEATHS:
                raise
        await asyncio.sleep(pause_s)
        pause_s = min(_MAX_PAUSE_S, pause_s * 2)
