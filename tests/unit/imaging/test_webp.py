"""Pages as WebP files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.imaging.webp import webp


@pytest.mark.parametrize(
    ("size", "side_px", "expected"),
    [((400, 200), 100, (100, 50)), ((200, 400), 100, (50, 100)), ((40, 20), 100, (40, 20))],
)
def test_a_picture_is_reduced_to_its_longer_side_and_never_enlarged(
    size: tuple[int, int], side_px: int, expected: tuple[int, int]
) -> None:
    pixels = np.full((size[1], size[0], 3), 255, np.uint8)
    pixels[:, : size[0] // 2] = (200, 0, 0)
    with Image.open(io.BytesIO(webp(pixels, side_px))) as image:
        assert (image.format, image.size) == ("WEBP", expected)
        left, right = image.getpixel((1, 1)), image.getpixel((expected[0] - 2, 1))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 180 > 40 > left[1]
    assert min(right) > 240
