"""The page at `/` in Debian's chromium, headless: a document is read, looked at and taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.types import Generation
from serving.config import ServeConfig
from tests.support import live_service, sample_documents, structured_pages
from tests.support.chromium import CHROMIUM
from tests.support.live_service import Online, running
from tests.support.page_in_browser import (
    LIMIT_S,
    HeldEngine,
    done,
    eventually,
    faults,
    hand_over,
    opened,
    read,
    said,
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
RUNS = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
HOSTILE = f"""{RUNS}

# {RUNS}

| a |
| --- |
| {RUNS} |

<table><tr><td onmouseover="document.title='ran'">{RUNS}</td></tr></table>

<figure><img src=x onerror="document.title='ran'"><figcaption>{RUNS}</figcaption></figure>

![{RUNS}](javascript:document.title='ran')

[link](javascript:document.title='ran') <a href="javascript:1">a</a>

<style>body{{display:none}}</style>
"""


def config(**more: object) -> ServeConfig:
    settings = {"engine": {"kind": "fake"}, "chat": live_service.chat_config()}
    return ServeConfig.model_validate(settings | more)


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    with running(config(), FakeEngine(HANDLERS["echo"])) as it:
        yield it


def two_frames() -> bytes:
    sizes = ((60, 40), (300, 200))
    return sample_documents.frames_tiff([sample_documents.corner_picture(*one) for one in sizes])


async def test_boxes_and_blocks_light_each_other(service: Online, tmp_path: Path) -> None:
    async with opened(service.url, tmp_path) as tab:
        await read(tab, structured_pages.page(), "bay.pdf", tmp_path)
        await done(tab)
        await tab.until("document.getElementById('image').naturalWidth > 0")
        assert await tab.value("document.querySelectorAll('#content table').length") == 2
        assert await tab.value("document.querySelectorAll('#content .crop').length") == 1
        blocks = await tab.value("document.querySelectorAll('#content .block').length")
        assert blocks == await tab.value("document.querySelectorAll('#overlay .box').length") > 5

        await tab.move("#overlay .box:nth-child(2)")
        await tab.until("document.querySelector('.block:nth-child(2)').classList.contains('lit')")
        await tab.move("#content .block:nth-child(3)")
        await tab.until("document.querySelector('.box:nth-child(3)').classList.contains('lit')")
        assert await tab.value("document.querySelectorAll('.box.lit').length") == 1
        await tab.value("document.querySelectorAll('#content .block')[3].focus()")
        await tab.until("document.querySelector('.box:nth-child(4)').classList.contains('lit')")
        assert await faults(tab) == []


async def test_pages_appear_as_they_are_done_and_reading_can_be_cancelled(tmp_path: Path) -> None:
    engine = HeldEngine(held_px=300)
    with running(config(), engine) as service:
        async with opened(service.url, tmp_path) as tab:
            await read(tab, two_frames(), "two.tiff", tmp_path)
            await tab.until("doc.pages.size === 1", LIMIT_S)
            assert await said(tab, "progress") == "1 of 2 pages"
            assert "page of 60x40 px" in await said(tab, "content")
            assert await tab.value("document.querySelectorAll('.thumb.waiting').length") == 1
            await tab.resize(375, 800, is_phone=True)
            assert await tab.value("document.documentElement.scrollWidth") == 375
            await tab.press("Escape")
            await tab.until("!doc.running")
            assert await said(tab, "progress") == "Cancelled: 1 of 2 pages read"
            assert "page of 60x40 px" in await said(tab, "content")
            await eventually(lambda: service.ocr.cancelled == 1)

            engine.is_free = True
            await tab.press("n")
            await read(tab, two_frames(), "again.tiff", tmp_path)
            await done(tab)
            assert await said(tab, "progress") == "2 pages read"
            await tab.press("j")
            assert "page of 300x200 px" in await said(tab, "content")
            assert await faults(tab) == []


async def test_pages_are_listed_in_their_order_whatever_comes_first(tmp_path: Path) -> None:
    engine = HeldEngine(held_px=60)
    with running(config(), engine) as service:
        async with opened(service.url, tmp_path) as tab:
            await read(tab, two_frames(), "two.tiff", tmp_path)
            await tab.until("doc.pages.size === 1", LIMIT_S)
            assert await tab.value("doc.current") == 2
            await tab.value("document.querySelector('.thumb[data-page]').focus()")
            engine.is_free = True
            await done(tab)
            order = "[...document.querySelectorAll('.thumb')].map((one) => one.dataset.page).join()"
            assert await tab.value(order) == "1,2"
            assert await tab.value("doc.current") == 1  # nobody has chosen another one
            assert await tab.value("document.activeElement.dataset.page") == "2"


async def test_a_file_is_dropped_a_picture_is_pasted(service: Online, tmp_path: Path) -> None:
    async with opened(service.url, tmp_path) as tab:
        await hand_over(tab, "drop", sample_documents.text_pdf(2), "dropped.pdf")
        await tab.until("doc.name === 'dropped.pdf'")
        await done(tab)
        assert await tab.value("document.querySelectorAll('.thumb').length") == 2
        picture = sample_documents.saved(sample_documents.corner_picture(90, 40), "PNG")
        await hand_over(tab, "paste", picture, "pasted.png")
        await tab.until("doc.name === 'pasted.png'")
        await done(tab)
        assert "page of 90x40 px" in await said(tab, "content")


async def test_what_was_read_is_copied_and_downloaded(service: Online, tmp_path: Path) -> None:
    content = sample_documents.text_pdf(2)
    pages = [f"page {page}" for page in (1, 2)]
    async with opened(service.url, tmp_path) as tab:
        await tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        await tab.value(
            "Object.defineProperty(navigator, 'clipboard',"
            " {value: {writeText: async (text) => { window.copied = text; }}})"
        )
        await read(tab, content, "two.pdf", tmp_path)
        await done(tab)
        texts = await tab.value("sortedPages().map((page) => page.answer.markdown)")
        assert len(set(texts)) == len(pages)
        await tab.click("#copy")
        await tab.until("window.copied")
        assert await tab.value("window.copied") == "\n\n".join(texts)
        await tab.press("c")
        await tab.until(f"window.copied === {json.dumps(texts[0])}")
        for button, suffix in (("#markdown", ".md"), ("#json", ".json")):
            await tab.click(button)
            await eventually(partial(is_there, tmp_path / f"two{suffix}"))
    assert (tmp_path / "two.md").read_text() == "\n\n".join(texts)
    found = json.loads((tmp_path / "two.json").read_text())
    assert (found["model"], found["page_count"]) == ("ocr", 2)
    assert [page["markdown"] for page in found["pages"]] == texts
    assert found["pages"][0]["blocks"][0]["box_px"]
    assert not {"html", "image"} & set(found["pages"][0])


def is_there(path: Path) -> bool:
    """Whether a download is complete: only then it has its name."""
    return path.exists() and path.stat().st_size > 0


async def test_nothing_in_a_document_runs(tmp_path: Path) -> None:
    engine = FakeEngine(lambda _: Generation(HOSTILE, output_tokens=1))
    name = "<img src=x onerror=document.title='ran'>.png"
    picture = sample_documents.saved(sample_documents.corner_picture(), "PNG")
    with running(config(text_layer="never"), engine) as service:
        async with opened(service.url, tmp_path) as tab:
            await hand_over(tab, "drop", picture, name)
            await tab.until("doc.pages.size === 1", LIMIT_S)
            await done(tab)
            for _ in range(4):  # every tab
                await tab.press("t")
                assert await tab.value("document.title") == f"{name} - Rayscribe"
            assert await tab.value("document.scripts.length") == 4
            assert (
                await tab.value("document.querySelectorAll('#content img, #content a').length") == 0
            )
            assert await tab.value("document.querySelectorAll('#content table').length") == 2
            assert (
                await tab.value(
                    "document.querySelectorAll('style, [onmouseover], [onerror]').length"
                )
                == 0
            )
            assert await faults(tab) == []


async def test_on_a_phone_nothing_is_wider_and_the_picture_is_a_tab(
    service: Online, tmp_path: Path
) -> None:
    fits = "document.documentElement.scrollWidth <= 375"
    async with opened(service.url, tmp_path, 375, 800) as tab:
        assert await tab.value(fits)
        await read(tab, structured_pages.page(), "bay.pdf", tmp_path)
        await done(tab)
        for name, shown, gone in (
            *(("text", "content", "picture"), ("markdown", "content", "picture")),
            *(("json", "content", "picture"), ("picture", "picture", "content")),
        ):
            await tab.click(f'[data-tab="{name}"]')
            assert await tab.value(fits)
            assert await tab.value(f"document.getElementById('{shown}').offsetHeight > 300")
            assert await tab.value(f"document.getElementById('{gone}').offsetHeight") == 0
        await tab.click("#overlay .box:nth-child(2)")
        await tab.until("document.querySelector('.block:nth-child(2)').classList.contains('lit')")
        assert await tab.value("document.getElementById('content').offsetHeight > 300")


@pytest.mark.parametrize("width", [320, 720, 760, 1000])
async def test_at_no_width_the_page_itself_scrolls(
    service: Online, tmp_path: Path, width: int
) -> None:
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    inside = "[...document.querySelectorAll('header *, #bar *, #tabs button')]"
    async with opened(service.url, tmp_path) as tab:
        await tab.resize(width, 800)
        assert await tab.value(size) == [width, 800]
        await read(tab, structured_pages.page(), "bay.pdf", tmp_path)
        await done(tab)
        assert await tab.value(size) == [width, 800]
        right = await tab.value(
            f"Math.max(...{inside}.map((one) => one.getBoundingClientRect().right))"
        )
        assert right <= width


async def test_dark_follows_the_browser_until_it_is_switched(
    service: Online, tmp_path: Path
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    async with opened(service.url, tmp_path) as tab:
        light = await tab.value(ground)
        await tab.prefer("dark")
        await tab.until(f"{ground} !== {json.dumps(light)}")
        await tab.press("d")
        assert await tab.value(ground) == light
        await tab.call("Page.reload")
        await tab.until("document.documentElement?.dataset.theme === 'light'")


async def test_the_page_is_worked_with_by_keys_alone(service: Online, tmp_path: Path) -> None:
    name = "document.activeElement.id || document.activeElement.getAttribute('href')"
    async with opened(service.url, tmp_path) as tab:
        order = []
        for _ in range(7):
            await tab.press("Tab", 9)
            order.append(await tab.value(name))
        assert order == [
            *("docs", "theme", "help", "choose", "pages-wanted", "password", "copy-command")
        ]
        await tab.value("document.getElementById('choose').focus()")
        await tab.press("Tab", 9)
        assert await tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await tab.value("document.activeElement.blur()")
        await tab.press("?")
        await tab.until("document.getElementById('keys').open")
        await tab.press("Escape", 27)
        await tab.until("!document.getElementById('keys').open")
