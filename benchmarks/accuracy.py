"""How much of a page's text is right, and in order, against the text layer of the same page.

    python -m benchmarks.accuracy                           # text layers, and the CPU engine
    python -m benchmarks.accuracy --way ocr --sample 40     # 40 pages spread over the documents
    python -m benchmarks.accuracy --json before.json        # kept ...
    python -m benchmarks.accuracy --against before.json     # ... and compared
    python -m benchmarks.accuracy --from OUTPUT             # the output of a job
    python -m benchmarks.accuracy --degraded --sample 40    # pages made worse, too

The truth is a folder of `NAME.pNNNN.txt`, one for each page, NNNN counted from 0. It is what
the PDF's text layer says, so it has the order in which the page was written down, which is
not always the order in which it is read. Layers are taken whatever the trust in them. Pages are
recognised as a job does it, but that the ladder has no rungs: one of them is the layer, the truth.

Needs the extra `evaluate`. Tables, intervals, comparisons and `--from` are those of the command
`jobs.evaluate`, the measures those of `pipeline.evaluation.metrics`:

- Words F1: words are runs of letters and digits, compared as multisets. It does not see order.
- CER: Levenshtein distance over the length of the truth. It sees order, and is over 1 where there
  is more wrong text than truth. Dots of leaders and dotted rules are characters like all others,
  and so are the marks of Markdown, which no truth has.
- Plain CER: the same without the marks of Markdown, as are words F1 and order: structure is no
  error of the text.
- No dots: plain CER where four dots or more are taken for white space on both sides.
- Engine CER: that of the engine's lines in the engine's own order.
- Order: Kendall's tau over the lines of the truth that are found once in the text, -1 to 1.

How the text score orders pages by their error is printed by `benchmarks.text_score`, which says
more of it; `--degraded` adds pages whose pictures or layers were made worse on purpose.

Means are over pages; their 95 % intervals are from a bootstrap that draws documents.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import accuracy_results as results
from benchmarks import text_score
from benchmarks.accuracy_pages import Pages, Reading, Truth, degraded, sample, truths, written
from benchmarks.accuracy_results import PageScore
from benchmarks.degraded_layers import LAYERS
from benchmarks.degraded_pages import PICTURES
from pipeline.config import RenderConfig

_CORPUS = Path("../shared/corpus")
_LAYER, _OCR = "layer", "ocr"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--corpus", type=Path, default=_CORPUS, help="has accuracy/docs and truth")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these documents")
    parser.add_argument("--way", choices=(_LAYER, _OCR), help="only this one")
    parser.add_argument("--sample", type=int, default=0, help="pages for OCR, 0: all")
    parser.add_argument("--dpi", type=int, default=RenderConfig().dpi, help="drawing resolution")
    parser.add_argument("--from", type=Path, dest="output", help="output folder of a job")
    parser.add_argument("--degraded", action="store_true", help="pages made worse on purpose, too")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--against", type=Path, help="an earlier result")
    return parser.parse_args()


def _scores(arguments: argparse.Namespace, pages: list[Truth]) -> Iterator[PageScore]:
    plain = [(page, "") for page in pages]
    if arguments.output:
        yield from _scored("job", plain, written(pages, arguments.output))
        return
    reader = Pages(arguments.corpus / "accuracy" / "docs", arguments.dpi)
    chosen = sample(pages, arguments.sample)
    if arguments.way != _OCR:
        yield from _scored(_LAYER, plain, reader.layers(pages))
        if arguments.degraded:
            worse = degraded(pages, list(LAYERS), rounds=3)
            yield from _scored(_LAYER, worse, reader.degraded_layers(worse))
    if arguments.way != _LAYER:
        wanted = [(page, "") for page in chosen]
        if arguments.degraded:
            wanted += degraded(chosen, list(PICTURES))
        yield from _scored(_OCR, wanted, reader.recognised(wanted))


def _scored(
    way: str, pages: list[tuple[Truth, str]], readings: Iterable[Reading]
) -> Iterator[PageScore]:
    for number, ((page, degradation), reading) in enumerate(zip(pages, readings, strict=True), 1):
        yield results.page_score(way, page, reading, degradation)
        print(f"\r{way}: {number} of {len(pages)} pages ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main() -> int:
    """Score the pages that have truth. Exit code 2 where there are none."""
    arguments = _arguments()
    folder = arguments.corpus / "accuracy" / "truth"
    pages = truths(folder, arguments.only)
    if not pages:
        print(f"no truth for these documents in {folder}", file=sys.stderr)
        return 2
    scores = list(_scores(arguments, pages))
    results.show(scores)
    text_score.report(scores)
    if arguments.json:
        results.save(scores, arguments.json)
    if arguments.against:
        results.compare(results.load(arguments.against), scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
