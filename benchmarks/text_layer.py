"""Which text layers are trusted, and which of them say what the page shows.

    python -m benchmarks.text_layer FILE_OR_FOLDER... --reference REFERENCE.jsonl [--pages 3]

What a page shows is what the embedded engine reads on it. That takes seconds a page, so it is
kept in REFERENCE.jsonl, one line for each page, and only read again for pages that it lacks.

A layer is good where at least 85% of the words that the engine read are in it, compared as
multisets. A page on which the engine read fewer than three words says nothing about its layer
and is counted apart, and so is a page without visible text. Precision is the good share of the
trusted layers, recall the trusted share of the good ones. A page whose
layer is for a third or more in a script that the engine does not read is counted apart too.
Needs the extra `evaluate`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pipeline.config import EngineConfig, OcrOptions, ReadConfig, RenderConfig, RouteConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.base import Engine
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS, build_engine
from pipeline.engines.request import prepare_request, read_answer
from pipeline.errors import RecordedError
from pipeline.evaluation.metrics import character_error_rate
from pipeline.text import text_layer as layers
from pipeline.text.text_layer_trust import assess_trust
from pipeline.text.words import words

_READ = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH", "GREEK", "MATHEMATICAL", "MICRO")
_GOOD = 0.85
_LEAST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A page and its text layer.

    Attributes:
        name: File and page.
        score: The trust.
        doubts: Why it is less than 1.
        found: Share of the engine's words that are in the layer, None where it says nothing.
        cer: Character error rate of the layer in our reading order against the engine's text.
        ms: Milliseconds for all that takes the place of the engine.
    """

    name: str
    score: float
    doubts: tuple[str, ...]
    found: float | None
    cer: float
    ms: float

    @property
    def is_good(self) -> bool:
        """Whether the layer says what the page shows."""
        return self.found is not None and self.found >= _GOOD


def found_share(layer_text: str, engine_text: str) -> float | None:
    """The share of the engine's words that the layer has, None where that says nothing."""
    letters = [char for char in layer_text if char.isalpha()]
    if 3 * sum(not unicodedata.name(char, "").startswith(_READ) for char in letters) > len(letters):
        return None
    layer, engine = words(layer_text), words(engine_text)
    if engine.total() < _LEAST_WORDS:
        return None
    return (layer & engine).total() / engine.total()


def pages_of(reader: SandboxClient, paths: list[Path], most: int) -> Iterator[tuple[Path, int]]:
    """The first pages of every PDF that opens."""
    files = [path for root in paths for path in (sorted(root.rglob("*.pdf")) or [root])]
    seen: set[str] = set()
    for path in files:
        try:
            document = reader.inspect(str(path.resolve()))
        except RecordedError:
            continue
        if document.doc_id in seen:
            continue
        seen.add(document.doc_id)
        count = len(document.pages)
        yield from ((path, page) for page in range(1, min(count, most) + 1))


class Reference:
    """What the engine reads on pages, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        rows = map(json.loads, lines)
        self._texts = {(row["path"], row["page"]): row["text"] for row in rows}
        self._options = OcrOptions(output="-", engine=EngineConfig(kind="onnx"))
        self._engine: Engine | None = None

    def text(self, reader: SandboxClient, path: Path, page: int) -> str | None:
        """The engine's text of a page, None where it cannot be drawn."""
        key = ("/".join(path.parts[-2:]), page)
        if key not in self._texts:
            self._texts[key] = self._read(reader, path, page)
            with self._path.open("a") as file:
                line = {"path": key[0], "page": page, "text": self._texts[key]}
                file.write(json.dumps(line) + "\n")
        return self._texts[key]

    def _read(self, reader: SandboxClient, path: Path, page: int) -> str | None:
        self._engine = self._engine or build_engine(self._options.engine)
        try:
            image = reader.render(str(path.resolve()), page)
        except RecordedError:
            return None
        request = prepare_request(image, make_recipe(self._options, "onnx"))
        return read_answer(asyncio.run(self._engine.generate(request)), request, SPECS["onnx"])[0]


def judge(path: Path, page: int, engine_text: str) -> Judged | None:
    """Compare a page's layer with the engine's text, None where it has no visible text.

    The layer is read in this process: the sandbox returns only what a page was settled with.
    """
    begin = time.perf_counter()
    try:
        layer = PdfFile(str(path.resolve()), "", ReadConfig().max_pages).layer(page, RenderConfig())
    except RecordedError:
        return None
    if not layer.visible:
        return None
    worth = assess_trust(layer)
    text = layers.read(layer, hidden=False)[0]
    ms = (time.perf_counter() - begin) * 1000
    found = found_share(text, engine_text)
    cer = character_error_rate(text, engine_text)
    return Judged(f"{path.name} p{page}", worth.score, worth.doubts, found, cer, ms)


def report(judged: list[Judged], without: int, least: float) -> None:
    """Print the confusion table and every page on the wrong side of it."""
    unknown = [page for page in judged if page.found is None]
    known = [page for page in judged if page.found is not None]
    taken = [page for page in known if page.score >= least]
    good = [page for page in known if page.is_good]
    both = [page for page in taken if page.is_good]
    print(f"{len(judged) + without} pages, {without} without visible text in a layer")
    print(f"{len(unknown)} of which the engine cannot tell, ", end="")
    print(f"{sum(page.score >= least for page in unknown)} of them trusted")
    print(f"{len(known)} judged:        good layer   bad layer")
    print(f"  trusted           {len(both):9} {len(taken) - len(both):11}")
    bad_left = len(known) - len(good) - (len(taken) - len(both))
    print(f"  not trusted       {len(good) - len(both):9} {bad_left:11}")
    print(f"precision {len(both) / max(1, len(taken)):.3f}  ", end="")
    print(f"recall {len(both) / max(1, len(good)):.3f}  (trust {least:g} and more)")
    if both:
        print(f"of the {len(both)}: median character error rate against the engine's text ", end="")
        print(
            f"{median(page.cer for page in both):.4f}, median {median(p.ms for p in both):.0f} ms"
        )
    for page in sorted(known, key=lambda page: page.name):
        if (page.score >= least) != page.is_good:
            kind = "trusted" if page.score >= least else "refused"
            why = ", ".join(page.doubts)
            print(f"  {kind} {page.name}: {page.found:.2f} found, {page.score:.2f} {why}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--reference", type=Path, required=True, help="kept readings, JSON lines")
    parser.add_argument("--pages", type=int, default=3, help="pages of every document")
    parser.add_argument("--trust", type=float, default=RouteConfig().min_trust)
    options = parser.parse_args()
    reference = Reference(options.reference)
    judged: list[Judged] = []
    without = 0
    with SandboxClient() as reader:
        for path, page in pages_of(reader, options.paths, options.pages):
            text = reference.text(reader, path, page)
            one = None if text is None else judge(path, page, text)
            without += one is None
            judged += [one] if one else []
    report(judged, without, options.trust)
    return 0


if __name__ == "__main__":
    sys.exit(main())
