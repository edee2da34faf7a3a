"""The viewer in a browser: Debian's chromium, headless, without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.config import StoreConfig
from pipeline.output.page_pictures import PagePictures
from pipeline.output.view import static_site
from pipeline.output.view.site import Site
from pipeline.types import Block
from tests.support import sample_documents
from tests.support.small_outputs import page, with_blocks, write_pages

CHROMIUM = shutil.which("chromium")
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


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A site of 3,001 pages, the first with hostile text."""
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
    assert re.findall(r"<script[^>]*>", found) == ['<script src="view.js">']
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
