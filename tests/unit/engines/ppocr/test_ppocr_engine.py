from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from pipeline.config import OnnxConfig, Recipe, RenderConfig
from pipeline.engines.ppocr import engine as onnx
from pipeline.engines.ppocr import spec
from pipeline.engines.ppocr.ink_runs import stretches, tight
from pipeline.engines.ppocr.split_columns import split
from pipeline.errors import ConfigError, EngineError
from pipeline.types import Instruction, PageImage, Pixels, Request, Task

WORDS = [
    "harbour",
    "ledger",
    "vessel",
    "timber",
    "grain",
    "clerk",
    "mooring",
    "wool",
    "salt",
    "quay",
]


def picture(width_px: int, height_px: int, fill: int = 255) -> Pixels:
    return np.full((height_px, width_px, 3), fill, np.uint8)


def drawn(texts: dict[tuple[int, int], str], size: tuple[int, int], font_px: float) -> Pixels:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for place, text in texts.items():
        draw.text(place, text, fill="black", font=ImageFont.load_default(font_px))
    return np.asarray(image)


def request(pixels: Pixels) -> Request:
    return Request(pixels, pixels.shape[1], pixels.shape[0])


def recipe(max_side_px: int) -> Recipe:
    return Recipe(
        engine="onnx",
        model=spec.MODEL,
        revision=spec.revision(),
        task=Task.TEXT,
        render=RenderConfig(),
        onnx=OnnxConfig(max_side_px=max_side_px),
    )


@pytest.fixture(scope="module")
def engine() -> onnx.OnnxEngine:
    return onnx.OnnxEngine(OnnxConfig())


def test_the_revision_names_the_release() -> None:
    assert spec.revision().startswith("rapidocr 3.")


@given(st.integers(1, 900), st.integers(1, 900), st.integers(320, 800))
def test_prepare_only_shrinks(width_px: int, height_px: int, max_side_px: int) -> None:
    page = PageImage(picture(width_px, height_px), 150)
    made = spec.prepare(page, recipe(max_side_px), Instruction(Task.TEXT))
    assert (made.page_width_px, made.page_height_px) == (width_px, height_px)
    assert made.task is Task.TEXT
    assert max(made.image.shape[:2]) == min(max_side_px, max(width_px, height_px))
    assert min(made.image.shape[:2]) >= 1
    assert made.image.dtype == np.uint8


async def test_drawn_words_are_read(engine: onnx.OnnxEngine) -> None:
    texts = {(40, 30): "Invoices of the harbour", (40, 130): "paid in 1987"}
    pixels = drawn(texts, (640, 240), 34)
    generation = await engine.generate(request(pixels))
    assert [line.text for line in generation.lines] == list(texts.values())
    for line, (x, y) in zip(generation.lines, texts, strict=True):
        x0, y0, x1, y1 = line.box
        assert x0 == pytest.approx(x, abs=8)
        assert x < x1 <= 640
        assert y - 10 <= y0 < y1 <= y + 60
        assert 0.5 <= line.score <= 1


async def test_red_and_blue_are_not_swapped(
    engine: onnx.OnnxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    detect = engine._ocr.text_det.session
    monkeypatch.setattr(engine._ocr.text_det, "session", lambda x: seen.append(x) or detect(x))
    pixels = picture(800, 800)
    pixels[:] = (200, 10, 20)
    pixels[390:410, 200:600] = 0
    await engine.generate(request(pixels))
    assert seen[0][0, :, 0, 0] == pytest.approx([20 / 127.5 - 1, 10 / 127.5 - 1, 200 / 127.5 - 1])


@pytest.mark.parametrize("size", [(1, 1), (8, 2000), (2000, 8), (3, 64), (200, 90)])
@pytest.mark.parametrize("noisy", [False, True])
async def test_pictures_without_text_have_no_lines(
    engine: onnx.OnnxEngine, size: tuple[int, int], noisy: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = picture(*size)
    if noisy:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape).astype(np.uint8)
    assert (await engine.generate(request(pixels))).lines == ()
    assert capfd.readouterr() == ("", "")


async def test_pages_that_come_together_are_read_one_by_one(engine: onnx.OnnxEngine) -> None:
    pages = [drawn({(20, 20): word}, (300, 90), 36) for word in WORDS[:3]]
    answers = await asyncio.gather(*(engine.generate(request(page)) for page in pages))
    assert [answer.lines[0].text for answer in answers] == WORDS[:3]


async def test_lines_that_the_engine_does_not_trust_are_dropped(engine: onnx.OnnxEngine) -> None:
    doubtful = onnx.OnnxEngine(OnnxConfig(min_score=1.0))
    pixels = drawn({(20, 20): "harbour"}, (300, 90), 20)
    assert (await doubtful.generate(request(pixels))).lines == ()
    assert (await engine.generate(request(pixels))).lines


async def test_a_failure_of_the_model_is_an_engine_error(
    engine: onnx.OnnxEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Pixels) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(engine._ocr.text_det, "session", fail)
    with pytest.raises(EngineError, match="no room"):
        await engine.generate(request(drawn({(20, 20): "harbour"}, (300, 90), 36)))


def test_a_missing_model_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "_RECOGNISER", "missing.onnx")
    with pytest.raises(ConfigError, match=r"missing\.onnx is missing from the rapidocr wheel"):
        onnx.OnnxEngine(OnnxConfig())


