"""`benchmarks.orientation_pages`: made pages are set by their seed."""

from __future__ import annotations

import numpy as np

from benchmarks.orientation_pages import LAYOUTS, sheets


def test_a_seed_gives_the_same_pages_again_and_another_one_others() -> None:
    first, again, other = (list(sheets(1, seed)) for seed in (1, 1, 2))
    for one, two, three in zip(first, again, other, strict=True):
        assert one.name == two.name != three.name
        assert np.array_equal(one.pixels, two.pixels)


def test_every_layout_comes_up_and_has_ink() -> None:
    made = list(sheets(len(LAYOUTS), 3))
    for layout, sheet in zip(LAYOUTS, made, strict=True):
        assert layout in sheet.name
        assert (sheet.pixels.min(axis=2) < 100).mean() > 0.001
