"""How much of a page's text is right, against the text layer of the same page.

    python -m benchmarks.accuracy                     # recognise and score
    python -m benchmarks.accuracy --from OUTPUT       # score the output of a job
    python -m benchmarks.accuracy --raw --only report # with the engine's own order as a peer

The truth is a folder of `NAME.pNNNN.txt`, one for each page, NNNN counted from 0. It is what
the PDF's text layer says, so it has the order in which the page was written down, which is
not always the order in which it is read.

Both texts are put into NFKC and every stretch of white space becomes one space; nothing else
is changed. Dots of leaders and dotted rules are characters like all others.

- Words F1: words are runs of letters and digits, compared as multisets. It does not see order.
- Character error rate: Levenshtein distance over the length of the truth. It sees order, and
  is over 1 where there is more wrong text than truth.
- No dots: the character error rate where four dots or more are taken for white space on both
  sides. It tells missed leaders from missed text, and is no result of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from statistics import fmean

from pipeline.config import EngineConfig, OcrOptions, RenderConfig
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS, build_engine
from pipeline.engines.request import prepare_request, read_answer

_CORPUS = Path("../shared/corpus/accuracy")
_TRUTH_NAME = re.compile(r"(?P<name>.+)\.p(?P<index>\d+)\.txt")
_LEADER = re.compile(r"(?:\.\s?){4,}")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Truth:
    """What a page says.

    Attributes:
        name: The document's file name without its ending.
        page: 1-based number.
        text: The text of the page.
    """

    name: str
    page: int
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a page.

    Attributes:
        text: In reading order.
        raw: The engine's lines in the engine's order, None where they are not known.
        seconds: What the engine took, None where it did not run here.
    """

    text: str
    raw: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How well a page was read; means of them have the same shape."""

    words_f1: float
    cer: float
    raw_cer: float | None
    seconds: float | None
    dotless_cer: float


def folded(text: str) -> str:
    """The text in NFKC, with every stretch of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def without_leaders(text: str) -> str:
    """The text folded, with every stretch of four dots or more as one space."""
    return " ".join(_LEADER.sub(" ", folded(text)).split())


def words_f1(text: str, truth: str) -> float:
    """Harmonic mean of precision and recall of the words, 0 to 1; 1 where neither has any."""
    read, true = (Counter(_WORD.findall(folded(side))) for side in (text, truth))
    total = read.total() + true.total()
    return 2 * (read & true).total() / total if total else 1.0


def character_error_rate(text: str, truth: str) -> float:
    """Edits that turn the text into the truth, for each character of the truth."""
    read, true = folded(text), folded(truth)
    return distance(read, true) / max(1, len(true))


