"""Pages that lie askew, as the CPU engine reads them."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.config import OnnxConfig
from pipeline.engines import line_answers
from pipeline.engines.ppocr.engine import OnnxEngine
from pipeline.imaging.skewed_boxes import fits, straightened
from pipeline.output.export.page_lines import PlacedLine, words
from pipeline.types import Generation, Request
from tests.unit.engines.ppocr.test_word_places import LINES, THREE_POINTS_PX, true_words

SIZE = (1240, 900)
MIDDLE = (SIZE[0] / 2, SIZE[1] / 2)
LEFT, TOP, STEP = 60, 120, 60
"""Where the first line is drawn, and the distance to the next, px."""


@pytest.fixture(scope="module")
def engine() -> OnnxEngine:
    return OnnxEngine(OnnxConfig())


def font(size: int = 24) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(pymupdf.Font("helv").buffer), size)


def request(deg: float, two_columns: bool = False) -> Request:
    """A page that was put askew on the scanner, turned clockwise."""
    page = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(page)
    if two_columns:
        for row in range(16):
            for column, name in enumerate(("left", "right")):
                place = (80 + 560 * column, 130 + 40 * row)
                draw.text(place, f"The {name} column has its line {row + 1}", "black", font(22))
    else:
        for row in range(8):
            draw.text((LEFT, TOP + STEP * row), LINES[row % 4], "black", font())
    turned = page.rotate(-deg, Image.Resampling.BICUBIC, fillcolor="white")
    return Request(np.asarray(turned), *SIZE)


def read(engine: OnnxEngine, asked: Request) -> Generation:
    return asyncio.run(engine.generate(asked))


@pytest.mark.parametrize("deg", [-4.0, -1.0, 2.0, 5.0])
def test_lines_say_at_which_angle_they_lie_and_where_their_words_are(
    deg: float, engine: OnnxEngine
) -> None:
    found = read(engine, request(deg)).lines
    assert len(found) >= 8
    compared = 0
    for line in found:
        assert line.skew_deg == pytest.approx(deg, abs=0.15)
        assert fits(line.box, line.skew_deg)
        straight = straightened(line.box, line.skew_deg, MIDDLE)
        assert 20 < straight[3] - straight[1] < 50  # as high as the letters, with a rim
        placed = words(PlacedLine(line.text, straight, word_starts=line.word_starts))
        row = round((straight[1] - TOP) / STEP)
        for text, (begin, end) in true_words(LINES[row % 4], font()):
            for word in placed:
                if word.text == text and abs(word.box[0] - begin) < 60:
                    compared += 1
                    assert word.box[0] == pytest.approx(begin, abs=THREE_POINTS_PX)
                    assert word.box[2] == pytest.approx(end, abs=THREE_POINTS_PX)
    assert compared >= 50


def test_lines_of_a_straight_page_lie_straight(engine: OnnxEngine) -> None:
    assert {line.skew_deg for line in read(engine, request(0)).lines} == {0.0}


@pytest.mark.parametrize("deg", [-5.0, 5.0])
def test_columns_are_read_in_their_order(deg: float, engine: OnnxEngine) -> None:
    texts = [
        line_answers.read(read(engine, asked), asked)
        for asked in (request(0, two_columns=True), request(deg, two_columns=True))
    ]
    straight, askew = (" ".join(text.split()) for text, _ in texts)
    assert "line 1 The left" in straight
    assert askew == straight


@pytest.mark.parametrize("deg", [-5.0, 5.0])
def test_lines_come_row_by_row(deg: float, engine: OnnxEngine) -> None:
    found = [line.text for line in read(engine, request(deg, two_columns=True)).lines]
    assert found == [
        f"The {name} column has its line {row + 1}"
        for row in range(16)
        for name in ("left", "right")
    ]


def test_blocks_are_around_their_lines(engine: OnnxEngine) -> None:
    asked = request(5, two_columns=True)
    answer = read(engine, asked)
    _, blocks = line_answers.read(answer, asked)
    boxes = [block.box for block in blocks if block.box]
    for line in answer.lines:
        x, y = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
        assert any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for box in boxes)
    assert max(box[2] for box in boxes) <= SIZE[0]
