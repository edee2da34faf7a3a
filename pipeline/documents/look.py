"""Looks at a page: takes its text layer, or finds that it is blank, or renders it.

Runs in the worker process of `pipeline.documents.sandbox`, so that a page costs one request, and
everything computed from untrusted bytes is computed there. Whether a page needs an engine is
decided here, for the batch and for the service.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from pipeline.config import PictureMode, RenderConfig, StructureMode, TextLayerMode
from pipeline.documents import mixed_pages
from pipeline.documents.layer_script import kept_warning, layer_script, script_hint
from pipeline.documents.page_source import PageSource
from pipeline.documents.page_structure import LayoutFinder, layout_finder
from pipeline.documents.view_fields import (
    image_fields,
    image_of,
    recognition_fields,
    recognition_of,
)
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.ink import is_blank
from pipeline.imaging.projection import projection_profile
from pipeline.imaging.rotation import TURNS
from pipeline.imaging.transform import Allocator
from pipeline.text import text_layer as layers
from pipeline.text.plausibility import plausibility
from pipeline.text.text_layer import TextLayer
from pipeline.text.text_layer_trust import Trust, assess_trust, legibility
from pipeline.types import PageImage, Pixels, Recognition, ScoreParts, Source, Status

_MIN_PROFILE_PX: Final = 64
"""Minimum side of an image whose projection profile is computed: a smaller one has no lines."""


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What is wanted of a page.

    Attributes:
        text_layer: Which text layers are taken.
        min_trust: Minimum trust in a text layer that `auto` takes, 0 to 1.
        pictures: What is done with text in pictures of a page whose layer `auto` takes.
        blank_ppm: Maximum ink of a blank page, parts per million of its pixels.
        wants_text: Whether a text layer can answer what is asked of the page.
        measures_profile: Whether to compute the projection profile, for `PageView.may_need_turn`.
        keeps_layer: Whether to return the layer's text together with an image, as a last resort.
        engine_scripts: The scripts that the engine reads, empty for all.
        ladder_scripts: Those that it or the second engine reads, empty for all. `auto` takes a
            layer of another script, if it is legible, whatever the trust in it.
        structure: How the structure of a layer's text is found.
        may_render: Whether a page that an engine has to read is rendered. If not, its view is
            `PageView.is_unread`.
    """

    text_layer: TextLayerMode = "auto"
    min_trust: float = 0.7
    pictures: PictureMode = "read"
    blank_ppm: float = 10.0
    wants_text: bool = True
    measures_profile: bool = True
    keeps_layer: bool = False
    engine_scripts: Sequence[str] = ()
    ladder_scripts: Sequence[str] = ()
    structure: StructureMode = "plain"
    may_render: bool = True

    @property
    def reads_pictures(self) -> bool:
        """Whether an engine reads the text in pictures of a page whose layer is taken."""
        return self.pictures == "read" and self.text_layer == "auto"

    def to_message(self) -> dict[str, Any]:
        """The options as plain values, for the request to the worker."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PageView:
    """A page before the engine.

    Attributes:
        width_px: Width of its image, or of the one that would have been drawn.
        height_px: Height of that image.
        dpi: Its resolution, 0 where unknown.
        warnings: Faults of the page that did not keep it from being read.
        image: The page as displayed, or its pictures where only these have to be read; None where
            the page is settled.
        settled: What became of a page that needs no engine, else None.
        source: Where its text comes from, None for a blank page.
        trust: What its text layer is worth, None where it was not looked at.
        turned_deg: The clockwise turn that makes its text upright.
        may_need_turn: Whether its projection profile is not that of upright text, so that
            `turned_deg` has still to be found by reading lines.
        look_ms: Milliseconds that it took.
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
    may_need_turn: bool = False
    look_ms: float = 0.0

    @property
    def is_unread(self) -> bool:
        """Whether an engine has to read the page, and it was not rendered for that."""
        return self.image is None and self.settled is None

    def to_bytes(self) -> bytes:
        """Serialise all but pixels, warnings and times as JSON, for the worker's response."""
        fields: dict[str, Any] = {
            "size": [self.width_px, self.height_px, self.dpi],
            "source": self.source,
            "trust": self.trust and [self.trust.score, self.trust.doubts],
            "turned_deg": self.turned_deg,
            "may_need_turn": self.may_need_turn,
        }
        if self.settled:
            fields["settled"] = recognition_fields(self.settled)
        if self.image:
            fields["image"] = image_fields(self.image)
        return json.dumps(fields).encode()

    @classmethod
    def from_bytes(
        cls,
        content: bytes,
        warnings: tuple[str, ...] = (),
        pixels: Pixels | None = None,
        *,
        may_be_unread: bool = False,
    ) -> Self:
        """Deserialise the result of `to_bytes`.

        Args:
            content: The JSON.
            warnings: Those of the view.
            pixels: RGB, uint8, shape (height, width, 3), None where the view has no image.
            may_be_unread: Whether it may have neither an image nor a result.

        Raises:
            ValueError: The bytes are not a valid view.
            KeyError: A field is missing.
            TypeError: A field has a wrong type.
        """
        fields = json.loads(content)
        width_px, height_px, dpi = fields["size"]
        settled = recognition_of(*fields["settled"]) if "settled" in fields else None
        results = (pixels is not None) + (settled is not None)
        is_complete = results == 1 or (results == 0 and may_be_unread)
        if (pixels is None) != ("image" not in fields) or not is_complete:
            raise ValueError("neither an image nor a result, or both")
        if fields["turned_deg"] not in TURNS:
            raise ValueError(f"not a quarter turn: {fields['turned_deg']!r}")
        return cls(
            width_px=int(width_px),
            height_px=int(height_px),
            dpi=float(dpi),
            warnings=warnings,
            image=None if pixels is None else image_of(pixels, warnings, *fields["image"]),
            settled=settled,
            source=Source(fields["source"]) if fields["source"] else None,
            trust=_trust(*fields["trust"]) if fields["trust"] else None,
            turned_deg=int(fields["turned_deg"]),
            may_need_turn=bool(fields["may_need_turn"]),
        )


