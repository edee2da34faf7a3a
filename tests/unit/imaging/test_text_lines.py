"""`pipeline.imaging.text_lines`: pictures with text in them, and others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from pipeline.imaging.text_lines import DPI, Levels, estimate_characters
from tests.support import sample_documents

RANDOM = np.random.default_rng(16)


def written(lines: list[str], size_pt: float = 10, ink: int = 0, paper: int = 255) -> Levels:
    """A picture of lines of text."""
    height_px = round(size_pt * DPI / 72)
    image = Image.new("L", (600, round(1.5 * height_px * (len(lines) + 2))), paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(height_px)
    for row, line in enumerate(lines, 1):
        draw.text((20, round(1.5 * height_px * row)), line, ink, font)
    return np.asarray(image)


@pytest.mark.parametrize("size_pt", [7, 10, 14, 18])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 30), (60, 200)])
def test_the_characters_of_a_text_are_estimated(size_pt: float, ink: int, paper: int) -> None:
    lines = [line[:36] for line in sample_documents.prose(8)]
    true = sum(len("".join(line.split())) for line in lines)
    assert 0.5 * true < estimate_characters(written(lines, size_pt, ink, paper)) < 1.7 * true


def _barcode() -> Levels:
    bars = np.repeat(RANDOM.integers(0, 2, 120), 3) * 255
    return np.pad(np.tile(bars, (60, 1)), 20, constant_values=255).astype(np.uint8)


def _matrix_code() -> Levels:
    cells = RANDOM.integers(0, 2, (33, 33)).repeat(4, axis=0).repeat(4, axis=1) * 255
    return np.pad(cells, 16, constant_values=255).astype(np.uint8)


def _photograph() -> Levels:
    soft = Image.fromarray(RANDOM.integers(0, 256, (20, 30), np.uint8)).resize((450, 300))
    return np.clip(np.asarray(soft) + RANDOM.normal(0, 6, (300, 450)), 0, 255).astype(np.uint8)


def _screened() -> Levels:
    """A photograph in round dots of different size, as in print."""
    y, x = np.mgrid[:300, :450]
    screen = (np.cos(x * 0.9) * np.cos(y * 0.9) + 1) * 127
    return np.where(_photograph() > screen, 255, 0).astype(np.uint8)


def _chart() -> Levels:
    image = Image.new("L", (400, 300), 255)
    draw = ImageDraw.Draw(image)
    for x in range(40, 380, 40):
        draw.rectangle((x, 280 - x // 2, x + 25, 280), 90)
        draw.line((40, 300 - x // 2, 380, 300 - x // 2), 200)
    return np.asarray(image)


TEXTLESS = {
    "white": np.full((200, 300), 255, np.uint8),
    "a photograph": _photograph(),
    "noise": RANDOM.integers(0, 256, (200, 300), np.uint8),
    "a chart without labels": _chart(),
    "a bar code": _barcode(),
    "a matrix code": _matrix_code(),
    "a dithered photograph": np.asarray(Image.fromarray(_photograph()).convert("1").convert("L")),
    "a screened photograph": _screened(),
    "a gradient": np.tile(np.linspace(0, 255, 300).astype(np.uint8), (100, 1)),
    "stripes": np.tile(np.repeat([0, 255], 4).astype(np.uint8)[:, None], (20, 300)),
}


@pytest.mark.parametrize("name", TEXTLESS)
def test_other_pictures_have_no_characters(name: str) -> None:
    assert estimate_characters(TEXTLESS[name]) <= 5


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 255))
def test_pictures_of_any_size_are_looked_at(height: int, width: int, level: int) -> None:
    assert estimate_characters(np.full((height, width), level, np.uint8)) == 0
