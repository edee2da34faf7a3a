"""Which languages of Tesseract there are, and what is said where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import EngineConfig, OcrOptions, TesseractConfig
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS
from pipeline.engines.tesseract import languages
from pipeline.errors import ConfigError
from tests.support.tesseract_data import pretend_installed


def test_all_that_are_installed_are_taken_and_the_recipe_names_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_installed(monkeypatch, tmp_path, "rus", "eng", "osd", "equ", "script/Greek")
    recipe = make_recipe(OcrOptions(output="o"), "tesseract")
    assert recipe.tesseract is not None
    assert recipe.tesseract.languages == ("eng", "rus", "script/Greek")
    assert SPECS["tesseract"].scripts(recipe) == ("Cyrillic", "Greek", "Latin")


def test_other_languages_are_another_recipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_installed(monkeypatch, tmp_path, "rus")
    one = make_recipe(OcrOptions(output="o"), "tesseract").hash()
    pretend_installed(monkeypatch, tmp_path, "eng")
    assert make_recipe(OcrOptions(output="o"), "tesseract").hash() != one


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engines.tesseract.languages.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[tesseract\]'"):
        SPECS["tesseract"].check_installed(EngineConfig(kind="tesseract"))
    with pytest.raises(ConfigError, match="tesserocr"):
        make_recipe(OcrOptions(output="o"), "tesseract")


def test_a_missing_language_is_told_with_its_debian_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_installed(monkeypatch, tmp_path, "eng")
    config = TesseractConfig(languages=("eng", "chi_sim", "script/Cyrillic"))
    wanted = "apt install tesseract-ocr-chi-sim tesseract-ocr-script-cyrl .found: eng."
    with pytest.raises(ConfigError, match=wanted):
        languages.settled(config)


def test_a_folder_without_languages_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_installed(monkeypatch, tmp_path)
    with pytest.raises(ConfigError, match=r"found no language .* apt install tesseract-ocr-eng"):
        languages.settled(TesseractConfig())


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        ("eng", ("Latin",)),
        ("deu", ("Latin",)),
        ("rus", ("Cyrillic",)),
        ("uzb_cyrl", ("Cyrillic",)),
        ("srp_latn", ("Latin",)),
        ("script/Arabic", ("Arabic",)),
        ("script/HanS_vert", ("Han",)),
        ("Japanese", ("Han", "Hiragana", "Katakana")),
        ("vie", ("Vietnamese", "Latin")),
    ],
)
def test_the_scripts_that_a_language_reads(name: str, scripts: tuple[str, ...]) -> None:
    if name == "vie":
        scripts = languages.scripts_of("script/Vietnamese")
        assert scripts == ("Vietnamese", "Latin")
    assert languages.scripts_of(name) == scripts


def test_a_page_is_read_with_the_languages_of_its_script_and_english() -> None:
    every = ("ara", "deu", "eng", "rus", "ukr")
    assert languages.suitable(every, "Cyrillic") == ("rus", "ukr", "eng")
    assert languages.suitable(every, "Latin") == ("deu", "eng")
    assert languages.suitable(every, "Thai") == every, "nothing reads it"
    assert languages.suitable(every, None) == every