def distance(a: str, b: str) -> int:
    """Levenshtein distance: one step for each character of `b`, on one bit for each of `a`.

    This is Myers' bit vector (J. ACM 46, 1999) in the form by Hyyrö (2003). Bit i of `up` and
    `down` says that the distance rises or falls from row i to row i + 1 of the table.
    """
    if not a:
        return len(b)
    places: dict[str, int] = defaultdict(int)
    for i, char in enumerate(a):
        places[char] |= 1 << i
    mask = (1 << len(a)) - 1
    last = 1 << (len(a) - 1)
    up, down, result = mask, 0, len(a)
    for char in b:
        equal = places.get(char, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right = down | ~(diagonal | up)
        left = up & diagonal
        result += bool(right & last) - bool(left & last)
        right = (right << 1 | 1) & mask
        left = left << 1 & mask
        up = (left | ~(diagonal | right)) & mask
        down = right & diagonal
    return result


def score(reading: Reading, truth: str) -> Score:
    """Compare a page with its truth."""
    raw = None if reading.raw is None else character_error_rate(reading.raw, truth)
    f1, cer = words_f1(reading.text, truth), character_error_rate(reading.text, truth)
    dotless = character_error_rate(without_leaders(reading.text), without_leaders(truth))
    return Score(f1, cer, raw, reading.seconds, dotless)


def mean(scores: Sequence[Score]) -> Score:
    """The mean of every measure; None where a page lacks it."""
    return Score(
        fmean(each.words_f1 for each in scores),
        fmean(each.cer for each in scores),
        _mean([each.raw_cer for each in scores]),
        _mean([each.seconds for each in scores]),
        fmean(each.dotless_cer for each in scores),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def truths(folder: Path, only: Sequence[str] = ()) -> list[Truth]:
    """The pages that have truth, by name and number.

    Args:
        folder: Holds files `NAME.pNNNN.txt`.
        only: Names, or beginnings of names, of the documents that are wanted; none: all.
    """
    found = []
    for path in sorted(folder.iterdir()):
        match = _TRUTH_NAME.fullmatch(path.name)
        if match and (not only or match["name"].startswith(tuple(only))):
            page = int(match["index"]) + 1
            found.append(Truth(match["name"], page, path.read_text(encoding="utf-8")))
    return found


def recognised(pages: Iterable[Truth], docs: Path, dpi: int) -> Iterator[Reading]:
    """Read pages with the embedded engine, as a job does."""
    render = RenderConfig(dpi=dpi)
    config = EngineConfig(kind="onnx")
    recipe = make_recipe(OcrOptions(output="-", render=render, engine=config), "onnx")
    engine = build_engine(config)
    paths = {path.stem: path for path in docs.iterdir()}
    with SandboxClient(render=render) as reader:
        for truth in pages:
            image = reader.render(str(paths[truth.name].resolve()), truth.page)
            request = prepare_request(image, recipe)
            began = time.perf_counter()
            generation = asyncio.run(engine.generate(request))
            seconds = time.perf_counter() - began
            raw = "\n".join(line.text for line in generation.lines)
            yield Reading(read_answer(generation, request, SPECS["onnx"])[0], raw, seconds)


def written(pages: Iterable[Truth], output: Path) -> Iterator[Reading]:
    """Take pages from the output of a job; one that is not there has no text."""
    import pyarrow.dataset as parquet

    table = parquet.dataset(output / "pages", format="parquet").to_table(["uri", "page", "text"])
    texts = {
        (PurePath(row["uri"]).stem, row["page"]): row["text"] or "" for row in table.to_pylist()
    }
    for truth in pages:
        yield Reading(texts.get((truth.name, truth.page), ""))


def show(name: str, pages: int, result: Score, *, raw: bool) -> None:
    """Print one line of the table."""
    cells = [f"{name[:36]:36}", f"{pages:5}", f"{result.words_f1:8.4f}"]
    if raw:
        cells.append("       -" if result.raw_cer is None else f"{result.raw_cer:8.4f}")
    cells += [f"{result.cer:8.4f}", f"{result.dotless_cer:8.4f}"]
    cells.append("     -" if result.seconds is None else f"{result.seconds:6.2f}")
    print("  ".join(cells), flush=True)


def report(pages: Sequence[Truth], readings: Iterable[Reading], *, raw: bool) -> None:
    """Print a line for each document as soon as it is through, and the means."""
    heads = ["words F1", *(["raw CER"] if raw else []), "CER", "no dots"]
    print(f"{'document':36}  pages  " + "  ".join(f"{x:>8}" for x in heads) + "  s/page")
    counts = Counter(page.name for page in pages)
    scores: dict[str, list[Score]] = defaultdict(list)
    for page, reading in zip(pages, readings, strict=True):
        done = scores[page.name]
        done.append(score(reading, page.text))
        if len(done) == counts[page.name]:
            show(page.name, len(done), mean(done), raw=raw)
    every = [each for done in scores.values() for each in done]
    show("mean of documents", len(every), mean([mean(done) for done in scores.values()]), raw=raw)
    show("mean of pages", len(every), mean(every), raw=raw)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--docs", type=Path, default=_CORPUS / "docs", help="the documents")
    parser.add_argument("--truth", type=Path, default=_CORPUS / "truth", help="NAME.pNNNN.txt")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these documents")
    parser.add_argument("--dpi", type=int, default=RenderConfig().dpi, help="drawing resolution")
    parser.add_argument("--from", type=Path, dest="output", help="output folder of a job")
    parser.add_argument("--raw", action="store_true", help="show the engine's own order too")
    return parser.parse_args()


def main() -> int:
    """Score the pages that have truth. Exit code 2 where there are none."""
    arguments = _arguments()
    pages = truths(arguments.truth, arguments.only)
    if not pages:
        print(f"no truth for these documents in {arguments.truth}", file=sys.stderr)
        return 2
    if arguments.output:
        readings = written(pages, arguments.output)
    else:
        readings = recognised(pages, arguments.docs, arguments.dpi)
    report(pages, readings, raw=arguments.raw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
