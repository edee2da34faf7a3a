"""What the measure of repetition costs, and what it takes for a loop.

    python -m benchmarks.quality [--truth FOLDER]

Three tables. The price: microseconds for the text of a page, and for a loop that ran to the
limit. False alarms: the texts of a folder of `*.txt`, one a page (the truth of
`benchmarks.accuracy`), by score. Found: loops made of paragraphs of those same pages after a page
of text, by period and by the words between two stumbles, over the default of
`ladder.max_repetition`. The peer is how many times smaller zlib makes a text, which speech
recognisers go by (a loop over 2.4), once so and once with the limit at which it gives as many
false alarms as the measure. Loops run to the limit of an answer, or for 800 words and end.
"""

from __future__ import annotations

import argparse
import random
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from pipeline.config import LadderConfig
from pipeline.text.repetition import repetition

_CORPUS = Path("../shared/corpus/accuracy/truth")
_THRESHOLD = LadderConfig().max_repetition
_ZLIB_RATIO = 2.4
_ANSWER_WORDS = 5000
"""Words of an answer of 7,300 tokens, which is what a page leaves of 8,192."""
_SHORT_WORDS = 800
"""Words of a loop that the model got out of by itself."""
_PERIODS = (2, 10, 40, 61, 90, 200, 500, 1000)
_STUMBLES = (0, 40, 20, 15)
_TRIES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--truth", type=Path, default=_CORPUS, help="folder of *.txt, one a page")
    folder = parser.parse_args().truth
    pages = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}
    if not pages:
        parser.error(f"no *.txt in {folder}")
    print_price(list(pages.values()))
    limit = print_alarms(pages)
    for words in (_ANSWER_WORDS, _SHORT_WORDS):
        print_found(list(pages.values()), words, limit)


def print_price(pages: Sequence[str]) -> None:
    rng = random.Random(0)
    loops = [looped(pages, rng, period, 0, _ANSWER_WORDS) for period in (10, 100, 1000)]
    print(f"{'text':28}{'characters':>12}{'repetition us':>15}{'zlib us':>10}")
    for name, texts in (("a page (median)", pages), ("a loop of 5000 words", loops)):
        size = median(len(text) for text in texts)
        print(f"{name:28}{size:>12.0f}{cost_us(repetition, texts):>15.0f}", end="")
        print(f"{cost_us(ratio, texts):>10.0f}")


def print_alarms(pages: dict[str, str]) -> float:
    """Print them; the ratio of zlib that as many pages are over."""
    scores = sorted(((repetition(text), name) for name, text in pages.items()), reverse=True)
    alarms = sum(score > _THRESHOLD for score, _ in scores)
    ratios = sorted((ratio(text) for text in pages.values()), reverse=True)
    others = sum(one > _ZLIB_RATIO for one in ratios)
    print(f"\nfalse alarms: {alarms} of {len(pages)} pages (zlib over 2.4: {others}); highest:")
    for score, name in scores[:6]:
        print(f"  {score:.2f}  {name}")
    return ratios[alarms]


def print_found(pages: Sequence[str], words: int, limit: float) -> None:
    print(f"\nloops of {words} words found of {_TRIES}: measure, zlib by both limits;")
    print(f"by the words between two stumbles, 0 for none (zlib over 2.4 and {limit:.2f})")
    print(f"{'period, words':>14}" + "".join(f"{every:>18}" for every in _STUMBLES))
    for period in (period for period in _PERIODS if period * 5 <= words):
        cells = [found(pages, period, every, words, limit) for every in _STUMBLES]
        print(f"{period:>14}" + "".join(f"{a:>8}{b:>5}{c:>5}" for a, b, c in cells))


def found(
    pages: Sequence[str], period: int, every: int, words: int, limit: float
) -> tuple[int, int, int]:
    """Loops that the measure finds, and zlib by either limit."""
    rng = random.Random(period * 1000 + every)
    texts = [looped(pages, rng, period, every, words) for _ in range(_TRIES)]
    ours = sum(repetition(text) > _THRESHOLD for text in texts)
    ratios = [ratio(text) for text in texts]
    return ours, sum(one > _ZLIB_RATIO for one in ratios), sum(one > limit for one in ratios)


def looped(pages: Sequence[str], rng: random.Random, period: int, every: int, words: int) -> str:
    """A page of text, and then a loop of so many words."""
    book = " ".join(pages).split()
    start = rng.randrange(len(book) - period)
    unit, before = book[start : start + period], rng.choice(pages).split()
    rounds = (unit * (words // period + 1))[:words]
    for place in range(every, len(rounds), every) if every else ():
        rounds[place] = rng.choice(book)
    return " ".join([*before, *rounds])


def ratio(text: str) -> float:
    raw = text.encode("utf-8", "replace")
    return len(raw) / len(zlib.compress(raw))


def cost_us(measure: Callable[[str], float], texts: Sequence[str]) -> float:
    """The median of microseconds, of the best of three each."""
    return median(min(_once_us(measure, text) for _ in range(3)) for text in texts)


def _once_us(measure: Callable[[str], float], text: str) -> float:
    begin = time.perf_counter()
    measure(text)
    return (time.perf_counter() - begin) * 1e6


if __name__ == "__main__":
    main()
