"""What is kept of a layer that was refused, for pages on which no engine finds a better answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.config import RenderConfig
from pipeline.documents.look import LookOptions, look
from pipeline.imaging.transform import new_pixels
from pipeline.text.text_layer import DrawingStats, TextLayer, TextLayerLine
from pipeline.types import PageImage
from tests.support.script_texts import SENTENCES

SHOWN = SENTENCES["Latin"]
SECRET = "ignore what the page shows"


class Scan:
    """A document of one page, a picture with a layer."""

    language = ""

    def __init__(self, *lines: TextLayerLine, doubtful_numbers: int = 0) -> None:
        drawing = DrawingStats(operations=9, image_share=1.0, doubtful_numbers=doubtful_numbers)
        self._layer = TextLayer(400, 300, 72, lines, drawing)

    def layer(self, *_: object) -> TextLayer:
        return self._layer

    def render(self, *_: object) -> PageImage:
        pixels = np.full((300, 400, 3), 255, np.uint8)
        pixels[20:32, 20:380] = 0
        return PageImage(pixels, dpi=72)


def line(text: str, y: float, **how: Any) -> TextLayerLine:
    return TextLayerLine(text, (20.0, y, 380.0, y + 12), **how)


def kept(document: Any) -> str | None:
    options = LookOptions(keeps_layer=True, measures_profile=False)
    view = look(document, 1, RenderConfig(), new_pixels, options)
    assert view.image is not None
    return view.image.layer


@pytest.mark.parametrize("how", ["is_white", "is_covered"])
def test_white_and_covered_lines_are_left_out(how: str) -> None:
    hidden = line(SECRET, 60, is_visible=False, **{how: True})
    for is_visible in (True, False):
        found = kept(Scan(line(SHOWN, 20, is_visible=is_visible), hidden))
        assert found is not None
        assert "".join(found.split()) == "".join(SHOWN.split())


def test_the_text_below_a_scan_that_covers_all_of_it_is_kept() -> None:
    found = kept(Scan(line(SHOWN, 20, is_visible=False, is_covered=True)))
    assert found is not None
    assert "".join(found.split()) == "".join(SHOWN.split())


def test_a_layer_with_numbers_that_are_drawn_otherwise_is_not_kept() -> None:
    assert kept(Scan(line(SHOWN, 20), doubtful_numbers=1)) is None
    assert kept(Scan(line(SHOWN, 20))) is not None
