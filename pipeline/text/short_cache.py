"""A cache for the results of functions of short texts. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

MAX_CHARS = 200
"""Maximum length of a cached text: a document may have a line of a million characters."""


def short_cache(max_texts: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Cache the results of a function of one text, for texts of up to `MAX_CHARS` characters.

    Args:
        max_texts: Maximum number of cached results; the least recently used one is dropped.
    """

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        kept = lru_cache(max_texts)(function)

        @wraps(function)
        def cached(text: str) -> T:
            return kept(text) if len(text) <= MAX_CHARS else function(text)

        return cached

    return decorate
