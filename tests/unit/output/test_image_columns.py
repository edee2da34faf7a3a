from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.output.image_columns import image_buffers, image_column, image_of


@given(st.lists(st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=4))
def test_images_travel_unchanged_and_without_a_copy(sizes: list[tuple[int, int] | None]):
    rng = np.random.default_rng(0)
    images = [
        None if size is None else rng.integers(0, 255, (*size, 3), np.uint8) for size in sizes
    ]
    buffers = image_buffers(image_column(images))
    assert len(buffers) == len(images)
    for image, buffer in zip(images, buffers, strict=True):
        if image is None:
            assert image_of(buffer, (0, 0, 3)) is None
            continue
        back = image_of(buffer, image.shape)
        assert np.array_equal(back, image)
        assert np.shares_memory(back, image)


def test_images_are_found_in_slices_and_joined_chunks():
    images = [np.full((2, 2, 3), shade, np.uint8) for shade in range(5)]
    joined = image_column(images).combine_chunks()
    column = pa.chunked_array([joined.slice(1, 3), joined.slice(4)])
    shades = [image_of(buffer, (2, 2, 3))[0, 0, 0] for buffer in image_buffers(column)]
    assert shades == [1, 2, 3, 4]


def test_an_empty_column_of_images_is_fine():
    assert image_column([]).type == pa.large_binary()
