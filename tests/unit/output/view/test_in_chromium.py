"""The viewer in a browser: Debian's chromium, headless, without a network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.config import StoreConfig
from pipeline.output.page_pictures import PagePictures
from pipeline.output.view import static_site
from pipeline.output.view.site import Site
from pipeline.types import Block
from tests.support import sample_documents
from tests.support.chromium import CHROMIUM, opened
from tests.support.small_outputs import page, with_blocks, write_pages

HOSTILE = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


def dom(path: Path, tmp_path: Path, window: str = "1200,800") -> str:
    """The document that a browser has made of a file, as HTML."""
    assert CHROMIUM
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000"),
            *(f"--window-size={window}", "--dump-dom", f"file://{path}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of 3,001 pages, the first with hostile text."""
    tmp_path = tmp_path_factory.mktemp("viewer")
    original = tmp_path / "a.pdf"
    original.write_bytes(sample_documents.text_pdf())
    box = (100.0, 100.0, 600.0, 200.0)
    table = f"| a |\n| --- |\n| {HOSTILE} |\n"
    blocks = [
        Block("text", HOSTILE, box),
        Block("table", table, box),
        Block("caption", f"![{HOSTILE}](javascript:alert(1))", box),
    ]
    first = with_blocks(page(str(original), 1, HOSTILE), *blocks)
    others = [page(f"{original}-{n:04}", 0, f"word{n}") for n in range(3000)]
    pictures = PagePictures(StoreConfig(), workers=1)
    site = Site(write_pages(tmp_path / "out", [first, *others], per_group=1024), pictures, HOSTILE)
    static_site.write(site, tmp_path / "site")
    pictures.close()
    return tmp_path / "site" / "index.html"


def test_hostile_text_does_not_run_and_few_of_many_rows_are_made(
    index: Path, tmp_path: Path
) -> None:
    found = dom(index, tmp_path)
    assert "<title>a.pdf 1</title>" in found
    assert re.findall(r'<script[^">]*"([^"]*)"', found) == ["sheet.js", "page.js", "view.js"]
    assert "onerror" not in found.replace("&lt;img src=x onerror=", "")
    assert "3001 of 3001 pages" in found
    assert 3 <= found.count('class="page"') < 60
    assert found.count('class="box"') == 3
    assert found.count('class="block"') == 3


def test_a_link_leads_to_a_page_a_search_and_a_theme(index: Path, tmp_path: Path) -> None:
    place = Path(f"{index}#search=word2999&theme=dark")
    found = dom(place, tmp_path, "375,800")
    assert 'data-theme="dark"' in found
    assert "1 of 3001 pages" in found
    assert "<mark>word2999</mark>" in found


async def test_a_page_is_worked_with_by_keys_and_mouse(index: Path, tmp_path: Path) -> None:
    async with opened(f"file://{index}", tmp_path / "browser") as tab:
        await tab.until("document.querySelectorAll('.block').length === 3")
        await tab.until("document.getElementById('image').naturalWidth > 0")

        await tab.move("#overlay .box:nth-child(1)")
        await tab.until("document.querySelectorAll('.block.lit').length === 1")
        assert await tab.value("document.querySelectorAll('.box.lit').length") == 1
        await tab.move(".block:nth-of-type(2)")
        await tab.until("document.querySelector('.box:nth-child(2)').classList.contains('lit')")

        await tab.press("t")
        await tab.until(
            "document.querySelector('#content pre')?.textContent.startsWith('<script>')"
        )
        await tab.press("b")
        assert await tab.value("getComputedStyle(document.querySelector('.box')).display") == "none"
        before = await tab.value("document.documentElement.dataset.theme")
        await tab.press("d")
        assert await tab.value("document.documentElement.dataset.theme") != before

        await tab.press("j")
        await tab.until("document.title.startsWith('a.pdf-0000')")
        await tab.until("!document.getElementById('no-picture').hidden")
        await tab.press("n")
        await tab.until("document.title.startsWith('a.pdf-0001')")
        await tab.press("k")
        await tab.until("document.title.startsWith('a.pdf-0000')")
        assert await tab.value("location.hash.includes('page=')")

        await tab.press("/")
        await tab.call("Input.insertText", text="word1234")
        await tab.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r")
        await tab.until("document.getElementById('count').textContent === '1 of 3001 pages'")
        await tab.press("Escape")
        assert not [said for said in tab.problems if "exception" in said.lower()]


async def test_on_a_phone_one_pane_is_shown_and_nothing_is_wider(
    index: Path, tmp_path: Path
) -> None:
    async with opened(f"file://{index}", tmp_path / "browser", 375, 800) as tab:
        await tab.until("document.querySelectorAll('.block').length === 3")
        all_of = "[...document.querySelectorAll('section')]"
        shown = f"{all_of}.filter((one) => one.offsetWidth).map((one) => one.id)"
        for pane in ("list", "picture", "text"):
            await tab.value(f"document.querySelector('#panes [data-pane={pane}]').click()")
            assert await tab.value(shown) == [pane]
            assert await tab.value("document.documentElement.scrollWidth <= innerWidth")
