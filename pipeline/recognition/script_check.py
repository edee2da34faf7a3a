"""Whether a page is in a script that the engine which read it does not read. Pure.

A recogniser gives no error for letters that it does not have: it leaves them out, or takes others
that look like them. What tells is, in this order: the page's own text layer; an answer in letters
that the engine has for formulas only; and lines that were detected and have far fewer characters
than their length holds, on the whole page or in one paragraph. A language that the document states
makes the last test stricter.
"""

from __future__ import annotations

from collections.abc import Collection
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
_MIN_UNREAD_LINES: Final = 2
"""Lines of a paragraph that were not read, on a page that was."""
_VIETNAMESE: Final = frozenset("ươƯƠ")
"""Letters of no other language: they stay where those with two accents are left out."""
_MIN_VIETNAMESE_SHARE: Final = 0.01
"""Their share of a text's letters from which it is Vietnamese."""


def unread_script(
    generation: Generation, text: str, request: Request, readable: Collection[str]
) -> str | None:
    """The script of a page that an engine answered without reading it.

    Args:
        generation: Its answer.
        text: The text of the answer.
        request: What it was given.
        readable: The scripts that it reads, empty for all.

    Returns:
        The script, `UNKNOWN` where it has no name, None where the page was read.
    """
    if not readable or request.task not in _TEXT_TASKS:
        return None
    hint = request.script_hint
    hinted = hint.script if hint and hint.script not in readable else None
    if hint and hinted and hint.is_certain:
        return hinted
    letters = scripts(text)
    if letters.total() >= _MIN_LETTERS and share_in(text, readable) < _MIN_READABLE_SHARE:
        return hinted or max(letters.keys() - set(readable), key=lambda name: letters[name])
    if VIETNAMESE not in readable and _is_vietnamese(text, letters.total()):
        return VIETNAMESE
    least = _MIN_HINTED_COVERAGE if hinted else _MIN_COVERAGE
    if generation.coverage is not None and generation.coverage < least:
        return hinted or UNKNOWN
    return (hinted or UNKNOWN) if generation.unread_lines >= _MIN_UNREAD_LINES else None


def _is_vietnamese(text: str, letters: int) -> bool:
    found = sum(char in _VIETNAMESE for char in text)
    return letters >= _MIN_LETTERS and found >= _MIN_VIETNAMESE_SHARE * letters
