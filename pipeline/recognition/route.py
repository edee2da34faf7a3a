"""What is done with a page before any engine: take its text layer, call it blank, or draw it.

The batch calls it in its render stage, the service in its readers. What is cheap comes first, and
a page that is settled here needs no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.config import Recipe
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.ink import is_blank
from pipeline.recognition.orientation import OrientationDetector
from pipeline.text import text_layer as layers
from pipeline.text.text_layer import TextLayer
from pipeline.text.text_layer_trust import Trust, assess_trust, legibility
from pipeline.types import Instruction, PageImage, Recognition, Rung, Source, Status, Task

_TEXT_TASKS: Final = (Task.MARKDOWN, Task.TEXT)
"""What a text layer can answer. The other tasks are about the image."""


@dataclass(frozen=True, slots=True)
class PageView:
    """A page before the engine.

    Attributes:
        width_px: Width of its image, or of the one that would have been drawn.
        height_px: Height of that image.
        dpi: Its resolution, 0 where unknown.
        warnings: Faults of the page that did not keep it from being read.
        image: The page as displayed; None where the page is settled.
        settled: What became of a page that needs no engine, else None.
        source: Where its text comes from, None for a blank page.
        trust: What its text layer is worth, None where it was not looked at.
        turned_deg: The clockwise turn that makes its text upright.
    """

    width_px: int
    height_px: int
    dpi: float
    warnings: tuple[str, ...] = ()
    image: PageImage | None = None
    settled: Recognition | None = None
    source: Source | None = Source.OCR
    trust: Trust | None = None
    turned_deg: int = 0


class Routes:
    """Decides which pages need an engine.

    Args:
        recipe: Says what may be taken from text layers, what is blank, and whether to turn.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._detector = OrientationDetector()

    def view(
        self,
        reader: SandboxClient,
        path: str,
        page: int,
        password: str | Sequence[str] = "",
        instruction: Instruction | None = None,
    ) -> PageView:
        """Look at a page, and draw it only where that is needed.

        Args:
            reader: Opens the document.
            path: The file.
            page: 1-based number.
            password: For encrypted PDFs, or several that are tried in turn.
            instruction: What is asked for, None for the recipe's task.

        Raises:
            PageError: As `SandboxClient.render`; RENDER for a page that is blank because something
                on it cannot be decoded; NO_TEXT_LAYER for a page without one where only text
                layers are wanted.
        """
        layer = self._layer(reader, path, page, password)
        worth = None if layer is None else assess_trust(layer)
        settled = self._settled(layer, worth, instruction)
        if settled is not None:
            return settled
        image = replace(reader.render(path, page, password), layer=self._last_resort(layer))
        return replace(self._drawn(image), trust=worth)

    def _last_resort(self, layer: TextLayer | None) -> str | None:
        """What is taken from a layer where no engine finds a better answer."""
        if layer is None or Rung.LAYER.value not in self._recipe.ladder.rungs:
            return None
        text = layers.read(layer, hidden=True)[0]
        return text if legibility(text) >= self._recipe.route.min_trust else None

    def _layer(
        self, reader: SandboxClient, path: str, page: int, password: str | Sequence[str]
    ) -> TextLayer | None:
        """The text layer, None where it is not wanted or there cannot be one."""
        if self._recipe.text_layer == "never":
            return None
        try:
            return reader.layer(path, page, password)
        except PageError as error:
            # Drawing may still succeed: MuPDF leaves out what it cannot draw. What ended the
            # reader would end it again.
            if error.kind is not ErrorKind.RENDER or self._recipe.text_layer == "only":
                raise
            return None

    def _settled(
        self, layer: TextLayer | None, worth: Trust | None, instruction: Instruction | None
    ) -> PageView | None:
        """The view of a page that needs no image, None for one that does."""
        only = self._recipe.text_layer == "only"
        if layer is None or worth is None:
            if only:
                raise PageError(ErrorKind.NO_TEXT_LAYER, "an image has no text layer")
            return None
        size = (layer.width_px, layer.height_px, layer.dpi, layer.warnings)
        # What was complained about may have left content out: then rendering has to tell.
        is_empty = not layer.drawing.operations and not layer.warnings
        if is_empty and not (only and layer.lines):
            return PageView(*size, settled=Recognition(Status.BLANK), source=None, trust=worth)
        if not only and not (self._wants_text(instruction) and self._is_taken(layer, worth)):
            return None
        text, blocks, deg = layers.read(layer, hidden=self._recipe.text_layer != "auto")
        if not text:
            raise PageError(ErrorKind.NO_TEXT_LAYER, "the page has no text layer")
        recognition = Recognition(Status.OK, text, blocks)
        return PageView(
            *size, settled=recognition, source=Source.TEXT_LAYER, trust=worth, turned_deg=deg
        )

    def _is_taken(self, layer: TextLayer, worth: Trust) -> bool:
        if self._recipe.text_layer == "auto":
            return worth.score >= self._recipe.route.min_trust
        return bool(layer.lines)

    def _wants_text(self, instruction: Instruction | None) -> bool:
        if instruction is None:
            return self._recipe.task in _TEXT_TASKS
        return instruction.task in _TEXT_TASKS and instruction.prompt is None

    def _drawn(self, image: PageImage) -> PageView:
        height_px, width_px = image.pixels.shape[:2]
        seen = PageView(width_px, height_px, image.dpi, image.warnings)
        if is_blank(image.pixels, self._recipe.route.blank_ppm):
            if image.blank_suspect_reason:
                raise PageError(
                    ErrorKind.RENDER, f"drawn without ink, and {image.blank_suspect_reason}"
                )
            return replace(seen, settled=Recognition(Status.BLANK), source=None)
        deg = self._detector.turn(image.pixels) if self._recipe.route.turn else 0
        return replace(seen, image=replace(image, turned_deg=deg), turned_deg=deg)
