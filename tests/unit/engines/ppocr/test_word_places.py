"""Where the words of a line begin, as the CPU engine says it."""

from __future__ import annotations

import asyncio
import io
from itertools import pairwise

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr.engine import OnnxEngine
from pipeline.engines.ppocr.word_places import word_starts
from pipeline.output.export.page_lines import PlacedLine, words
from pipeline.types import Box, Pixels, Request

THREE_POINTS_PX = 3 * 150 / 72
LINES = (
    "WAVE illicit fill MAMMOTH it will WOMEN till",
    "iii lll MMM WWW iii lll MMM WWW iii",
    "Amounts due, 1,204.50 of the (northern) quay - see No. 12",
    "if it is ill, QUOTE MINIMUM WAGES of 1911; still, it fell",
)


def bars(starts: list[int], width: int, gap: int) -> Pixels:
    """A line of black bars that end so much before the next one begins."""
    pixels = np.full((40, width, 3), 255, np.uint8)
    for start, following in pairwise([*starts, width + gap]):
        pixels[14:24, start : following - gap] = 0
    return pixels


def test_words_begin_where_the_white_nearest_to_the_recognisers_place_ends() -> None:
    pixels, box = bars([0, 100, 180, 300], 400, 12), (0.0, 0.0, 400.0, 40.0)
    assert word_starts(pixels, box, (0.0, 400.0), (0.22, 0.47, 0.72)) == (0.0, 0.25, 0.45, 0.75)
    # The second white is between letters.
    assert word_starts(pixels, box, (0.0, 400.0), (0.22, 0.72)) == (0.0, 0.25, 0.75)


def test_a_gap_parts_two_words_only() -> None:
    box = (0.0, 0.0, 400.0, 40.0)
    # Both places are near the first gap: the farther one has the next gap, or none.
    near = word_starts(bars([0, 100, 130], 400, 12), box, (0.0, 400.0), (0.24, 0.27))
    assert near == (0.0, 0.25, 0.325)
    alone = word_starts(bars([0, 100], 400, 12), box, (0.0, 400.0), (0.24, 0.27))
    assert alone == (0.0, 0.25, 0.27)
    # The nearer one is the second: the first has no place before it but its own.
    later = word_starts(bars([0, 100], 400, 12), box, (0.0, 400.0), (0.2, 0.24))
    assert later == (0.0, 0.2, 0.25)


def test_a_line_without_white_has_the_recognisers_places() -> None:
    pixels = bars([0], 400, 0)
    box = (0.0, 0.0, 400.0, 40.0)
    assert word_starts(pixels, box, (0.0, 400.0), (0.4, 0.5)) == (0.0, 0.4, 0.5)
    for no_order in ((0.5, 0.4), (0.4, 0.4), (0.0, 0.4), (0.4, 1.0)):
        assert word_starts(pixels, box, (0.0, 400.0), no_order) == ()
    assert word_starts(pixels, (0.0, 0.0, 30.0, 40.0), (0.0, 30.0), ()) == ()


@pytest.mark.parametrize("face", ["helv", "tiro", "heit", "hebo"])  # fonts inside PyMuPDF
def test_words_of_proportional_lines_are_within_three_points(face: str) -> None:
    font = ImageFont.truetype(io.BytesIO(pymupdf.Font(face).buffer), 24)
    page = Image.new("RGB", (1000, 400), "white")
    for row, line in enumerate(LINES):
        ImageDraw.Draw(page).text((60, 40 + 80 * row), line, "black", font)
    request = Request(np.asarray(page), 1000, 400)
    found = asyncio.run(OnnxEngine(OnnxConfig()).generate(request)).lines
    compared = 0
    for read in found:
        placed = words(PlacedLine(read.text, read.box, word_starts=read.word_starts))
        for text, (begin, end) in true_words(LINES[round((read.box[1] - 40) / 80)], font):
            for word in placed:
                if word.text == text and abs(word.box[0] - begin) < 60:
                    compared += 1
                    assert word.box[0] == pytest.approx(begin, abs=THREE_POINTS_PX)
                    assert word.box[2] == pytest.approx(end, abs=THREE_POINTS_PX)
    assert compared >= 25


def true_words(line: str, font: ImageFont.FreeTypeFont) -> list[tuple[str, tuple[float, float]]]:
    """The words of a line and where their ink begins and ends."""
    found, at = [], 0
    for word in line.split():
        at = line.index(word, at)
        x = 60 + font.getlength(line[:at])
        left, _, right, _ = font.getbbox(word)
        found.append((word, (x + left, x + right)))
        at += len(word)
    return found


def test_places_do_not_change_where_a_page_is_turned() -> None:
    line = PlacedLine("ab cd", (10.0, 0.0, 30.0, 100.0), 90, word_starts=(0.0, 0.7))
    boxes: list[Box] = [word.box for word in words(line)]
    assert boxes[1] == (10.0, 70.0, 30.0, 100.0)
    assert boxes[0][1] == 0.0
    assert boxes[0][3] < 70.0
