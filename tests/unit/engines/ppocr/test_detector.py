"""`pipeline.engines.ppocr.detector`: large text is found in a small image, small text is too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr import engine
from pipeline.engines.ppocr.detector import find_lines, network_input
from pipeline.types import Pixels


class Detector:
    """RapidOCR's detector, that keeps the sizes of what it is given."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.sides: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def session(self, image: np.ndarray) -> np.ndarray:
        self.sides.append(image.shape[2:])
        return self.real.session(image)


@pytest.fixture(scope="module")
def models() -> Any:
    return engine.load(OnnxConfig(), recogniser=False)


@pytest.fixture
def detector(models: Any) -> Detector:
    return Detector(models.text_det)


def page(font_px: float, lines: int, size: tuple[int, int] = (1240, 1754)) -> Pixels:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for i in range(lines):
        text = "every ship that came into the bay"
        draw.text((90, 80 + i * 60), text, fill="black", font=ImageFont.load_default(font_px))
    return np.asarray(image)


def scales(detector: Detector, pixels: Pixels) -> list[float]:
    """About at which scales an image with lines down to its bottom was looked at."""
    inked = np.flatnonzero((pixels < 128).any(axis=(1, 2)))
    height_px = float(inked[-1] - inked[0])
    return [round((sides[0] - 64) / height_px, 1) for sides in detector.sides]


def test_lines_of_usual_size_are_found_in_a_small_image(detector: Detector) -> None:
    pixels = page(23, 20)
    quads = find_lines(detector, pixels)
    assert scales(detector, pixels) == [0.7]
    assert quads.shape == (20, 4, 2)
    assert quads[:, 0, 1] == pytest.approx(80 + 60 * np.arange(20), abs=8)
    assert quads[:, 0, 0] == pytest.approx(90, abs=12)


def test_small_lines_are_found_at_full_resolution_at_once(detector: Detector) -> None:
    pixels = page(12, 20)
    assert len(find_lines(detector, pixels)) == 20
    assert scales(detector, pixels) == [1.0]


def test_the_white_around_the_text_is_not_looked_at(detector: Detector) -> None:
    pixels = np.full((1754, 1240, 3), 255, np.uint8)
    pixels[700:1100, 300:900] = page(12, 5)[50:450, 60:660]
    quads = find_lines(detector, pixels)
    assert detector.sides == [(320, 256)]
    assert quads[:, 0, 1] == pytest.approx(700 + 30 + 60 * np.arange(5), abs=8)
    assert quads[:, 0, 0] == pytest.approx(300 + 30, abs=12)


def test_lines_that_are_small_though_their_letters_did_not_say_so_are_looked_at_again(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.engines.ppocr.detector.letter_height", lambda grey: 20.0)
    pixels = page(12, 20)
    assert len(find_lines(detector, pixels)) == 20
    assert scales(detector, pixels) == [0.8, 1.0]


def test_small_lines_below_large_ones_are_found_too(detector: Detector) -> None:
    pixels = page(23, 10).copy()
    pixels[700:1754] = page(12, 17)[60:1114]
    assert len(find_lines(detector, pixels)) == 27


def test_a_page_with_ink_on_which_nothing_is_found_is_looked_at_again_and_in_parts(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "postprocess_op", lambda *_: ([], []), raising=False)
    assert find_lines(detector, page(23, 20)).shape == (0, 4, 2)
    whole, parts = detector.sides[:2], detector.sides[2:]
    assert whole[0] < whole[1]
    assert len(parts) == 6
    assert all(height < whole[1][0] / 4 for height, _ in parts)


def test_a_word_that_is_found_in_its_surroundings_alone_has_its_place_on_the_page(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = detector.real.postprocess_op

    def in_small_images(probabilities: np.ndarray, size: tuple[int, int]) -> Any:
        return found(probabilities, size) if size[0] < 400 else ([], [])

    monkeypatch.setattr(detector, "postprocess_op", in_small_images, raising=False)
    pixels = page(23, 1).copy()
    pixels[1600:1604, 1100:1104] = 0  # a speck, for ink all over the page
    [quad] = find_lines(detector, pixels)
    inked = np.argwhere((pixels[:1500] < 128).any(axis=2))
    assert np.allclose(quad.min(axis=0), inked.min(axis=0)[::-1], atol=12)
    assert np.allclose(quad.max(axis=0), inked.max(axis=0)[::-1], atol=12)


def test_a_page_without_ink_is_not_looked_at(detector: Detector) -> None:
    assert find_lines(detector, page(20, 0)).shape == (0, 4, 2)
    assert detector.sides == []


def test_an_image_that_is_small_anyway_is_looked_at_once(detector: Detector) -> None:
    assert len(find_lines(detector, page(12, 4, (640, 400)))) == 4
    assert len(detector.sides) == 1


def test_light_lines_on_a_dark_page_are_found(detector: Detector) -> None:
    assert len(find_lines(detector, 255 - page(23, 20))) == 20


def test_colours_become_minus_one_to_one() -> None:
    made = network_input(np.full((64, 40, 3), (0, 128, 255), np.uint8), 1.0)
    assert made.shape == (1, 3, 64, 32)
    assert made[0, :, 5, 5] == pytest.approx([-1, 0.004, 1], abs=0.001)
