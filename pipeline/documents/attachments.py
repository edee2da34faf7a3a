"""Names of the files embedded in a PDF (attachments), and which of them are processed. Pure.

The URI of an attachment is formed like that of a member of an archive: ``mail.pdf!/invoice.pdf``.
Its name is part of its identity, so it depends only on the bytes of its PDF, not on settings.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

NO_EXTENSION: Final = "no ending"
"""The key under which files without an extension are counted."""
_MAX_CHARS: Final = 255
_FOLDERS: Final = re.compile(r"[/\\]")
_UNPRINTABLE: Final = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class SelectedAttachments:
    """The attachments of a PDF that are processed.

    Attributes:
        names: Their names, in the order of the PDF.
        left_out: Number of other attachments that are not documents, by file extension.
        over: Number of documents beyond the limit.
    """

    names: tuple[str, ...]
    left_out: Counter[str]
    over: int


def unique_names(names: Iterable[str]) -> list[str]:
    """Unique names for URIs.

    Folders of any operating system and unprintable characters are removed. The second ``a.pdf``
    becomes ``a-2.pdf``.

    Args:
        names: As the PDF states them: any text, also empty, also lone surrogates.
    """
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    unique = []
    for stated in names:
        name = plain = _plain(stated)
        while name in taken:
            counts[plain] += 1
            name = _numbered(plain, counts[plain] + 1)
        taken.add(name)
        unique.append(name)
    return unique


def select(names: Sequence[str], suffixes: Sequence[str], max_count: int) -> SelectedAttachments:
    """Select the first attachments that are documents by their file extension.

    Args:
        names: The result of `unique_names`.
        suffixes: File extensions of documents in lower case, with their dot.
        max_count: Maximum number that is selected.
    """
    known = [name for name in names if extension(name) in suffixes]
    left_out = Counter(
        extension(name) or NO_EXTENSION for name in names if extension(name) not in suffixes
    )
    return SelectedAttachments(tuple(known[:max_count]), left_out, max(0, len(known) - max_count))


def extension(name: str) -> str:
    """The file extension in lower case with its dot, "" for none; that of ``.pdf`` is ``.pdf``."""
    _, dot, letters = name.rpartition(".")
    return dot + letters.lower()[:20] if dot else ""


def _plain(stated: str) -> str:
    name = _FOLDERS.split(stated)[-1]
    printable = (" " if unicodedata.category(char) in _UNPRINTABLE else char for char in name)
    return "".join(printable).strip()[-_MAX_CHARS:]


def _numbered(name: str, number: int) -> str:
    stem, dot, letters = name.rpartition(".")
    return f"{stem}-{number}{dot}{letters}" if dot else f"{name}-{number}"