def two_columns(gutter_px: int, rows: int, seed: int = 0) -> tuple[Pixels, np.ndarray]:
    """Justified text in two columns, and boxes that the detector drew across both."""
    rng = random.Random(seed)
    image = Image.new("RGB", (1000, 40 + rows * 30), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(20)
    column_px = (920 - gutter_px) / 2
    for i in range(rows):
        for x in (40.0, 40 + column_px + gutter_px):
            words = [rng.choice(WORDS)]
            while font.getlength(" ".join([*words, "moorings"])) < column_px:
                words.append(rng.choice(WORDS))
            free = column_px - sum(font.getlength(word) for word in words)
            for word in words:
                draw.text((x, 20 + i * 30), word, fill="black", font=font)
                x += font.getlength(word) + free / (len(words) - 1)
    quads = [
        [(32, 18 + i * 30), (968, 18 + i * 30), (968, 46 + i * 30), (32, 46 + i * 30)]
        for i in range(rows)
    ]
    return np.asarray(image), np.array(quads, np.float32)


@pytest.mark.parametrize("gutter_px", [24, 40])
def test_lines_across_a_gutter_are_cut(gutter_px: int) -> None:
    pixels, quads = two_columns(gutter_px, 12)
    parts = split(pixels, quads)
    assert len(parts) == 24
    left, right = parts[::2], parts[1::2]
    middle = 500
    assert (left[:, :, 0].max(axis=1) < middle).all()
    assert (right[:, :, 0].min(axis=1) > middle).all()
    assert np.array_equal(left[:, 0], quads[:, 0])
    assert np.array_equal(right[:, 1], quads[:, 1])


def test_too_few_lines_are_not_cut() -> None:
    pixels, quads = two_columns(40, 4)
    assert np.array_equal(split(pixels, quads), quads)


@pytest.mark.parametrize("seed", range(8))
def test_the_space_between_words_is_no_gutter(seed: int) -> None:
    rng = random.Random(seed)
    texts = {(20, 20 + 26 * i): " ".join(rng.choices(WORDS, k=11)) for i in range(40)}
    pixels = drawn(texts, (1000, 1100), 19)
    quads = np.array([[(10, y), (990, y), (990, y + 24), (10, y + 24)] for _, y in texts])
    assert np.array_equal(split(pixels, quads), quads)


def test_ink_is_found_and_white_ends_are_cut_off() -> None:
    pixels = picture(400, 60)
    pixels[26:34, 100:150] = 0
    pixels[26:34, 170:300] = 40
    assert stretches(pixels, (80, 10, 320, 50), 5) == [(100, 150), (170, 300)]
    assert tight(pixels, (80, 10, 320, 50)) == (100, 10, 300, 50)
    assert tight(255 - pixels, (80, 10, 320, 50)) == (100, 10, 300, 50)
    assert tight(pixels, (0, 10, 400, 50)) == (40, 10, 360, 50), "at most a line's height"


def test_a_box_without_ink_stays() -> None:
    box = (10.0, 10.0, 90.0, 30.0)
    assert stretches(picture(100, 50), box, 5) == [(10, 90)]
    assert tight(picture(100, 50), box) == box
    assert stretches(picture(100, 50), (200.0, 200.0, 210.0, 202.0), 5) == [(200, 210)]
