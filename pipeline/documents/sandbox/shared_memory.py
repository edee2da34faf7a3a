"""Shared memory through which the sandbox's worker process returns pixels and page sizes."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import sys
import tempfile
import weakref
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.types import Pixels

_STEP_BYTES: Final = 4 << 20
_KEPT_BYTES: Final = 64 << 20


def create_memory() -> int:
    """A file descriptor of new, empty shared memory, freed when its last descriptor is closed."""
    if sys.platform != "linux":
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        return descriptor
    descriptor = os.memfd_create("rayscribe-pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    # If the worker could shrink it, access to a mapped page would kill this process (SIGBUS).
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return descriptor


class SharedBuffer:
    """A shared memory buffer that holds one image at a time.

    Attributes:
        descriptor: Its file descriptor.
        is_reserved: Whether a request that was sent may fill it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_reserved = False
        self._map: mmap.mmap | None = None
        self._lent: weakref.ref[Pixels] | None = None

    @property
    def is_free(self) -> bool:
        """Whether it is not reserved, and no array returned by `lend` is still referenced."""
        return not self.is_reserved and (self._lent is None or self._lent() is None)

    def reserve(self, size_bytes: int) -> None:
        """Grow the memory to at least this size. Called by the worker."""
        if os.fstat(self.descriptor).st_size < size_bytes:
            os.ftruncate(self.descriptor, math.ceil(size_bytes / _STEP_BYTES) * _STEP_BYTES)

    def array(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        """A view of the memory, overwritten by the next image.

        Raises:
            ValueError: The shape is larger than the memory.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if self._map is None or len(self._map) < size:
            self._map = None  # an array may still reference the old map, of the same memory
            if os.fstat(self.descriptor).st_size < max(size, 1):
                raise ValueError(f"no shared memory for an array of {shape}")
            self._map = mmap.mmap(self.descriptor, 0)
        return np.frombuffer(self._map, dtype, math.prod(shape)).reshape(shape)

    def write(self, content: bytes, offset: int = 0) -> None:
        """Write bytes at an offset; what is before it is kept. Called by the worker."""
        end = offset + len(content)
        self.reserve(end)
        self.array((end,))[offset:] = np.frombuffer(content, np.uint8)

    def lend(self, shape: tuple[int, int, int]) -> Pixels:
        """A view of the memory; the buffer is not free while it, or a view of it, is referenced."""
        array: Pixels = self.array(shape)
        # Every view, however made, references the flat base array.
        self._lent = weakref.ref(array.base)  # type: ignore[arg-type]
        return array

    def copy(self, shape: tuple[int, int, int]) -> Pixels:
        """A copy of the image. Memory beyond `_KEPT_BYTES` is returned to the system."""
        pixels: Pixels = self.array(shape).copy()
        if self._map and len(self._map) > _KEPT_BYTES and hasattr(mmap, "MADV_REMOVE"):
            self._map.madvise(mmap.MADV_REMOVE, _KEPT_BYTES, len(self._map) - _KEPT_BYTES)
        return pixels

    def close(self) -> None:
        """Close the descriptor; lent arrays stay valid."""
        self._map = None
        os.close(self.descriptor)
