from __future__ import annotations

import io
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr import dot_leaders
from pipeline.engines.ppocr import engine as onnx
from pipeline.engines.ppocr.dot_leaders import Leader
from pipeline.engines.ppocr.leader_lines import add_leaders
from pipeline.engines.ppocr.spec import read
from pipeline.types import Line, Pixels, Request

SMOOTH = 8
"""Pictures are drawn this many times as large and shrunk: dots get grey edges, as in print."""


def with_dots(
    places: list[tuple[float, float]], diameter_px: float, size: tuple[int, int]
) -> Pixels:
    """Discs at these centres, black on white."""
    image = Image.new("L", (size[0] * SMOOTH, size[1] * SMOOTH), 255)
    draw = ImageDraw.Draw(image)
    for x, y in places:
        draw.circle((x * SMOOTH, y * SMOOTH), diameter_px * SMOOTH / 2, fill=0)
    return np.asarray(image.resize(size, Image.Resampling.BOX).convert("RGB"))


def run(count: int, pitch_px: float, y: float = 40.3, x: float = 30.7) -> list[tuple[float, float]]:
    return [(x + i * pitch_px, y) for i in range(count)]


def drawn(texts: dict[tuple[int, int], str], size: tuple[int, int], font_px: float) -> Pixels:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for place, text in texts.items():
        draw.text(place, text, fill="black", font=ImageFont.load_default(font_px))
    return np.asarray(image)


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


def counts(pixels: Pixels) -> list[int]:
    return [leader.dots for leader in dot_leaders.find(pixels)]


@pytest.mark.parametrize(("sigma", "dots"), [(5, 40), (12, 40), (20, 0)])
def test_specks_of_a_noisy_scan_are_no_leaders_and_hide_none(sigma: float, dots: int) -> None:
    size = (1200, 900)
    page = with_dots(run(40, 11.0, 450.3), 3.2, size)
    rule = np.full(size[::-1], 255, np.int64)
    rule[200] = rule[600] = 215  # a faint rule, which noise breaks into specks
    noise = np.random.default_rng(7).normal(0, sigma, size[::-1])
    levels = np.clip(np.minimum(page[:, :, 0], rule) + noise, 0, 255).astype(np.uint8)
    found = dot_leaders.find(np.repeat(levels[:, :, None], 3, axis=2))
    assert sum(leader.dots for leader in found) >= dots
    assert all(448 <= leader.box[1] <= leader.box[3] <= 453 for leader in found)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(6, 60),
    em_px=st.floats(14, 42),
    pitch_em=st.sampled_from([0.25, 0.278, 0.5, 0.56, 0.78]),
    y=st.floats(40, 41),
)
def test_the_dots_of_a_leader_are_counted(
    count: int, em_px: float, pitch_em: float, y: float
) -> None:
    """From 10 points at 100 dpi to 10 points at 300 dpi."""
    pitch = pitch_em * em_px
    pixels = with_dots(run(count, pitch, y), 0.1 * em_px, (round(60 + count * pitch), 80))
    (leader,) = dot_leaders.find(pixels)
    assert leader.dots == count
    assert leader.pitch_px == pytest.approx(pitch, rel=0.05)
    assert leader.box[0] == pytest.approx(30.7, abs=0.1 * em_px + 1)
    assert leader.box[2] == pytest.approx(30.7 + (count - 1) * pitch, abs=0.1 * em_px + 1)
    assert 0.8 <= leader.score <= 1


@pytest.mark.parametrize("quality", [40, 75])
def test_dots_are_counted_under_jpeg_noise(quality: int) -> None:
    pixels = with_dots(run(40, 11.6), 2.6, (520, 80))
    assert counts(as_jpeg(pixels, quality)) == [40]


def test_five_dots_are_no_leader() -> None:
    assert counts(with_dots(run(5, 9), 2.4, (120, 80))) == []


def test_dots_on_coloured_paper_and_on_a_tilt() -> None:
    tilted = [(x, y + x * 0.01) for x, y in run(80, 9)]
    pixels = with_dots(tilted, 2.4, (800, 80))
    assert counts((pixels // 2 + 60).astype(np.uint8)) == [80]


@pytest.mark.parametrize("pitch_px", [5, 9, 14])
@pytest.mark.parametrize("staggered", [False, True])
def test_a_halftone_has_no_leaders(pitch_px: int, staggered: bool) -> None:
    places = [
        (20 + (i + (j % 2) / 2 * staggered) * pitch_px, 20.0 + j * pitch_px)
        for i in range(20)
        for j in range(12)
    ]
    assert counts(with_dots(places, 2.4, (340, 220))) == []


def test_the_rows_of_a_contents_page_are_no_halftone() -> None:
    places = [place for row in range(8) for place in run(30, 11.6, 20 + 25 * row)]
    assert counts(with_dots(places, 2.5, (420, 240))) == [30] * 8


def test_dashes_are_no_dots() -> None:
    pixels = np.full((60, 600, 3), 255, np.uint8)
    for x in range(20, 560, 12):
        pixels[30:33, x : x + 7] = 0
    assert counts(pixels) == []


def test_uneven_steps_are_no_leader() -> None:
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.uniform(6, 40, 40))
    assert counts(with_dots([(float(each), 30.0) for each in x], 2.4, (1000, 60))) == []


@pytest.mark.parametrize(
    "text",
    [
        "iiiiiiiiiiii",
        "a.b.c.d.e.f.g.h.i.j",
        "0.0.0.0.0.0.0.0.",
        ". n . n . n . n . n . n .",
        "- - - - - - - -",
    ],
)
def test_letters_have_no_leaders(text: str) -> None:
    assert counts(drawn({(20, 20): text}, (500, 80), 24)) == []


def test_specks_are_no_leaders() -> None:
    rng = np.random.default_rng(0)
    pixels = np.full((800, 600, 3), 255, np.uint8)
    pixels[rng.integers(0, 800, 900), rng.integers(0, 600, 900)] = 0
    assert counts(pixels) == []


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_leaders(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (700, 500, 3))
    assert counts(noise.astype(np.uint8)) == []


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 60), st.just(3))))
@settings(max_examples=60, deadline=None)
@example(np.zeros((1, 1, 3), np.uint8))
@example(np.zeros((2, 2000, 3), np.uint8))
def test_any_picture_will_do(pixels: Pixels) -> None:
    before = pixels.copy()
    height, width = pixels.shape[:2]
    for leader in dot_leaders.find(pixels):
        x0, y0, x1, y1 = leader.box
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert leader.dots >= 6
        assert 0 <= leader.score <= 1
    assert np.array_equal(pixels, before)


