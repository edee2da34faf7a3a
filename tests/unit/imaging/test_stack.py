"""`pipeline.imaging.stack`: pictures of a page as one image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.stack import GAP_PX, stack
from pipeline.imaging.transform import new_pixels

sides = st.integers(1, 40)


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=5), st.sampled_from([0, 1]))
def test_every_picture_is_at_its_corner_and_the_rest_is_white(
    sizes: list[tuple[int, int]], axis: int
) -> None:
    pictures = [np.full((*size, 3), 10 * index, np.uint8) for index, size in enumerate(sizes, 1)]
    image, corners = stack(pictures, axis, new_pixels)
    for picture, (left, top) in zip(pictures, corners, strict=True):
        height_px, width_px = picture.shape[:2]
        part = image[top : top + height_px, left : left + width_px]
        assert np.array_equal(part, picture)
        part[:] = 255
    assert (image == 255).all()


@pytest.mark.parametrize(("axis", "shape"), [(0, (7 + GAP_PX + 5, 9, 3)), (1, (7, 17 + GAP_PX, 3))])
def test_the_image_is_as_large_as_the_pictures_and_the_space_between_them(
    axis: int, shape: tuple[int, int, int]
) -> None:
    pictures = [np.zeros((7, 8, 3), np.uint8), np.zeros((5, 9, 3), np.uint8)]
    assert stack(pictures, axis, new_pixels)[0].shape == shape
