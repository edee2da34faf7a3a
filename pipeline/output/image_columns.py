"""Images in Arrow columns (large_binary), written and read without copying a byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa


def image_column(arrays: Sequence[np.ndarray | None]) -> pa.ChunkedArray:
    """A large_binary column with one chunk an image.

    Args:
        arrays: uint8, any shape, None for null. The column shares the memory of contiguous ones.
    """
    return pa.chunked_array([_chunk(array) for array in arrays], pa.large_binary())


def _chunk(array: np.ndarray | None) -> pa.Array:
    if array is None:
        return pa.nulls(1, pa.large_binary())
    pixels = np.ascontiguousarray(array)
    offsets = pa.py_buffer(np.array([0, pixels.nbytes], np.int64))
    return pa.Array.from_buffers(
        pa.large_binary(), 1, [None, offsets, pa.py_buffer(pixels.reshape(-1))]
    )


def image_buffers(column: pa.ChunkedArray) -> list[pa.Buffer | None]:
    """The bytes of every value of an image column, without copying (Arrow's scalars copy)."""
    return [buffer for chunk in column.chunks for buffer in _chunk_buffers(chunk)]


def _chunk_buffers(chunk: pa.Array) -> Iterator[pa.Buffer | None]:
    _, offsets, bytes_ = chunk.buffers()
    ends = np.frombuffer(offsets, np.int64, len(chunk) + 1, offset=chunk.offset * 8)
    for index, valid in enumerate(chunk.is_valid().to_pylist()):
        start, end = int(ends[index]), int(ends[index + 1])
        yield bytes_.slice(start, end - start) if valid else None


def image_of(buffer: pa.Buffer | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """A read-only view of a buffer of `image_buffers`, uint8 of a shape; None where it is null."""
    return None if buffer is None else np.frombuffer(buffer, np.uint8).reshape(shape)
