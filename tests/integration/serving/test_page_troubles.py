"""What the page says where something is in the way: a key, a limit, a service that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import AuthConfig, JobConfig, LimitConfig
from tests.support import chromium, sample_documents
from tests.support.chromium import CHROMIUM, Tab
from tests.support.live_service import Online, running
from tests.support.page_in_browser import LIMIT_S, done, faults, opened, read, said
from tests.support.page_service import KEY, config, with_key

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    """With keys and small limits."""
    with with_key(body_mib=1) as it:
        yield it


async def enter_key(tab: Tab, key: str) -> None:
    await tab.until("document.getElementById('key-dialog').open", LIMIT_S)
    await tab.value(f"document.getElementById('key-value').value = '{key}'")
    await tab.click("#key-use")


async def test_a_key_is_asked_for_kept_in_the_tab_and_never_in_an_address(
    service: Online, tmp_path: Path
) -> None:
    async with opened(service.url, tmp_path) as tab:
        await tab.until("!document.getElementById('key').hidden")
        await read(tab, sample_documents.text_pdf(), "one.pdf", tmp_path)
        await enter_key(tab, "x" * 32)
        await tab.until("document.getElementById('key-why').innerText.includes('does not know')")
        await enter_key(tab, KEY)
        await done(tab)
        await tab.until("doc.pages.size === 1", LIMIT_S)
        assert await tab.value("document.getElementById('alert').hidden")
        addresses = "performance.getEntriesByType('resource').map((one) => one.name).join()"
        assert KEY not in await tab.value(f"location.href + {addresses}")
        assert await tab.value("JSON.stringify(localStorage)") == "{}"
        await tab.click("#key")
        await tab.click("#key-dialog [value=forget]")
        await tab.until("sessionStorage.length === 0")


@pytest.mark.parametrize(
    ("content", "name", "sentence", "focus"),
    [
        (sample_documents.text_pdf(4), "long.pdf", "more than 3 pages", "pages-wanted"),
        (bytes(2 << 20), "large.pdf", "larger than 1 MiB", ""),
        (b"junk", "junk.pdf", "cannot be opened", ""),
        (sample_documents.encrypted_pdf("secret"), "locked.pdf", "Write its password", "password"),
        (b"", "empty.pdf", "file is empty", ""),
    ],
    ids=["too many pages", "too large", "unreadable", "encrypted", "empty"],
)
async def test_a_document_that_is_refused_is_answered_by_what_to_change(
    service: Online, tmp_path: Path, content: bytes, name: str, sentence: str, focus: str
) -> None:
    async with opened(service.url, tmp_path) as tab:
        await tab.value(f"saveKey('{KEY}')")
        await read(tab, content, name, tmp_path)
        await done(tab)
        assert sentence in await said(tab, "alert-text")
        if focus:
            assert await tab.value("document.activeElement.id") == focus
            words = "secret" if focus == "password" else "2-3"
            await tab.call("Input.insertText", text=words)
            await tab.click("#again")
            await done(tab)
            assert await tab.value("document.getElementById('alert').hidden")
            pages = await tab.value("sortedPages().map((page) => page.answer.page)")
            assert pages == ([1] if focus == "password" else [2, 3])
        assert await faults(tab) == []


@pytest.mark.parametrize("has_jobs", [True, False])
async def test_a_job_is_named_for_a_document_that_is_too_long_where_there_are_jobs(
    tmp_path: Path, has_jobs: bool
) -> None:
    job = JobConfig(folder=str(tmp_path / "jobs") if has_jobs else "")
    limits = LimitConfig(pages=3, body_mib=1)
    with running(config(limits=limits, job=job), FakeEngine(HANDLERS["echo"])) as service:
        async with opened(service.url, tmp_path) as tab:
            for content, name in (
                (sample_documents.text_pdf(4), "long.pdf"),
                (bytes(2 << 20), "large.pdf"),
            ):
                await read(tab, content, name, tmp_path)
                await done(tab)
                text = await said(tab, "alert-text")
                command = f"make a job of it: curl -F file=@document.pdf {service.url}/v1/ocr/jobs"
                assert text.endswith(command if has_jobs else ".")
                assert "batch job" not in text
            await tab.resize(375, 760, is_phone=True)
            right = "document.getElementById('dismiss').getBoundingClientRect().right"
            assert await tab.value(right) <= 375


async def test_a_busy_service_is_asked_again_after_the_wait_that_it_names(tmp_path: Path) -> None:
    busy = config(auth=AuthConfig(requests_per_minute=10))  # one each 6 s, after the first ten
    with running(busy, FakeEngine(HANDLERS["echo"])) as service:
        async with opened(service.url, tmp_path) as tab:
            while service.get("/v1/models").status == 200:
                pass
            await read(tab, sample_documents.text_pdf(), "one.pdf", tmp_path)
            await tab.until("document.getElementById('alert-text').innerText.includes('again in')")
            text = await said(tab, "alert-text")
            assert text.startswith("This caller has made as many requests as it may in a minute.")
            assert (await said(tab, "progress")).startswith("Waiting")
            await done(tab)
            assert await tab.value("doc.pages.size") == 1
            assert await tab.value("document.getElementById('alert').hidden")


async def test_a_service_that_has_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    with running(config(), FakeEngine(HANDLERS["echo"])) as service:
        browser = opened(service.url, tmp_path)
        tab = await browser.__aenter__()
    try:
        await read(tab, sample_documents.text_pdf(), "one.pdf", tmp_path)
        await done(tab)
        assert "The service does not answer." in await said(tab, "alert-text")
        await tab.until("document.getElementById('state').innerText === 'not reachable'")
        assert await tab.value("document.getElementById('service').dataset.state") == "off"
    finally:
        await browser.__aexit__(None, None, None)


ROW = "document.querySelector('#operations-OpenAI-models_v1_models_get')"
"""The operation GET /v1/models."""
HOSTS = """[...new Set(performance.getEntriesByType('resource')
    .map((one) => new URL(one.name).host))].join()"""


async def press(tab: Tab, selector: str) -> None:
    """Press a button of an operation when it is there."""
    await tab.until(f"{ROW}?.querySelector('{selector}')", LIMIT_S)
    await tab.value(f"{ROW}.querySelector('{selector}').click()")


async def test_the_documentation_works_offline_and_authorizes(
    service: Online, tmp_path: Path
) -> None:
    async with chromium.opened(f"{service.url}/docs", tmp_path / "browser") as tab:
        await tab.until("document.querySelectorAll('.opblock').length >= 6", LIMIT_S)
        assert await tab.value(HOSTS) == await tab.value("location.host")
        await tab.click(".btn.authorize")
        await tab.until("document.querySelector('.auth-container input')")
        await tab.value("document.querySelector('.auth-container input').focus()")
        await tab.call("Input.insertText", text=KEY)
        await tab.click(".auth-btn-wrapper .authorize")
        await tab.click(".auth-btn-wrapper .btn-done")
        for button in (".opblock-summary-control", ".try-out__btn", ".execute"):
            await press(tab, button)
        await tab.until(f"{ROW}.querySelector('.live-responses-table')", LIMIT_S)
        status = (
            f"{ROW}.querySelector('.live-responses-table tbody .response-col_status').innerText"
        )
        assert (await tab.value(f"{ROW} && {status}")).startswith("200")
        assert await faults(tab) == []
