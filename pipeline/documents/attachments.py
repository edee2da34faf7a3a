"""Names of the files embedded in a PDF, and which of them are taken. Pure.

An attachment is named in the manner of a member of an archive: ``mail.pdf!/invoice.pdf``. Its
name is part of its identity, so it depends on the bytes of its PDF alone and on no setting.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

NO_ENDING: Final = "no ending"
"""What files without an ending are counted under."""
_MAX_CHARS: Final = 255
_FOLDERS: Final = re.compile(r"[/\\]")
_UNPRINTABLE: Final = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which attachments are taken.

    Attributes:
        names: Those that are taken, in the order of the PDF.
        left_out: Those that are no documents by their ending, counted by ending.
        over: How many more documents there are than are taken.
    """

    names: tuple[str, ...]
    left_out: Counter[str]
    over: int


def distinct(names: Iterable[str]) -> list[str]:
    """Names as they stand in a URI, no two alike.

    Folders are dropped, of whichever system, and so is what cannot be printed. The second
    ``a.pdf`` becomes ``a-2.pdf``.

    Args:
        names: As the PDF states them: any text, also empty, also lone surrogates.
    """
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    found = []
    for stated in names:
        name = plain = _plain(stated)
        while name in taken:
            counts[plain] += 1
            name = _numbered(plain, counts[plain] + 1)
        taken.add(name)
        found.append(name)
    return found


def select(names: Sequence[str], suffixes: Sequence[str], most: int) -> Selection:
    """Take the first of those that are documents by their ending.

    Args:
        names: What `distinct` gives.
        suffixes: Endings of documents in small letters, with their dot.
        most: How many are taken.
    """
    known = [name for name in names if ending(name) in suffixes]
    left_out = Counter(ending(name) or NO_ENDING for name in names if ending(name) not in suffixes)
    return Selection(tuple(known[:most]), left_out, max(0, len(known) - most))


def ending(name: str) -> str:
    """The ending in small letters with its dot, "" for none. All of ``.pdf`` is an ending."""
    _, dot, letters = name.rpartition(".")
    return dot + letters.lower()[:20] if dot else ""


def _plain(stated: str) -> str:
    name = _FOLDERS.split(stated)[-1]
    printable = (" " if unicodedata.category(char) in _UNPRINTABLE else char for char in name)
    return "".join(printable).strip()[-_MAX_CHARS:]


def _numbered(name: str, number: int) -> str:
    stem, dot, letters = name.rpartition(".")
    return f"{stem}-{number}{dot}{letters}" if dot else f"{name}-{number}"
