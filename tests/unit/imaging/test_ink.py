from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import RenderConfig, RouteConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.imaging.ink import ink_ppm, is_blank
from pipeline.types import Pixels
from tests.support import sample_documents
from tests.support.strategies import pictures


@given(pictures(), st.floats(0, 1_000_000))
def test_ink_is_a_share_of_the_area(picture: Pixels, max_ppm: float):
    assert 0 <= ink_ppm(picture) <= 1_000_000
    assert is_blank(picture, max_ppm) == (ink_ppm(picture) <= max_ppm)


@given(
    st.lists(st.tuples(st.integers(0, 63), st.integers(1, 40), st.integers(0, 255)), max_size=12),
    st.floats(0, 500_000),
)
def test_a_few_rows_never_say_that_a_blank_page_is_not(
    bands: list[tuple[int, int, int]], max_ppm: float
):
    page = np.full((64, 40, 3), 255, np.uint8)
    for row, width, level in bands:  # rows that are looked at first may have another paper
        page[row :: 8 if level % 2 else 64, :width] = level
    assert is_blank(page, max_ppm) == (ink_ppm(page) <= max_ppm)


@pytest.mark.parametrize("paper", [(255, 255, 255), (0, 0, 0), (250, 240, 200)])
def test_paper_of_any_colour_is_blank_and_its_noise_too(paper: tuple[int, int, int]):
    page = np.full((1650, 1275, 3), paper, np.int16)
    noise = np.random.default_rng(0).integers(-8, 9, page.shape)
    page = np.clip(page + noise, 0, 255).astype(np.uint8)
    assert is_blank(page, RouteConfig().blank_ppm)
    page[800:806, 600:605] = np.array(paper) ^ 0x80
    assert not is_blank(page, RouteConfig().blank_ppm)


def test_a_single_digit_is_ink(tmp_path: Path):
    pdf = sample_documents.pdf([sample_documents.Page(sample_documents.text_content(["7"], 8))])
    (tmp_path / "7.pdf").write_bytes(pdf)
    page = PdfFile(str(tmp_path / "7.pdf"), "", 10).render(1, RenderConfig(dpi=72))
    assert not is_blank(page.pixels, RouteConfig().blank_ppm)


def test_colour_of_the_papers_brightness_is_ink():
    page = np.full((100, 100, 3), 128, np.uint8)
    page[10:20, 10:20] = (188, 100, 118)
    assert ink_ppm(page) == 10_000


def test_nothing_has_no_ink():
    assert ink_ppm(np.empty((0, 7, 3), np.uint8)) == 0
