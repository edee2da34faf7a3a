"""Text in pictures of a page whose text layer is taken."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from pipeline.config import RenderConfig, RouteConfig
from pipeline.documents.look import LookOptions, look
from pipeline.imaging.transform import new_pixels
from pipeline.text.text_layer import TextLayer
from pipeline.text.text_layer_trust import assess_trust
from tests.support import sample_documents
from tests.unit.documents.test_pdf_document import opened
from tests.unit.documents.test_pdf_text_layer import layer_of
from tests.unit.imaging.test_text_lines import TEXTLESS, written

LEAST = RouteConfig().min_trust
WARNING = "characters in pictures are not in the text layer"
LEFT, TOP, WIDTH = 60.0, 560.0, 240.0
"""Where the picture is, points from the top left."""
STAMP = written(["Paid on the ninth of May", "by the harbour office"])


def page_with(levels: np.ndarray, lines: int = 30, strips: int = 1, over: bool = False) -> bytes:
    """A page of prose with a picture at its foot.

    Args:
        levels: The picture, grey.
        lines: Lines of prose.
        strips: Into how many images the picture is cut.
        over: Whether the layer has text on the picture.
    """
    height = WIDTH * levels.shape[0] / levels.shape[1] / strips
    content = sample_documents.pdf(
        [sample_documents.Page(sample_documents.text_content(sample_documents.prose(lines)))]
    )
    with pymupdf.open(stream=content, filetype="pdf") as document:
        page = document[0]
        for index, part in enumerate(np.array_split(levels, strips)):
            file = io.BytesIO()
            Image.fromarray(part).save(file, "PNG")
            rect = pymupdf.Rect(LEFT, TOP, LEFT + WIDTH, TOP + height) + (0, index * height) * 2
            page.insert_image(rect, stream=file.getvalue(), keep_proportion=False)
        if over:
            for row in range(3):
                page.insert_text((LEFT, TOP + 11 * row + 10), "words " * 8, fontsize=10)
        made: bytes = document.tobytes()
    return made


def in_pictures(layer: TextLayer) -> int:
    return layer.drawing.picture_characters


@pytest.mark.parametrize("strips", [1, 5])
def test_text_in_a_picture_is_found(tmp_path: Path, strips: int) -> None:
    layer = layer_of(tmp_path, page_with(STAMP, strips=strips))
    assert 15 < in_pictures(layer) < 80
    [box] = layer.drawing.pictures
    assert [round(side * 72 / 150) for side in box[:3]] == [LEFT, TOP, LEFT + WIDTH]
    assert assess_trust(layer).score >= LEAST


def test_one_line_of_small_print_in_a_picture_is_found(tmp_path: Path) -> None:
    picture = written(["Paid on the ninth of May by the harbour office"])
    inked = np.flatnonzero(picture.min(axis=1) < 128)
    line = picture[inked[0] - 7 : inked[-1] + 8]
    assert WIDTH * line.shape[0] / line.shape[1] < 18
    assert in_pictures(layer_of(tmp_path, page_with(line))) > 15


def test_the_warning_reaches_the_row(tmp_path: Path) -> None:
    pdf = opened(tmp_path, page_with(STAMP))
    view = look(pdf, 1, RenderConfig(), new_pixels, LookOptions(pictures="warn"))
    assert view.settled is not None
    [warning] = view.warnings
    assert warning.startswith("about ")
    assert warning.endswith(WARNING)


def test_a_page_with_much_of_its_text_in_a_picture_is_not_taken_from_its_layer(
    tmp_path: Path,
) -> None:
    text = written([line[:50] for line in sample_documents.prose(20)], 9)
    layer = layer_of(tmp_path, page_with(text, lines=12))
    trust = assess_trust(layer)
    assert trust.score < LEAST
    assert trust.doubts == ("text in pictures",)
    assert assess_trust(layer, pictures_are_read=True).score >= LEAST


@pytest.mark.parametrize("name", TEXTLESS)
def test_a_picture_without_text_is_none(tmp_path: Path, name: str) -> None:
    layer = layer_of(tmp_path, page_with(TEXTLESS[name]))
    assert in_pictures(layer) == 0
    assert layer.drawing.pictures == ()
    assert assess_trust(layer).score >= LEAST


def test_a_picture_whose_text_is_in_the_layer_is_not_counted(tmp_path: Path) -> None:
    assert in_pictures(layer_of(tmp_path, page_with(STAMP, over=True))) == 0


def test_an_image_that_is_large_is_not_decoded_for_it(tmp_path: Path) -> None:
    large = np.pad(STAMP, ((0, 8000), (0, 4000)), constant_values=255)
    layer = layer_of(tmp_path, page_with(large))
    assert in_pictures(layer) == 0
    [warning] = layer.warnings
    assert warning.startswith("an image of ")
    assert warning.endswith("megapixels: no text was searched in the pictures of the page")
    assert layer_of(tmp_path, page_with(STAMP)).warnings == ()
