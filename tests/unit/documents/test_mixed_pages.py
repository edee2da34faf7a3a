"""Pages whose text layer is taken and whose pictures are left for an engine to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

from pipeline.config import RenderConfig
from pipeline.documents.look import LookOptions, PageView, look
from pipeline.errors import ErrorKind, PageError
from pipeline.imaging.rotation import turn_pixels
from pipeline.imaging.stack import GAP_PX
from pipeline.imaging.transform import new_pixels
from pipeline.types import PageImage, Source
from tests.unit.documents.test_pdf_document import opened
from tests.unit.documents.test_pdf_pictures import STAMP, WARNING, page_with

INK = 128


def viewed(folder: Path, content: bytes, **options: Any) -> PageView:
    return look(opened(folder, content), 1, RenderConfig(), new_pixels, LookOptions(**options))


def image_of(view: PageView) -> PageImage:
    assert view.image is not None
    return view.image


def is_like(pixels: np.ndarray, levels: np.ndarray) -> bool:
    """Whether pixels of a page show a picture, whatever its size."""
    size = (60, 20)
    shown, true = (
        np.asarray(Image.fromarray(np.ascontiguousarray(side)).resize(size, Image.Resampling.BOX))
        for side in (pixels[:, :, 0], levels)
    )
    return float(np.corrcoef(shown.ravel(), true.ravel())[0, 1]) > 0.8


def test_the_engine_gets_the_picture_alone_and_the_layer_waits_for_it(tmp_path: Path) -> None:
    view = viewed(tmp_path, page_with(STAMP))
    image = image_of(view)
    assert view.settled is None
    assert view.source is Source.MIXED
    assert not view.warnings
    assert image.mixed is not None
    [crop] = image.mixed.crops
    x0, y0, x1, y1 = crop.box
    assert image.pixels.shape == (y1 - y0, x1 - x0, 3)
    assert (crop.left_px, crop.top_px) == (0, 0)
    assert [round(side * 72 / 150) for side in (x0, y0, x1)] == [60, 560, 300]
    assert is_like(image.pixels, STAMP)
    settled = viewed(tmp_path, page_with(STAMP), pictures="warn").settled
    assert settled is not None
    assert image.mixed.blocks == settled.blocks


def test_a_view_of_a_mixed_page_is_the_same_after_serialisation(tmp_path: Path) -> None:
    view = viewed(tmp_path, page_with(STAMP))
    pixels = image_of(view).pixels
    again = PageView.from_bytes(view.to_bytes(), view.warnings, pixels)
    assert replace(image_of(again), pixels=pixels) == image_of(view)
    assert replace(again, image=None) == replace(view, image=None)


def test_without_rendering_the_page_is_unread(tmp_path: Path) -> None:
    view = viewed(tmp_path, page_with(STAMP), may_render=False)
    assert view.is_unread
    again = PageView.from_bytes(view.to_bytes(), may_be_unread=True)
    assert again == view
    only = viewed(tmp_path, page_with(STAMP), may_render=False, text_layer="only")
    assert only == viewed(tmp_path, page_with(STAMP), text_layer="only")


@pytest.mark.parametrize(
    "options", [{"pictures": "warn"}, {"text_layer": "only"}, {"text_layer": "always"}]
)
def test_where_no_engine_is_wanted_there_is_a_warning(
    options: dict[str, Any], tmp_path: Path
) -> None:
    view = viewed(tmp_path, page_with(STAMP), **options)
    assert view.settled is not None
    assert view.source is Source.TEXT_LAYER
    assert any(WARNING in warning for warning in view.warnings)


def test_text_of_the_layer_on_a_picture_is_not_read_again(tmp_path: Path) -> None:
    content = page_with(STAMP)
    with pymupdf.open(stream=content, filetype="pdf") as document:
        document[0].insert_text((70, 575), "over the stamp", fontsize=11)
        content = document.tobytes()
    plain, covered = (
        image_of(viewed(tmp_path, made)).pixels for made in (page_with(STAMP), content)
    )
    top, bottom = 8, 34  # pixels of the line
    assert (plain[top:bottom, 40:200] < INK).any() or (plain[bottom:] < INK).any()
    assert (covered[top:bottom, 30:170] == 255).all()
    assert np.array_equal(plain[60:], covered[60:])


@pytest.mark.parametrize("deg", [90, 180, 270])
def test_on_a_page_that_lies_the_pictures_are_below_each_other_once_they_are_upright(
    deg: int, tmp_path: Path
) -> None:
    with pymupdf.open(stream=page_with(STAMP), filetype="pdf") as document:
        page = document[0]
        page.insert_image((60, 700, 300, 740), stream=_png(STAMP), keep_proportion=False)
        page.set_rotation(deg)
        content = document.tobytes()
    view = viewed(tmp_path, content)
    image = image_of(view)
    assert view.turned_deg == image.turned_deg == 360 - deg
    assert image.mixed is not None
    upright = turn_pixels(image.pixels, image.turned_deg)
    assert upright.shape[1] == 500
    # The upper picture is flatter than the lower one.
    heights = [
        min(crop.box[2] - crop.box[0], crop.box[3] - crop.box[1]) for crop in image.mixed.crops
    ]
    first, second = sorted(map(round, heights))
    assert upright.shape[0] == first + GAP_PX + second
    assert is_like(upright[:first], STAMP)
    assert is_like(upright[first + GAP_PX :], STAMP)


def _png(levels: np.ndarray) -> bytes:
    height_px, width_px = levels.shape
    samples = np.ascontiguousarray(levels).tobytes()
    made: bytes = pymupdf.Pixmap(pymupdf.csGRAY, width_px, height_px, samples, False).tobytes()
    return made


def test_text_under_a_picture_that_is_not_seen_does_not_count_as_read(tmp_path: Path) -> None:
    with pymupdf.open(stream=page_with(STAMP), filetype="pdf") as document:
        for row in range(5):
            at = (62, 570 + 9 * row)
            document[0].insert_text(at, "Paid by the harbour", fontsize=9, render_mode=3)
        content = document.tobytes()
    assert viewed(tmp_path, content).source is Source.MIXED


class Undrawn:
    """A document whose pages have good layers and cannot be rendered."""

    language = ""

    def __init__(self, document: Any, kind: ErrorKind) -> None:
        self.layer = document.layer
        self._kind = kind

    def render(self, *_: object) -> PageImage:
        raise PageError(self._kind, "no")


def test_a_good_layer_is_kept_where_the_page_cannot_be_rendered(tmp_path: Path) -> None:
    document = Undrawn(opened(tmp_path, page_with(STAMP)), ErrorKind.RENDER)
    view = look(document, 1, RenderConfig(), new_pixels, LookOptions())
    assert view.settled is not None
    assert any(WARNING in warning for warning in view.warnings)
    late = Undrawn(opened(tmp_path, page_with(STAMP)), ErrorKind.TIMEOUT)
    with pytest.raises(PageError):
        look(late, 1, RenderConfig(), new_pixels, LookOptions())
