"""The rule against repetition: no sequence of n tokens twice within a window. Pure.

DeepSeek-OCR is decoded with it (`pipeline.engines.deepseek_ocr.model` has its numbers). It says the
same as vLLM's `NoRepeatNGramLogitsProcessor`, which compares every place of the window in Python
for every page and step; on a GPU that held the whole engine up (`benchmarks/results/`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def banned(
    tokens: Sequence[int], size: int, window: int, allowed: Collection[int] = ()
) -> set[int]:
    """Tokens that may not come next.

    Args:
        tokens: What was written so far.
        size: Tokens of a sequence that may not come twice, at least 2.
        window: Tokens from the end in which an earlier one may begin.
        allowed: Tokens that may come all the same, such as table cells.
    """
    count = len(tokens)
    if count < size:
        return set()
    last, start, found = tokens[-1], tokens[count - size + 1 :], set[int]()
    at = max(0, count - window) + size - 2
    while True:
        try:  # the search runs in C; slices are compared only where the last token is found
            at = tokens.index(last, at, count - 1)
        except ValueError:
            return found.difference(allowed)
        if tokens[at - size + 2 : at + 1] == start:
            found.add(tokens[at + 1])
        at += 1
