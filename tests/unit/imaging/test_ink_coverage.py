from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from PIL import Image, ImageDraw

from pipeline.imaging.ink_coverage import ink_coverage
from pipeline.types import Box, Pixels
from tests.support.strategies import pictures

WIDTH, HEIGHT = 1275, 1650
FIRST: Box = (100, 195, 1000, 235)
SECOND: Box = (100, 395, 1000, 435)


def page(ink: int = 0, paper: int = 255) -> Image.Image:
    """Two lines of text, of the same letters."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (paper,) * 3)
    draw = ImageDraw.Draw(image)
    for top in (200, 400):
        draw.text((100, top), "every vessel pays its dues in May " * 2, (ink,) * 3, font_size=26)
    return image


def pixels(image: Image.Image) -> Pixels:
    return np.array(image)


def test_all_half_and_none_of_the_text_is_covered() -> None:
    drawn = pixels(page())
    assert ink_coverage(drawn, [FIRST, SECOND]) == pytest.approx(1, abs=0.01)
    assert ink_coverage(drawn, [FIRST]) == pytest.approx(0.5, abs=0.06)
    assert ink_coverage(drawn, []) == 0


@pytest.mark.parametrize(("ink", "paper"), [(225, 255), (255, 20), (60, 130)])
def test_pale_inverse_and_grey_text_is_ink_as_well(ink: int, paper: int) -> None:
    assert ink_coverage(pixels(page(ink, paper)), [FIRST]) == pytest.approx(0.5, abs=0.06)


def test_boxes_are_in_pixels_of_the_image_whatever_its_size() -> None:
    small = page().resize((WIDTH // 2, HEIGHT // 2))
    half = tuple(side / 2 for side in FIRST)
    assert ink_coverage(pixels(small), [half]) == pytest.approx(0.5, abs=0.06)


def test_areas_of_ink_and_rules_are_no_text() -> None:
    image = page()
    draw = ImageDraw.Draw(image)
    draw.rectangle((200, 700, 900, 1300), fill=(30, 30, 30))
    draw.line((100, 600, 1100, 600), fill=0, width=4)
    draw.line((1150, 100, 1150, 1500), fill=0, width=4)
    found = ink_coverage(pixels(image), [FIRST, SECOND])
    assert found is not None
    assert found > 0.85


def test_there_is_no_share_of_no_ink() -> None:
    assert ink_coverage(np.full((300, 200, 3), 255, np.uint8), []) is None
    assert ink_coverage(np.empty((0, 0, 3), np.uint8), []) is None


@given(pictures())
def test_it_is_a_share_of_any_picture(picture: Pixels) -> None:
    found = ink_coverage(picture, [(-5.0, -5.0, 3.0, 1e6)])
    assert found is None or 0 <= found <= 1
