"""Runs of steps in which white space is looked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt


def middle(covered: npt.NDArray[np.int64], start: int) -> float:
    """The middle of the widest part that the fewest rows cover."""
    free = runs((covered == covered.min()).tolist())
    first, last = max(free, key=lambda run: run[1] - run[0])
    return start + (first + last) / 2


def runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """First and last-plus-one index of each run of true values."""
    edges = [i for i, (a, b) in enumerate(pairwise([False, *flags, False])) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))
