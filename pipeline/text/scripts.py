"""Which scripts a text is written in, and which of them a reader would lose. Pure.

Scripts have their Unicode names ("Cyrillic", "Devanagari"); Python's `unicodedata` does not know
the property, `pipeline.text.script_ranges` does.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Final

from pipeline.text.script_ranges import RANGES, VIETNAMESE

UNKNOWN: Final = "unknown"
"""The script of a page whose lines could not be read and of which nothing else is known."""
_LATIN: Final = "Latin"
_MIN_LETTERS: Final = 20
"""Letters in words of a script from which a text counts as written in it."""
_MIN_SHARE: Final = 0.1
"""Their share of all letters. A page with fewer loses less than its other text is worth."""
_MIN_WORD_SHARE: Final = 0.8
"""Share of the letters of a script that are in words, for the text to be legible in it."""
_MAX_BROKEN_SHARE: Final = 0.02
"""Share of characters without meaning in a legible text."""
_MARKS: Final = (0.08, 0.7)
"""Share of marks in the text of a script that writes vowels as marks."""
_MIN_DISTINCT: Final = 0.35
"""Hangul syllables that differ, as a share of all or of `_MAX_DISTINCT`, the fewer ..."""
_MAX_DISTINCT: Final = 200
_MIN_ACCENTED: Final = 4
"""Letters from which a Greek word in small letters has an accent."""
_SIGMA: Final = "\N{GREEK SMALL LETTER SIGMA}"
"""Not at the end of a word; Latin text in the font Symbol often has it there."""
_LEAST_SHARES: Final = {
    "Cyrillic": ((frozenset("оеаинтсрвлі"), 0.48), (frozenset("аеёоуыэюяиіїєўәөүұ"), 0.38)),
    "Hebrew": ((frozenset("יוהלאמרת"), 0.48),),
    "Arabic": ((frozenset("اليمنوترهدأیک"), 0.48),),
}
"""Letters, and the share of all letters that they have at least: the common ones .51 (Mongolian) to
.76 (Bulgarian), Hebrew .56, Arabic .66; the Cyrillic vowels .39 to .45. Permuted letters and those
of another table have less, by chance not of both."""
_WITH_MARKS: Final = frozenset(
    {
        *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada"),
        *("Malayalam", "Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Khmer"),
    }
)
_WARNING: Final = "script not read"
_IN_PART: Final = " in part"
_NAMED: Final = re.compile(rf"{_WARNING}({_IN_PART})? \((.+?)\): ")

_STARTS: Final = [start for start, _, _ in RANGES]


@lru_cache(maxsize=1 << 14)
def script_of(char: str) -> str | None:
    """The script of a letter or mark, None for any other character and for those of all scripts."""
    if unicodedata.category(char)[0] not in "LM":
        return None
    place = bisect_right(_STARTS, ord(char)) - 1
    if place < 0 or ord(char) > RANGES[place][1]:
        return None
    return RANGES[place][2]


def scripts(text: str) -> Counter[str]:
    """The letters and marks of a text, by script."""
    found: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if name := script_of(char):
            found[name] += count
    return found


def unread_script(text: str, readable: Collection[str]) -> str | None:
    """The script in which a text is legible and that a reader does not read.

    Text that was decoded with the wrong table has letters of such scripts too. Legible text has
    words of one script, few characters without meaning, capitals at the start of words only, and
    of some scripts the letters that are common in it.

    Args:
        text: Such as a text layer.
        readable: What the reader reads; empty for everything.

    Returns:
        The script with most letters among those that are not read; None where there is none, or
        too little of it to matter.
    """
    if not readable:
        return None
    letters = scripts(text)
    lost = Counter({name: n for name, n in letters.items() if name not in readable})
    if not lost:
        return None
    name = lost.most_common(1)[0][0]
    return name if _is_written_in(text, name, letters.total()) else None


def _is_written_in(text: str, script: str, letters: int) -> bool:
    """Whether a text has legible words of a script, and enough of them.

    Args:
        text: The text.
        script: One of its scripts.
        letters: Letters of all scripts in the text.
    """
    tokens = [run for run in _runs(text) if any(script_of(char) == script for char in run)]
    words = [token for token in tokens if _is_word(token, script)]
    in_words = _letters(words, script)
    if in_words < _MIN_LETTERS or _letters(words) < _MIN_SHARE * letters:
        return False
    if in_words < _MIN_WORD_SHARE * _letters(tokens, script) or _broken(text):
        return False
    return _has_its_letters("".join(words).lower(), script)


def _has_its_letters(text: str, script: str) -> bool:
    """Whether the letters of a script are as frequent as in its languages."""
    own = [char for char in text if script_of(char) == script]
    if script in _LEAST_SHARES:
        return all(
            sum(char in letters for char in own) >= least * len(own)
            for letters, least in _LEAST_SHARES[script]
        )
    if script in _WITH_MARKS:
        marks = sum(unicodedata.category(char).startswith("M") for char in own)
        return _MARKS[0] * len(own) <= marks <= _MARKS[1] * len(own)
    return script != "Hangul" or len(set(own)) >= _MIN_DISTINCT * min(len(own), _MAX_DISTINCT)


def _runs(text: str) -> Iterator[str]:
    """The runs of letters of a text: its words, and the parts of words such as `src/main.py`."""
    for is_letter, run in groupby(text, lambda char: script_of(char) is not None):
        if is_letter:
            yield "".join(run)


def _letters(tokens: Iterable[str], script: str | None = None) -> int:
    found = scripts("".join(tokens))
    return found[script] if script else found.total()


def _is_word(letters: str, script: str) -> bool:
    """Whether a run of letters looks like a word of a script."""
    own = {script, _LATIN} if script == VIETNAMESE else {script}
    if len(letters) < 2 and script not in ("Han", "Hiragana", "Katakana"):
        return False
    if any(script_of(char) not in own for char in letters) or _has_inner_capital(letters):
        return False
    return script != "Greek" or _is_greek_word(letters)


def _has_inner_capital(letters: str) -> bool:
    """Whether a capital follows a small letter: a sign of a wrong table."""
    return any(before.islower() and after.isupper() for before, after in pairwise(letters))


def _is_greek_word(letters: str) -> bool:
    """Whether it is spelt as Greek is: an accent, and the final form of sigma."""
    if letters[-1] == _SIGMA:
        return False
    if letters.isupper() or len(letters) < _MIN_ACCENTED:
        return True
    return any(unicodedata.combining(char) for char in unicodedata.normalize("NFD", letters))


def _broken(text: str) -> bool:
    """Whether too many characters have no meaning: replacement, private use, control."""
    characters = Counter(text)
    broken = sum(n for char, n in characters.items() if _is_meaningless(char))
    return broken > _MAX_BROKEN_SHARE * characters.total()


def _is_meaningless(char: str) -> bool:
    is_odd = unicodedata.category(char) in ("Co", "Cn", "Cs", "Cc")
    return char == "\ufffd" or (is_odd and not char.isspace())


def is_written_in(text: str, script: str) -> bool:
    """Whether a text is legible in a script, and has enough of it to matter."""
    return _is_written_in(text, script, scripts(text).total())


def warning(script: str, message: str, *, in_part: bool = False) -> str:
    """The warning of a row whose script its engine does not read.

    Args:
        script: Its name, `UNKNOWN` where only that it was not read is known.
        message: What was done, or what may be wrong.
        in_part: Whether most of the page was read.
    """
    return f"{_WARNING}{_IN_PART if in_part else ''} ({script}): {message}"


def warned_of(warnings: Sequence[str]) -> str | None:
    """The script that a row's warnings say was not read, None where they say nothing of it."""
    return next((found[2] for line in warnings if (found := _NAMED.match(line))), None)


def unread_page(warnings: Sequence[str]) -> str | None:
    """The script that a row's warnings say most of the page is in, None where it was read."""
    found = (_NAMED.match(line) for line in warnings)
    return next((named[2] for named in found if named and not named[1]), None)


def share_in(text: str, readable: Collection[str]) -> float:
    """The share of a text's letters that are of a reader's scripts, 1 for a text without letters.

    Args:
        text: Such as an answer of the reader.
        readable: Names of its scripts.
    """
    letters = scripts(text)
    return sum(letters[name] for name in readable) / letters.total() if letters else 1.0