def _trust(score: Any, doubts: Any) -> Trust:
    return Trust(float(score), tuple(map(str, doubts)))


def look(
    document: PageSource,
    page: int,
    render: RenderConfig,
    allocate: Allocator,
    options: LookOptions,
) -> PageView:
    """Look at a page, and render it only where that is needed.

    Args:
        document: The open document.
        page: 1-based number.
        render: Resolution, and the limit of pixels.
        allocate: Returns the array for the pixels.
        options: What is wanted of the page.

    Raises:
        PageError: RENDER for a page that cannot be read, or that is blank because something on it
            cannot be decoded; NO_TEXT_LAYER for a page without one where only text layers are
            wanted.
    """
    layer = _layer(document, page, render, options)
    trust = None
    if layer is not None:
        trust = assess_trust(layer, pictures_are_read=options.reads_pictures)
    if not options.may_render and _has_pictures_to_read(layer, trust, options):
        return _unread(trust)
    finder = layout_finder(document, page, render, options.structure)
    settled = _settled(layer, trust, options, finder)
    if settled is not None and layer is not None:
        pictures = None
        if _has_pictures_to_read(layer, settled.trust, options):
            blocks = settled.settled.blocks if settled.settled else ()
            source = mixed_pages.LayerPage(document, page, layer, blocks, settled.turned_deg)
            pictures = mixed_pages.rendered_pictures(source, render, allocate)
        return _with_pictures(settled, layer, pictures)
    if not options.may_render:
        return _unread(trust)
    image = document.render(page, render, allocate)
    hint = script_hint(layer, document.language, options.engine_scripts)
    kept = _last_resort(layer, options)
    view = _rendered(replace(image, layer=kept, script_hint=hint), options)
    return replace(view, trust=trust)


def _unread(trust: Trust | None) -> PageView:
    return PageView(width_px=0, height_px=0, dpi=0.0, trust=trust)


def _layer(
    document: PageSource, page: int, render: RenderConfig, options: LookOptions
) -> TextLayer | None:
    """The text layer, None where it is not wanted or there cannot be one."""
    if options.text_layer == "never":
        return None
    try:
        return document.layer(page, render)
    except PageError as error:
        # Rendering may still succeed: MuPDF leaves out what it cannot draw.
        if error.kind is not ErrorKind.RENDER or options.text_layer == "only":
            raise
        return None


