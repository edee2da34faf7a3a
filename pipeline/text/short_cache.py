"""A cache for the results of functions of short texts. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

MAX_CHARS = 200
"""Maximum length of a cached text: a document may have a line of a million characters."""


class _Results(dict[str, T]):
    """Results by text: a hit is one look-up of a dictionary, without a call of Python."""

    def __init__(self, function: Callable[[str], T], max_texts: int) -> None:
        super().__init__()
        self._function, self._max_texts = function, max_texts

    def __missing__(self, text: str) -> T:
        result = self._function(text)
        if len(text) <= MAX_CHARS:
            if len(self) >= self._max_texts:
                self.clear()
            self[text] = result
        return result


def short_cache(max_texts: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Cache the results of a function of one text, for texts of up to `MAX_CHARS` characters.

    Args:
        max_texts: Maximum number of cached results; the cache is emptied where there are more.
    """

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        return _Results(function, max_texts).__getitem__

    return decorate
