"""Page selections such as ``1-3,7``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"\s*(\d+)\s*(?:(-)\s*(\d*)\s*)?")


@dataclass(frozen=True, slots=True)
class PageSelection:
    """Which pages of a document are wanted.

    Attributes:
        ranges: 1-based, inclusive pairs; an end of 0 means up to the last page. Empty: all.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> PageSelection:
        """Read ``1-3,7,10-``.

        Raises:
            ValueError: The text is not a page selection; the message shows the syntax.
        """
        if not text.strip():
            return cls()
        return cls(tuple(_parse_part(part) for part in text.split(",")))

    def __contains__(self, page: int) -> bool:
        """Whether the 1-based page is wanted."""
        return not self.ranges or any(
            first <= page and (not last or page <= last) for first, last in self.ranges
        )


def _parse_part(part: str) -> tuple[int, int]:
    match = _PART.fullmatch(part)
    if not match:
        raise ValueError(f"{part.strip()!r} is not a page range; write pages as 1-3,7,10-")
    first = int(match[1])
    last = first if not match[2] else int(match[3] or 0)
    if first < 1 or (match[3] and last < 1):
        raise ValueError("page numbers start at 1")
    if last and last < first:
        raise ValueError(f"the range {part.strip()!r} is reversed; write {last}-{first}")
    return first, last
