"""What structure costs and changes, on the text layers of the pages that have truth.

    python -m benchmarks.structure [--only NAME...]

For each mode of `structure`: CPU milliseconds a page for order, structure and layout model (not for
reading the layer), and words F1 and character error rate against the truth as in
`benchmarks.accuracy`. Marks of Markdown are left out of both: the truth has none. Pages whose words
differ from those of `plain` are listed.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import get_args

from benchmarks.accuracy_pages import Truth, truths
from pipeline.config import ReadConfig, RenderConfig, StructureMode
from pipeline.documents.page_structure import layout_finder
from pipeline.documents.pdf.document import PdfFile
from pipeline.evaluation.metrics import character_error_rate
from pipeline.evaluation.unmarked import without_marks
from pipeline.text import text_layer as layers
from pipeline.text.words import folded, words_f1

_CORPUS = Path("../shared/corpus/accuracy")
_MODES: tuple[StructureMode, ...] = get_args(StructureMode)


@dataclass(slots=True)
class Measured:
    """What was measured of one mode, page by page."""

    ms: list[float] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)
    cer: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def words(text: str) -> Counter[str]:
    """The words of a text, as a multiset."""
    return Counter(re.findall(r"\w+", folded(text)))


def measure(page: Truth, docs: Path, measured: dict[StructureMode, Measured]) -> None:
    """Read the layer of a page in all modes."""
    render = RenderConfig()
    file = PdfFile(str(docs / f"{page.name}.pdf"), "", ReadConfig().max_pages)
    layer = file.layer(page.page, render)
    found: dict[StructureMode, Counter[str]] = {}
    for mode, into in measured.items():
        finder = layout_finder(file, page.page, render, mode)
        began = time.process_time()
        markdown, blocks, _ = layers.read(layer, hidden=False, find_layout=finder)
        into.ms.append((time.process_time() - began) * 1000)
        text = without_marks(markdown)
        found[mode] = words(text)
        into.f1.append(words_f1(text, page.text))
        into.cer.append(character_error_rate(text, page.text))
        into.kinds.update(str(block.kind) for block in blocks)
        if found[mode] != found["plain"]:
            print(f"other words: {page.name} page {page.page}, {mode}")


def report(measured: dict[StructureMode, Measured]) -> None:
    """Print a line for each mode, and how many blocks of each kind it gave."""
    print(f"{'structure':10} pages  ms/page  words F1      CER")
    for mode, each in measured.items():
        means = (fmean(each.ms), fmean(each.f1), fmean(each.cer))
        print(f"{mode:10} {len(each.ms):5} {means[0]:8.1f} {means[1]:9.4f} {means[2]:8.4f}")
    for mode, each in measured.items():
        print(mode, ", ".join(f"{kind} {count}" for kind, count in each.kinds.most_common()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the pages that have truth. Exit code 2 where there are none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--corpus", type=Path, default=_CORPUS, help="folder with docs and truth")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these documents")
    options = parser.parse_args(arguments)
    pages = truths(options.corpus / "truth", options.only)
    if not pages:
        print(f"no truth for these documents in {options.corpus}", file=sys.stderr)
        return 2
    # Plain first: the others are compared with it.
    measured = {mode: Measured() for mode in sorted(_MODES, key=lambda mode: mode != "plain")}
    for page in pages:
        measure(page, options.corpus / "docs", measured)
    report(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
