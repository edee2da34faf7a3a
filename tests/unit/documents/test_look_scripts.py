"""Pages whose layers are in a script that the engine does not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import RenderConfig
from pipeline.documents.look import LookOptions, PageView, look
from pipeline.documents.pdf.document import PdfFile
from pipeline.imaging.transform import new_pixels
from pipeline.text.scripts import warned_of
from pipeline.types import ScriptHint, Source
from tests.support.script_texts import SENTENCES, scanned_page, script_page, written

LATIN = LookOptions(engine_scripts=("Latin",), ladder_scripts=("Latin",))
RUSSIAN, ENGLISH = SENTENCES["Cyrillic"], SENTENCES["Latin"]


def viewed(content: bytes, folder: Path, options: LookOptions = LATIN) -> PageView:
    file = PdfFile(written(content, folder), "", 10)
    return look(file, 1, RenderConfig(), new_pixels, options)


@pytest.mark.parametrize("kind", ["hidden", "picture"])
@pytest.mark.parametrize("script", ["Cyrillic", "Greek"])
def test_a_layer_in_doubt_is_kept_with_a_warning(kind: str, script: str, tmp_path: Path) -> None:
    sentence = SENTENCES[script]
    content = script_page(sentence, hidden=kind == "hidden", picture=kind == "picture")
    view = viewed(content, tmp_path)
    assert view.settled is not None
    assert "".join(view.settled.text.split()) == "".join(sentence.split())
    assert view.source is Source.TEXT_LAYER
    assert view.trust is not None
    assert view.trust.score < LATIN.min_trust
    assert warned_of(view.warnings) == script
    assert f"trust of {view.trust.score:.2f}" in view.warnings[-1]


def test_a_layer_that_is_trusted_needs_no_warning(tmp_path: Path) -> None:
    view = viewed(script_page(RUSSIAN), tmp_path)
    assert view.settled is not None
    assert view.warnings == ()


@pytest.mark.parametrize("options", [LookOptions(), replace(LATIN, text_layer="never")])
def test_an_engine_that_reads_all_or_has_to_reads_the_page(
    options: LookOptions, tmp_path: Path
) -> None:
    view = viewed(script_page(RUSSIAN, picture=True), tmp_path, options)
    assert view.image is not None
    assert warned_of(view.warnings) is None


def test_a_page_that_only_the_second_engine_reads_goes_to_it_with_its_script(
    tmp_path: Path,
) -> None:
    options = replace(LATIN, ladder_scripts=("Latin", "Cyrillic"))
    view = viewed(script_page(RUSSIAN, picture=True), tmp_path, options)
    assert view.image is not None
    assert view.image.script_hint == ScriptHint("Cyrillic", is_certain=True)


def test_a_layer_of_a_wrong_table_is_not_kept(tmp_path: Path) -> None:
    garbage = RUSSIAN.encode("cp1251").decode("koi8-r")
    view = viewed(script_page(garbage, picture=True), tmp_path)
    assert view.image is not None
    assert view.image.script_hint is None


def test_a_layer_in_a_script_that_is_read_is_judged_by_its_trust(tmp_path: Path) -> None:
    view = viewed(script_page(ENGLISH, picture=True), tmp_path)
    assert view.image is not None
    assert view.image.script_hint is None


@pytest.mark.parametrize(
    ("language", "hint"),
    [
        ("ru-RU", ScriptHint("Cyrillic", is_certain=False)),
        ("en-GB", None),
        ("", None),
        ("?", None),
    ],
)
def test_the_language_that_the_document_states_goes_with_a_scan(
    language: str, hint: ScriptHint | None, tmp_path: Path
) -> None:
    view = viewed(scanned_page(RUSSIAN, language), tmp_path)
    assert view.image is not None
    assert view.image.script_hint == hint
    sent = PageView.from_bytes(view.to_bytes(), view.warnings, view.image.pixels)
    assert sent.image is not None
    assert sent.image.script_hint == hint
