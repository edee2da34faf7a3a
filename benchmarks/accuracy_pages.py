"""The pages that `benchmarks.accuracy` scores, and what is read from them, as a job reads them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import degraded_layers
from benchmarks.degraded_pages import degrade
from pipeline.config import EngineConfig, LadderConfig, OcrOptions, ReadConfig, Recipe, RenderConfig
from pipeline.documents.look import LookOptions, PageView
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.base import Engine
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_engine
from pipeline.engines.request import prepare_request
from pipeline.errors import PageError
from pipeline.evaluation.output_texts import OutputTexts
from pipeline.evaluation.truth import text_files
from pipeline.recognition.recognise import failed, recognise
from pipeline.recognition.result import page_result
from pipeline.recognition.route import Routes
from pipeline.text import text_layer
from pipeline.text.text_layer_trust import assess_trust
from pipeline.types import Generation, PageRef, PageResult, Recognition, Request, Source, Status

_STEP = 7
"""Between the degradations of neighbouring pages; has no factor in common with their number."""


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
        engine_text: The engine's lines in the engine's order, None where they are not known.
        seconds: CPU seconds of this process, None without an engine. Documents are opened and
            drawn in another one.
        result: The page's result, None where only its text is known.
    """

    text: str
    engine_text: str | None = None
    seconds: float | None = None
    result: PageResult | None = None


def truths(folder: Path, only: Sequence[str] = ()) -> list[Truth]:
    """The pages that have truth, by name and number.

    Args:
        folder: Holds files `NAME.pNNNN.txt`, NNNN counted from 0.
        only: Names, or beginnings of names, of the documents that are wanted; none: all.
    """
    wanted = tuple(only) or ("",)
    found = (page for page in text_files(folder) if page.page and page.name.startswith(wanted))
    return [Truth(page.name, page.page or 0, page.text) for page in found]


def sample(pages: Sequence[Truth], count: int, seed: int = 16) -> list[Truth]:
    """So many of the pages, spread evenly over the documents; all for 0.

    The first `n` pages of a larger sample are not those of a smaller one, but the same seed and
    count always give the same pages.
    """
    if not count or count >= len(pages):
        return list(pages)
    chance = random.Random(seed)
    by_document: dict[str, list[Truth]] = {}
    for page in pages:
        by_document.setdefault(page.name, []).append(page)
    ranked = [
        (rank, page)
        for group in by_document.values()
        for rank, page in enumerate(chance.sample(group, len(group)))
    ]
    chosen = {page for _, page in sorted(ranked, key=lambda pair: pair[0])[:count]}
    return [page for page in pages if page in chosen]


def degraded(
    pages: Sequence[Truth], names: Sequence[str], rounds: int = 2
) -> list[tuple[Truth, str]]:
    """The pages, each so many times, with the names of degradations in turn."""
    every = [page for _ in range(rounds) for page in pages]
    return [(page, names[_STEP * place % len(names)]) for place, page in enumerate(every)]


class Pages:
    """Reads the pages of a corpus as a job does.

    Args:
        docs: Folder of the documents.
        dpi: Resolution that pages are drawn at.
    """

    def __init__(self, docs: Path, dpi: int = RenderConfig().dpi) -> None:
        render, engine = RenderConfig(dpi=dpi), EngineConfig(kind="onnx")
        # The truth is the pages' text layer: the ladder must not take its text from there.
        ladder = LadderConfig(rungs=())
        options = OcrOptions(
            output="-", render=render, engine=engine, ladder=ladder, text_layer="never"
        )
        self._render, self._engine_config = render, engine
        self._recipe: Recipe = make_recipe(options, "onnx")
        self._paths = {path.stem: path.resolve() for path in docs.iterdir()}

    def layers(self, pages: Iterable[Truth]) -> Iterator[Reading]:
        """The visible text layer of each page, whatever the trust in it."""
        options = LookOptions(min_trust=0.0, pictures="warn")
        with SandboxClient(render=self._render) as reader:
            for truth in pages:
                path = str(self._paths[truth.name])
                yield _settled(truth, next(reader.look_many(path, [truth.page], options)))

    def degraded_layers(self, pages: Iterable[tuple[Truth, str]]) -> Iterator[Reading]:
        """Layers made worse, each in a way of `degraded_layers.LAYERS`; read in this process."""
        for truth, degradation in pages:
            file = PdfFile(str(self._paths[truth.name]), "", ReadConfig().max_pages)
            layer = degraded_layers.degrade(
                file.layer(truth.page, self._render), degradation, truth.page
            )
            text, blocks, deg = text_layer.read(layer, hidden=False)
            view = PageView(
                *(layer.width_px, layer.height_px, layer.dpi),
                settled=Recognition(Status.OK, text, blocks),
                source=Source.TEXT_LAYER,
                trust=assess_trust(layer),
                turned_deg=deg,
            )
            yield _settled(truth, view)

    def recognised(self, pages: Iterable[tuple[Truth, str]]) -> Iterator[Reading]:
        """What the CPU engine reads of each page.

        Args:
            pages: The pages, and what is done to the picture of each: a name of
                `degraded_pages.PICTURES`, "" for nothing.
        """
        routes, engine = Routes(self._recipe), Recorder(build_engine(self._engine_config))
        with SandboxClient(render=self._render) as reader:
            for truth, degradation in pages:
                view = routes.view(reader, str(self._paths[truth.name]), truth.page)
                if degradation and view.image is not None:
                    pixels = degrade(view.image.pixels, degradation, truth.page)
                    view = replace(view, image=replace(view.image, pixels=pixels))
                yield self._read(truth, view, engine)

    def _read(self, truth: Truth, view: PageView, engine: Recorder) -> Reading:
        if view.image is None:
            return _settled(truth, view)
        begin = time.process_time()
        request = prepare_request(view.image, self._recipe)
        recognition = asyncio.run(recognise(engine, request, self._recipe))
        seconds = time.process_time() - begin
        result = page_result(_ref(truth), view, recognition)
        return Reading(recognition.text, engine.text, seconds, result)


class Recorder:
    """An engine that keeps the text of its last answer, in the engine's own order.

    Args:
        engine: Reads the pages.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.text = ""

    async def generate(self, request: Request) -> Generation:
        """See `Engine.generate`."""
        generation = await self._engine.generate(request)
        self.text = "\n".join(line.text for line in generation.lines)
        return generation


def written(pages: Iterable[Truth], output: Path) -> Iterator[Reading]:
    """Take pages from the output of a job; one that is not there has no text."""
    texts = OutputTexts(output / "pages")
    for truth in pages:
        uri = texts.find(truth.name)
        yield Reading(texts.page(uri, truth.page).text if uri else "")


def _settled(truth: Truth, view: PageView | PageError) -> Reading:
    """The reading of a page that needs no engine; one without a layer has no text."""
    if isinstance(view, PageError):
        recognition = failed(view.kind, str(view))
        return Reading("", result=page_result(_ref(truth), None, recognition))
    if view.settled is None:
        return Reading("")
    return Reading(view.settled.text, result=page_result(_ref(truth), view, view.settled))


def _ref(truth: Truth) -> PageRef:
    return PageRef(truth.name, "", truth.page, 0, "application/pdf", 0, 0)
