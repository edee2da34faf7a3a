"""The words of texts, and how far two texts have the same. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Final

_WORD: Final = re.compile(r"\w+")


def folded(text: str) -> str:
    """The text in NFKC, with every stretch of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def words(text: str) -> Counter[str]:
    """The runs of letters and digits of a text, with how often each occurs."""
    return Counter(_WORD.findall(folded(text)))


def words_f1(text: str, truth: str) -> float:
    """Harmonic mean of precision and recall of the words as multisets, 0 to 1.

    It does not see order. 1 where neither text has a word.
    """
    read, true = words(text), words(truth)
    total = read.total() + true.total()
    return 2 * (read & true).total() / total if total else 1.0
