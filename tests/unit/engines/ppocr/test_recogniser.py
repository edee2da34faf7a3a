"""`pipeline.engines.ppocr.recogniser`, `onnx_graph`: lines are read as RapidOCR reads them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.config import OnnxConfig
from pipeline.engines.ppocr import engine
from pipeline.engines.ppocr.onnx_graph import without_softmax
from pipeline.engines.ppocr.recogniser import Reading, Recogniser, best_path, breaks, network_input
from pipeline.errors import ConfigError
from pipeline.types import Pixels


@pytest.fixture(scope="module")
def model() -> Path:
    return engine._model(engine._RECOGNISER)


@pytest.fixture(scope="module")
def recogniser(model: Path) -> Recogniser:
    return Recogniser(model, threads=1)


@pytest.fixture(scope="module")
def rapidocr() -> Any:
    return engine.load(OnnxConfig())


def line(text: str, height_px: int = 48, blur_px: float = 0.0) -> Pixels:
    """A line as a crop of a page has it, BGR."""
    font = ImageFont.load_default(height_px * 0.68)
    width_px = round(font.getlength(text)) + 12
    image = Image.new("RGB", (width_px, height_px), "white")
    ImageDraw.Draw(image).text((6, height_px * 0.1), text, fill="black", font=font)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(blur_px)))


@pytest.mark.parametrize(
    "text", ["The harbour of 1987", "7", "37,499.96", "iIl1 O0 -- (a), [b]; c/d & 5 %", "¥ 12 £ 3"]
)
def test_a_line_is_read_as_rapidocr_reads_it(
    recogniser: Recogniser, rapidocr: Any, text: str
) -> None:
    from rapidocr.ch_ppocr_rec import TextRecInput

    theirs = rapidocr.text_rec(TextRecInput(img=[line(text)], return_word_box=False))
    read = recogniser.read(line(text))
    assert read.text == theirs.txts[0]
    assert read.score == pytest.approx(theirs.scores[0], abs=0.02)


def test_a_line_without_text_is_empty(recogniser: Recogniser) -> None:
    assert recogniser.read(np.full((20, 90, 3), 255, np.uint8)) == Reading("", 0.0)


@given(st.integers(1, 40), st.integers(2, 50), st.integers(0, 2**32 - 1))
def test_the_best_path_is_that_of_the_softmax(steps: int, classes: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 4, (steps, classes)).astype(np.float32)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    best = softmax.argmax(axis=1).tolist()
    kept = [i for i, c in enumerate(best) if c != 0 and (i == 0 or best[i - 1] != c)]
    found, at, score = best_path(logits)
    assert list(at) == kept
    assert list(found) == [best[i] for i in kept]
    expected = np.mean([softmax[i, best[i]] for i in kept]) if kept else 0.0
    assert score == pytest.approx(expected, rel=1e-4)


@given(st.integers(1, 200), st.integers(1, 400))
def test_a_line_of_any_size_is_48_px_high_and_not_narrower_than_96(
    height_px: int, width_px: int
) -> None:
    made = network_input(np.full((height_px, width_px, 3), 255, np.uint8))
    width = math.ceil(48 * width_px / height_px)
    assert made.shape == (1, 3, 48, max(96, width))
    assert made[0, :, :, :width] == pytest.approx(1)
    assert (made[0, :, :, width:] == 0).all()


def test_a_model_that_ends_in_no_softmax_is_refused(model: Path) -> None:
    logits = without_softmax(model.read_bytes())
    with pytest.raises(ValueError, match="not that of a Softmax"):
        without_softmax(logits)


@pytest.mark.parametrize("content", [b"", b"\x0b", b"\x80", b"\x3a\x05ab", b"no model at all"])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not an ONNX model|Softmax"):
        without_softmax(content)
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(ConfigError, match="install another release of rapidocr"):
        Recogniser(tmp_path / "broken.onnx", threads=1)


def test_an_amount_that_cannot_be_is_read_once_more(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Reading("total 37.499.96", 0.9), Reading("total 37,499.96", 0.8)]
    monkeypatch.setattr(recogniser, "_read", lambda *_, **__: answers.pop(0))
    assert recogniser.read(line("total 37,499.96")) == Reading("total 37,499.96", 0.8)
    assert answers == []


def test_an_amount_that_can_be_is_read_once(
    recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Reading("total 37.499,96", 0.9)]
    monkeypatch.setattr(recogniser, "_read", lambda *_, **__: answers.pop(0))
    assert recogniser.read(line("total 37.499,96")) == Reading("total 37.499,96", 0.9)


def test_words_part_between_the_characters_beside_a_space() -> None:
    characters, places = [" ", "a", "b", " ", " ", "c", " "], [0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.9]
    assert breaks(characters, places) == (pytest.approx(0.4),)
    assert breaks([], []) == ()


def test_breaks_of_a_line_are_in_the_white_between_its_words(recogniser: Recogniser) -> None:
    words = ["The", "harbour", "of", "the", "northern", "quay"]
    read = recogniser.read(line(" ".join(words)))
    font = ImageFont.load_default(48 * 0.68)
    width_px = line(" ".join(words)).shape[1]
    assert len(read.breaks) == len(words) - 1
    for i, share in enumerate(read.breaks, 1):
        end, start = (6 + font.getlength(" ".join(words[:i]) + tail) for tail in ("", " "))
        assert end - 14 <= share * width_px <= start + 14
