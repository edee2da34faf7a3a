from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import RenderConfig, RouteConfig
from pipeline.pdf import PdfFile
from pipeline.quality import ink_ppm, is_blank, status
from pipeline.types import FinishReason, Generation, Pixels, Status
from tests import documents
from tests.strategies import pictures


@given(st.text())
def test_an_answer_that_was_cut_off_is_never_ok(text: str):
    assert status(Generation(text, finish_reason=FinishReason.LENGTH), text) is Status.TRUNCATED


@given(st.text())
def test_a_whole_answer_is_ok_or_blank(text: str):
    assert status(Generation(text), text) is (Status.OK if text.strip() else Status.BLANK)


@given(pictures(), st.floats(0, 1_000_000))
def test_ink_is_a_share_of_the_area(picture: Pixels, most_ppm: float):
    assert 0 <= ink_ppm(picture) <= 1_000_000
    assert is_blank(picture, most_ppm) == (ink_ppm(picture) <= most_ppm)


@pytest.mark.parametrize("paper", [(255, 255, 255), (0, 0, 0), (250, 240, 200)])
def test_paper_of_any_colour_is_blank_and_its_noise_too(paper: tuple[int, int, int]):
    page = np.full((1650, 1275, 3), paper, np.int16)
    noise = np.random.default_rng(0).integers(-8, 9, page.shape)
    page = np.clip(page + noise, 0, 255).astype(np.uint8)
    assert is_blank(page, RouteConfig().blank_ppm)
    page[800:806, 600:605] = np.array(paper) ^ 0x80
    assert not is_blank(page, RouteConfig().blank_ppm)


def test_a_single_digit_is_ink(tmp_path: Path):
    pdf = documents.pdf([documents.Page(documents.text_content(["7"], 8))])
    (tmp_path / "7.pdf").write_bytes(pdf)
    page = PdfFile(str(tmp_path / "7.pdf"), "", 10).render(1, RenderConfig(dpi=72))
    assert not is_blank(page.pixels, RouteConfig().blank_ppm)


def test_colour_of_the_papers_brightness_is_ink():
    page = np.full((100, 100, 3), 128, np.uint8)
    page[10:20, 10:20] = (188, 100, 118)
    assert ink_ppm(page) == 10_000


def test_nothing_has_no_ink():
    assert ink_ppm(np.empty((0, 7, 3), np.uint8)) == 0
