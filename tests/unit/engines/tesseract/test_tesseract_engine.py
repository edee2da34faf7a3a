"""The real Tesseract, where it is installed; `test_languages` is about where it is not."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from pipeline.config import EngineConfig, OcrOptions, TesseractConfig
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_engine
from pipeline.engines.request import prepare_request
from pipeline.engines.tesseract import languages
from pipeline.errors import ConfigError
from pipeline.recognition.recognise import recognise
from pipeline.types import PageImage, Recognition
from tests.support.script_texts import SENTENCES, pixels_of


def is_installed(*names: str) -> bool:
    if find_spec("tesserocr") is None:
        return False
    try:
        languages.settled(TesseractConfig(languages=names))
    except ConfigError:
        return False
    return True


needs_russian = pytest.mark.skipif(
    not is_installed("eng", "rus"),
    reason="needs the extra `tesseract`, and tesseract-ocr-eng and tesseract-ocr-rus of Debian",
)


async def read(script: str, *names: str) -> Recognition:
    engine = EngineConfig(kind="tesseract", tesseract=TesseractConfig(languages=names))
    recipe = make_recipe(OcrOptions(output="o", engine=engine), "tesseract")
    page = PageImage(pixels_of(SENTENCES[script]), dpi=150)
    return await recognise(build_engine(engine), prepare_request(page, recipe), recipe)


@needs_russian
@pytest.mark.parametrize("script", ["Latin", "Cyrillic"])
async def test_a_page_is_read_word_for_word(script: str) -> None:
    result = await read(script, "eng", "rus")
    assert result.text.split() == SENTENCES[script].split()
    assert result.warnings == ()


@needs_russian
async def test_boxes_and_scores_are_those_of_the_page() -> None:
    [block, *_] = (await read("Latin", "eng")).blocks
    assert block.box is not None
    x0, y0, x1, y1 = block.box
    assert 110 < x0 < 140
    assert 110 < y0 < y1 < 200
    assert x1 < 1240
    assert block.score is not None
    assert block.score > 0.8
