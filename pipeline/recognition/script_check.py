"""Whether a page is in a script that the engine which read it does not read. Pure.

A recogniser gives no error for letters that it does not have: it leaves them out, or takes others
that look like them. What tells is, in this order: the page's own text layer; an answer in letters
that the engine has for formulas only; and lines that were detected and have far fewer characters
than their length holds, on the whole page, in one paragraph or in a single line. A language that
the document states makes the last test stricter. A page of which one paragraph or line was not read
is read in part: its answer is worth more than another that is in doubt.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from pipeline.text.script_ranges import VIETNAMESE
from pipeline.text.scripts import UNKNOWN, scripts, share_in
from pipeline.types import Generation, Request, Task

_TEXT_TASKS: Final = (Task.MARKDOWN, Task.TEXT)
_MIN_LETTERS: Final = 20
"""Letters of an answer whose scripts are looked at."""
_MIN_READABLE_SHARE: Final = 0.7
"""Share of an answer's letters that are of scripts which the engine reads."""
_MIN_COVERAGE: Final = 0.5
"""Coverage of detected lines below which they were not read. Pages in scripts that PP-OCR reads
have .87 and more, in others .35 and less."""
_MIN_HINTED_COVERAGE: Final = 0.85
"""The same where the document states a language in another script: half of a page may be in it."""
_MIN_LINE_LETTERS: Final = 10
"""Letters of a line of which most are of a script that the engine does not read, ..."""
_MIN_STRANGE_SHARE: Final = 0.6
"""... their share of its letters, ..."""
_MIN_STRANGE_WORDS: Final = 2
"""... and words of three of them, so that it is text: in formulas Greek letters stand alone."""
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_VIETNAMESE: Final = frozenset("ươƯƠ")
"""Letters of no other language: they stay where those with two accents are left out."""
_MIN_VIETNAMESE_SHARE: Final = 0.01
"""Their share of a text's letters from which it is Vietnamese."""


@dataclass(frozen=True, slots=True)
class UnreadScript:
    """A script that an engine did not read.

    Attributes:
        name: Its name, `UNKNOWN` where it has none.
        is_partial: Whether most of the page was read.
    """

    name: str
    is_partial: bool = False


def unread_script(
    generation: Generation, text: str, request: Request, readable: Collection[str]
) -> UnreadScript | None:
    """The script of a page that an engine answered without reading all of it.

    Args:
        generation: Its answer.
        text: The text of the answer.
        request: What it was given.
        readable: The scripts that it reads, empty for all.

    Returns:
        The script, None where the page was read.
    """
    if not readable or request.task not in _TEXT_TASKS:
        return None
    hint = request.script_hint
    hinted = hint.script if hint and hint.script not in readable else None
    if hint and hinted and hint.is_certain:
        return UnreadScript(hinted)
    letters = scripts(text)
    if letters.total() >= _MIN_LETTERS and share_in(text, readable) < _MIN_READABLE_SHARE:
        strange = max(letters.keys() - set(readable), key=lambda name: letters[name])
        return UnreadScript(hinted or strange)
    if VIETNAMESE not in readable and _is_vietnamese(text, letters.total()):
        return UnreadScript(VIETNAMESE)
    return _of_lines(generation, hinted) or _of_strange_lines(generation, readable)


def _of_lines(generation: Generation, hinted: str | None) -> UnreadScript | None:
    """The script by the lines that were detected and not read."""
    least = _MIN_HINTED_COVERAGE if hinted else _MIN_COVERAGE
    name, coverage = hinted or UNKNOWN, generation.coverage
    if coverage is not None and coverage < least:
        return UnreadScript(name)
    if not generation.unread_lines:
        return None
    # Without a coverage the page has hardly any other line, or short ones.
    is_partial = coverage is not None or len(generation.lines) > generation.unread_lines
    return UnreadScript(name, is_partial=is_partial)


def _of_strange_lines(generation: Generation, readable: Collection[str]) -> UnreadScript | None:
    """The script of a line in letters that the engine has for formulas only."""
    for line in generation.lines:
        letters = Counter() if line.text.isascii() else scripts(line.text)
        strange = Counter({name: n for name, n in letters.items() if name not in readable})
        if strange.total() < max(_MIN_LINE_LETTERS, _MIN_STRANGE_SHARE * letters.total()):
            continue
        name = strange.most_common(1)[0][0]
        words = (word for word in _WORD.findall(line.text) if scripts(word)[name] == len(word))
        if sum(1 for _ in words) >= _MIN_STRANGE_WORDS:
            return UnreadScript(name, is_partial=True)
    return None


def _is_vietnamese(text: str, letters: int) -> bool:
    found = sum(char in _VIETNAMESE for char in text)
    return letters >= _MIN_LETTERS and found >= _MIN_VIETNAMESE_SHARE * letters