def leader(x0: float, dots: int, pitch_px: float = 12.0, y: float = 118.0) -> Leader:
    return Leader((x0, y - 2, x0 + (dots - 1) * pitch_px + 2, y), dots, pitch_px, 2.4, 0.9)


def line(text: str, x0: float, x1: float, y: float = 100.0) -> Line:
    return Line(text, (x0, y, x1, y + 24), 0.8)


def test_a_leader_is_as_high_as_its_line_and_lines_lose_its_dots() -> None:
    lines = [line("Tides..", 20, 130), line(". 14", 340, 400)]
    title, page, dots = add_leaders(lines, [leader(102, 21)])
    assert title == Line("Tides", (20, 100, 102, 124), 0.8)
    assert page == Line("14", (344, 100, 400, 124), 0.8)
    assert dots == Line(" ".join("." * 21), (102, 100, 344, 124), 0.9)


def test_dots_that_stand_close_have_no_spaces() -> None:
    *_, dots = add_leaders([line("Tides", 20, 100)], [leader(102, 21, 5)])
    assert dots.text == "." * 21


def test_a_line_with_a_leader_in_its_midst_keeps_it() -> None:
    (whole,) = add_leaders([line("Tides.....14", 20, 400)], [leader(102, 21, 5)])
    assert whole == Line("Tides " + "." * 21 + " 14", (20, 100, 400, 124), 0.8)
    unread = [line("Tides 14", 20, 400)]
    assert add_leaders(unread, [leader(102, 21, 5)]) == unread


def test_a_line_of_dots_alone_gives_way() -> None:
    (dots,) = add_leaders([line("......", 110, 330)], [leader(102, 21)])
    assert dots.text.count(".") == 21


def test_a_rule_between_two_lines_touches_neither() -> None:
    lines = [line("Ships and dues", 20, 400), line("kept here", 20, 300, 140)]
    *same, rule = add_leaders(lines, [leader(22, 30, y=131)])
    assert same == lines
    assert rule.box[3] - rule.box[1] == 24


@pytest.mark.parametrize("pitch_px", [2.4, 3.0])
def test_the_dots_of_frames_are_no_leader(pitch_px: float) -> None:
    lines = [line("Ships", 20, 100)]
    assert add_leaders(lines, [leader(102, 60, pitch_px)]) == lines


def test_bullets_are_no_leader() -> None:
    lines = [line("Ships", 20, 100)]
    bullets = Leader((102, 108, 300, 118), 8, 28, 10, 0.9)
    assert add_leaders(lines, [bullets]) == lines


def test_a_page_without_lines_may_have_a_rule() -> None:
    (rule,) = add_leaders([], [leader(20, 10)])
    assert rule.text == ". . . . . . . . . ."


boxes = st.tuples(st.floats(0, 400), st.floats(80, 130), st.floats(1, 300), st.floats(1, 40)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(st.lists(st.builds(Line, st.text("ab. ", max_size=9), boxes, st.just(0.8)), max_size=5))
def test_letters_are_never_lost(lines: list[Line]) -> None:
    def letters(some: list[Line]) -> list[str]:
        return [re.sub(r"[. ]", "", each.text) for each in some if re.search(r"\w", each.text)]

    result = add_leaders(lines, [leader(102, 21)])
    assert letters(result) == letters(lines)
    assert all(each.box[0] < each.box[2] and each.box[1] < each.box[3] for each in result)


@pytest.fixture(scope="module")
def engine() -> onnx.OnnxEngine:
    return onnx.OnnxEngine(OnnxConfig())


@pytest.mark.parametrize("dots", [".", " ."])
async def test_a_contents_page_is_read_row_by_row(engine: onnx.OnnxEngine, dots: str) -> None:
    titles = ["Harbours of the north", "Timber", "What the clerk saw", "Dues and ledgers"]
    font = ImageFont.load_default(24)
    texts, expected = {}, []
    for i, title in enumerate(titles):
        count = int((560 - font.getlength(title)) / font.getlength(dots))
        texts[40, 30 + 40 * i] = title + dots * count
        texts[680, 30 + 40 * i] = str(11 + i)
        expected.append((title, count, str(11 + i)))
    pixels = drawn(texts, (800, 240), 24)
    request = Request(pixels, 800, 240)
    text, _ = read(await engine.generate(request), request)
    rows = [re.fullmatch(r"(.+?) ([. ]+) (\d+)", row) for row in text.split("\n") if row]
    assert all(rows), text
    found = [(row[1], row[2].count("."), row[3]) for row in rows if row]
    assert found == expected
    assert all((" " in row[2]) == (" " in dots) for row in rows if row)
