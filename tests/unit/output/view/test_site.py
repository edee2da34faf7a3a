"""The files of the viewer's site."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline import web
from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, JobError
from pipeline.output.page_pictures import PagePictures
from pipeline.output.view import site as sites
from pipeline.output.view import static_site
from pipeline.output.view.page_data import page_data
from pipeline.output.view.site import POLICY, Site
from pipeline.types import Block, PageResult, Status
from tests.support import sample_documents
from tests.support.small_outputs import page, with_blocks, write_pages


@pytest.fixture
def pictures() -> Any:
    made = PagePictures(StoreConfig(), workers=1)
    yield made
    made.close()


def data(site: Site, path: str) -> Any:
    file = site.file(path)
    assert file is not None
    assert file.media_type.startswith("text/javascript")
    found = re.fullmatch(r'rayscribe\("[\w-]+",(.*)\);\n', file.content.decode("ascii"))
    assert found
    return json.loads(found[1])


@pytest.fixture
def original(tmp_path: Path) -> str:
    path = tmp_path / "in" / "a.pdf"
    path.parent.mkdir()
    path.write_bytes(sample_documents.text_pdf(2))
    return str(path)


@pytest.fixture
def site(tmp_path: Path, original: str, pictures: PagePictures) -> Site:
    block = Block("title", "# One", (127.5, 165.0, 637.5, 330.0), 0.5)
    rows = [
        page(original, 2, "два слова"),
        with_blocks(page(original, 1, "# One"), block),
        page(original.replace("a.pdf", "b.pdf"), 0, "", status=Status.FAILED, source=None),
    ]
    return Site(write_pages(tmp_path / "out", rows), pictures, "out")


def test_no_picture_is_drawn_of_an_original_that_changed(site: Site, original: str) -> None:
    page_id = next(iter(data(site, "data/pages-0.js")))[2]
    Path(original).write_bytes(sample_documents.text_pdf(3))
    with pytest.raises(DocumentError, match="it changed since it was read"):
        site.file(f"pictures/{page_id}.webp")


def test_the_index_has_documents_and_counts(site: Site) -> None:
    index = data(site, "data/index.js")
    assert index["documents"] == ["a.pdf", "b.pdf"]
    assert index["folder"].endswith("/in/")
    assert index["counts"]["status"] == {"ok": 2, "failed": 1}
    assert index["counts"]["script"] == {"Latin": 1, "Cyrillic": 1, "none": 1}
    assert (index["pages"], index["page_parts"], index["text_parts"]) == (3, 1, 1)


def test_short_fields_and_texts_are_in_the_order_of_pages(site: Site) -> None:
    short = data(site, "data/pages-0.js")
    assert [row[:2] + row[3:6] for row in short] == [
        [0, 1, "ok", "ocr", "Latin"],
        [0, 2, "ok", "ocr", "Cyrillic"],
        [1, 0, "failed", "none", "none"],
    ]
    assert data(site, "data/texts-0.js") == ["# One", "два слова", ""]
    assert site.file("data/texts-1.js") is None


def test_a_page_has_its_blocks_with_boxes_in_percent(site: Site) -> None:
    page_id = data(site, "data/pages-0.js")[0][2]
    found = data(site, f"pages/{page_id}.js")
    assert found["blocks"] == [
        {"kind": "title", "score": 0.5, "html": "<h1>One</h1>\n", "box": [10, 10, 40, 10]}
    ]
    assert (found["page"], found["text"], found["html"]) == (1, "# One", "")


def test_a_page_is_drawn_from_its_original(site: Site) -> None:
    page_id = data(site, "data/pages-0.js")[0][2]
    picture, thumb = site.file(f"pictures/{page_id}.webp"), site.file(f"thumbs/{page_id}.webp")
    assert picture is not None
    assert thumb is not None
    assert picture.content[8:12] == thumb.content[8:12] == b"WEBP"
    assert len(thumb.content) < len(picture.content)
    failed = data(site, "data/pages-0.js")[2][2]
    with pytest.raises(DocumentError):
        site.file(f"pictures/{failed}.webp")


@pytest.mark.parametrize(
    "path",
    ["", "../x", "assets/view.js", "pages/0.js", f"pages/{'0' * 16}.js", "data/pages-9.js", "x.js"],
)
def test_there_are_no_other_files(site: Site, path: str) -> None:
    assert site.file(path) is None


def test_pages_are_selected_and_bounded(
    tmp_path: Path, pictures: PagePictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = write_pages(tmp_path, [page(uri, n, "x") for uri in ("/a", "/b") for n in (1, 2, 3)])
    assert len(Site(pages, pictures, "", match="b")) == 3
    assert len(Site(pages, pictures, "", statuses=("failed",))) == 0
    monkeypatch.setattr(sites, "MAX_PAGES", 4)
    bounded = Site(pages, pictures, "")
    assert (len(bounded), bounded.left_out) == (4, 2)
    assert data(bounded, "data/index.js")["left_out"] == 2


def test_no_text_ends_a_script(tmp_path: Path, pictures: PagePictures) -> None:
    text = "</script><script>alert(1)</script>\u2028<!--"
    site = Site(write_pages(tmp_path, [page("/a", 1, text)]), pictures, "")
    for path in site.paths():
        if path.startswith(("data/", "pages/")):
            file = site.file(path)
            assert file is not None
            assert b"<" not in file.content
    assert data(site, "data/texts-0.js") == [text]


def test_the_policy_of_the_page_is_that_of_the_server() -> None:
    content = (Path(sites.__file__).parent / "assets" / "index.html").read_text()
    assert f'"Content-Security-Policy" content="{POLICY}"' in content
    assert not re.search(r"https?://|<style|\son\w+=|\sstyle=", content)


def test_the_viewer_asks_nothing_of_the_network_and_evaluates_nothing() -> None:
    packages = (Path(sites.__file__), Path(web.__file__))
    scripts = [script for one in packages for script in (one.parent / "assets").glob("*.js")]
    code = "".join(path.read_text() for path in scripts)
    assert code.count("innerHTML") == 2
    assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest|eval\(|new Function|import\(", code)


def test_a_static_site_is_written_once_and_pictures_are_kept(site: Site, tmp_path: Path) -> None:
    to = tmp_path / "site"
    first = static_site.write(site, to)
    # 6 assets, index, 1 part each of pages and texts, 3 pages, 2 pages drawn in two sizes
    assert (first.files, first.kept, first.not_drawn) == (16, 0, 1)
    assert sorted(path.name for path in to.iterdir()) == [
        *("base.css", "data", "index.html", "page.js", "pages", "pictures", "sheet.js", "thumbs"),
        *("view.css", "view.js"),
    ]
    again = static_site.write(site, to)
    assert (again.files, again.kept) == (12, 4)


def test_a_folder_with_other_files_is_not_written_into(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(JobError, match="no site of a viewer; name another folder"):
        static_site.write(site, tmp_path / "mine")
    with pytest.raises(JobError, match="no site of a viewer"):
        static_site.write(site, tmp_path / "mine" / "letter.txt")


def test_boxes_beyond_the_page_are_cut(tmp_path: Path) -> None:
    found = boxes(with_blocks(page("/a", 1, "x"), Block("text", "x", (-50, 825, 9999, 1650))))
    assert found == [[0, 50, 100, 50]]
    assert boxes(with_blocks(page("/a", 1, "x"), Block("text", "x"))) == [None]


def boxes(result: PageResult) -> list[list[float] | None]:
    from pipeline.output.rows import pages_table

    return [block["box"] for block in page_data(pages_table([result]).to_pylist()[0])["blocks"]]