def _settled(
    layer: TextLayer | None, trust: Trust | None, options: LookOptions, finder: LayoutFinder | None
) -> PageView | None:
    """The view of a page that needs no image, None for one that does."""
    only = options.text_layer == "only"
    if layer is None or trust is None:
        if only:
            raise PageError(ErrorKind.NO_TEXT_LAYER, "an image has no text layer")
        return None
    size = (layer.width_px, layer.height_px, layer.dpi, layer.warnings)
    # What was complained about may have left content out: then rendering has to tell.
    is_empty = not layer.drawing.operations and not layer.warnings
    if is_empty and not (only and layer.lines):
        return PageView(*size, settled=Recognition(Status.BLANK), source=None, trust=trust)
    if not only and not (options.wants_text and _is_taken(layer, trust, options)):
        return None
    unread = _lost_script(layer, trust, options)
    hidden = options.text_layer != "auto" or unread is not None
    text, blocks, deg = layers.read(layer, hidden=hidden, find_layout=finder)
    if not text:
        raise PageError(ErrorKind.NO_TEXT_LAYER, "the page has no text layer")
    settled = Recognition(Status.OK, text, blocks)
    view = PageView(*size, settled=settled, source=Source.TEXT_LAYER, trust=trust, turned_deg=deg)
    said = finder.warnings if finder else ()
    return replace(view, warnings=(*view.warnings, *kept_warning(unread, trust), *said))


def _has_pictures_to_read(
    layer: TextLayer | None, trust: Trust | None, options: LookOptions
) -> bool:
    """Whether an engine is to read the pictures of a page if its layer is taken."""
    if layer is None or trust is None or not options.reads_pictures:
        return False
    is_trusted = trust.score >= options.min_trust
    return is_trusted and layer.drawing.picture_characters >= mixed_pages.MIN_CHARACTERS


def _with_pictures(view: PageView, layer: TextLayer, pictures: PageImage | None) -> PageView:
    """The view of a page whose layer is taken, with its pictures or the warning that lacks them."""
    if pictures is not None:
        return replace(view, settled=None, image=pictures, source=Source.MIXED)
    warnings = (*view.warnings, *mixed_pages.unread_pictures(layer.drawing.picture_characters))
    return replace(view, warnings=warnings, settled=view.settled and _with_words(view.settled))


def _with_words(settled: Recognition) -> Recognition:
    """The result with the part of its score that is dear: all processes make theirs at a time."""
    if settled.status is not Status.OK:
        return settled
    return replace(settled, score_parts=ScoreParts(words=plausibility(settled.text)))


def _is_taken(layer: TextLayer, trust: Trust, options: LookOptions) -> bool:
    if options.text_layer == "auto":
        is_trusted = trust.score >= options.min_trust
        return is_trusted or _lost_script(layer, trust, options) is not None
    return bool(layer.lines)


def _lost_script(layer: TextLayer, trust: Trust, options: LookOptions) -> str | None:
    """The script that a layer in doubt has and that no engine would read; else None."""
    if options.text_layer != "auto" or trust.score >= options.min_trust:
        return None
    return layer_script(layer, options.ladder_scripts)


def _last_resort(layer: TextLayer | None, options: LookOptions) -> str | None:
    """What is taken from a layer where no engine finds a better answer."""
    if layer is None or not options.keeps_layer:
        return None
    # White and covered lines are not what the page shows, unless a scan lies over all of its text.
    shown = tuple(line for line in layer.lines if not (line.is_white or line.is_covered))
    text = layers.read(replace(layer, lines=shown or layer.lines), hidden=True)[0]
    is_taken = legibility(text, layer.drawing.doubtful_numbers) >= options.min_trust
    return text if is_taken else None


def _rendered(image: PageImage, options: LookOptions) -> PageView:
    """The view of a page that was rendered: blank, or with its image."""
    height_px, width_px = image.pixels.shape[:2]
    view = PageView(width_px, height_px, image.dpi, image.warnings)
    if is_blank(image.pixels, options.blank_ppm):
        if image.blank_suspect_reason:
            message = f"drawn without ink, and {image.blank_suspect_reason}"
            raise PageError(ErrorKind.RENDER, message)
        return replace(view, settled=Recognition(Status.BLANK), source=None)
    is_measured = options.measures_profile and min(width_px, height_px) >= _MIN_PROFILE_PX
    may_need_turn = is_measured and projection_profile(image.pixels).may_need_turn
    return replace(view, image=image, may_need_turn=may_need_turn)
