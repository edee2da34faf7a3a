"""The files of the page and of the documentation: complete, and without anything from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import web
from serving import page
from serving.page import files

ASSETS = Path(page.__file__).parent / "assets"
SHARED = Path(web.__file__).parent / "assets"
OWN_SCRIPTS = sorted((*ASSETS.glob("*.js"), *SHARED.glob("*.js")))


def text(name: str) -> str:
    return files.file(name).content.decode()


def used(name: str) -> set[str]:
    """The files that an HTML page loads."""
    return set(re.findall(r'(?:src|href)="static/([^"]+)"', text(name)))


def test_every_file_that_the_pages_load_is_served_and_every_one_is_used() -> None:
    assert used(files.PAGE) | used(files.DOCS) == files.NAMES
    for name in (files.PAGE, files.DOCS, *files.NAMES):
        found = files.file(name)
        assert found.content
        assert found.media_type.startswith(("text/", "image/svg+xml"))


def test_every_file_in_the_folder_is_served() -> None:
    names = {path.name for path in ASSETS.iterdir()}
    assert names < files.NAMES | {files.PAGE, files.DOCS}


@pytest.mark.parametrize("name", [files.PAGE, files.DOCS])
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    content = text(name)
    assert not re.search(r"https?:|//\w|<style|\son\w+=|\sstyle=|javascript:", content)
    assert re.findall(r"<script(?! src=\"static/[\w.-]+\"></script>)", content) == []


@pytest.mark.parametrize("path", OWN_SCRIPTS, ids=lambda path: path.name)
def test_a_script_evaluates_nothing_and_asks_nobody_else(path: Path) -> None:
    code = path.read_text()
    assert not re.search(r"https?://|eval\(|new Function|import\(|document\.write|outerHTML", code)
    assert ("innerHTML" in code) == (path.name == "sheet.js")


def test_every_element_that_a_script_names_is_in_the_page() -> None:
    ids = set(re.findall(r'\sid="([\w-]+)"', text(files.PAGE)))
    named = {
        name
        for script in ("start.js", "document.js", "service.js")
        for name in re.findall(r'\$\("([\w-]+)"\)', text(script))
    }
    assert "drop" in ids
    assert named <= ids


def test_the_policy_lets_only_own_scripts_run_and_nothing_be_framed() -> None:
    rules = dict(rule.split(" ", 1) for rule in files.POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in files.POLICY
    assert "*" not in files.POLICY


def test_every_shortcut_that_works_is_in_the_list() -> None:
    keys = re.search(r"const KEYS = \{(.*?)\n\};", text("start.js"), re.DOTALL)
    assert keys
    works = set(re.findall(r'(?:^|,\s*)"?([\w+?-]+)"?:', keys[1].strip()))
    listed = set(re.findall(r"<kbd>([^<]+)</kbd>", text(files.PAGE)))
    names = {"ArrowRight": "&rarr;", "ArrowLeft": "&larr;", "Escape": "Esc", "?": "o"}
    assert {"o", "j", "Escape"} <= works
    assert {names.get(key, key) for key in works} <= listed
