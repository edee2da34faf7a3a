"""The parts of a `PageView` as plain values and back, for the worker's response in JSON."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from pipeline.types import (
    Block,
    Box,
    Crop,
    MixedPage,
    PageImage,
    Pixels,
    Recognition,
    ScoreParts,
    ScriptHint,
    Status,
)


def recognition_fields(settled: Recognition) -> list[Any]:
    """What became of a page that needs no engine."""
    # Not `astuple`, which copies what is in the fields.
    blocks = [(b.kind, b.text, b.box, b.score, b.certainty) for b in settled.blocks]
    words = settled.score_parts and settled.score_parts.words
    return [settled.status, settled.text, blocks, words]


def recognition_of(status: Any, text: Any, blocks: Any, words: Any) -> Recognition:
    """The inverse of `recognition_fields`."""
    parts = None if words is None else ScoreParts(words=_share(words))
    return Recognition(Status(status), str(text), _blocks(blocks), score_parts=parts)


def _share(value: Any) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"not a share: {value!r}")
    return float(value)


def image_fields(image: PageImage) -> list[Any]:
    """What is known of an image, without pixels and warnings."""
    hint, mixed = image.script_hint, image.mixed
    return [image.dpi, image.layer, hint and astuple(hint), mixed and astuple(mixed)]


def image_of(
    pixels: Pixels, warnings: tuple[str, ...], dpi: Any, layer: Any, hint: Any, mixed: Any
) -> PageImage:
    """The inverse of `image_fields`."""
    return PageImage(
        pixels,
        float(dpi),
        warnings,
        layer=None if layer is None else str(layer),
        script_hint=None if hint is None else _script_hint(*hint),
        mixed=None if mixed is None else _mixed_page(*mixed),
    )


def _script_hint(script: Any, is_certain: Any) -> ScriptHint:
    return ScriptHint(str(script), bool(is_certain))


def _mixed_page(blocks: Any, crops: Any, characters: Any) -> MixedPage:
    return MixedPage(_blocks(blocks), tuple(_crop(*crop) for crop in crops), int(characters))


def _crop(box: Any, left_px: Any, top_px: Any) -> Crop:
    return Crop(_box(*box), int(left_px), int(top_px))


def _blocks(blocks: Any) -> tuple[Block, ...]:
    return tuple(_block(*block) for block in blocks)


def _block(kind: Any, text: Any, box: Any, score: Any, certainty: Any) -> Block:
    return Block(
        str(kind),
        str(text),
        box and _box(*box),
        None if score is None else float(score),
        None if certainty is None else _share(certainty),
    )


def _box(x0: Any, y0: Any, x1: Any, y1: Any) -> Box:
    return float(x0), float(y0), float(x1), float(y1)
