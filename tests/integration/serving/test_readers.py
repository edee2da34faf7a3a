"""`serving.ocr.reader_pool`: a pool of readers for what strangers send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.recipe import make_recipe
from pipeline.errors import DocumentError, ErrorKind, PageError
from pipeline.recognition.route import Routes
from serving.config import ServeConfig
from serving.ocr.reader_pool import ReaderPool
from tests.support import sample_documents

ROUTES = Routes(make_recipe(ServeConfig(text_layer="never"), "fake"))


@pytest.fixture
async def readers() -> AsyncIterator[ReaderPool]:
    pool = ReaderPool(2, 1.0, ReadConfig(wall_s=20), RenderConfig(), InputConfig())
    yield pool
    pool.close()


async def test_the_pixels_are_those_of_the_batch(readers: ReaderPool, tmp_path: Path) -> None:
    path = tmp_path / "text.pdf"
    path.write_bytes(sample_documents.text_pdf(2))
    async with readers.open(path.read_bytes()) as document:
        assert len(document.inspection.pages) == 2
        online = await document.view(2, ROUTES)
    with SandboxClient() as reader:
        batch = reader.render(str(path), 2)
    assert np.array_equal(online.image.pixels, batch.pixels)
    assert online.dpi == batch.dpi


async def test_a_password_opens(readers: ReaderPool) -> None:
    content = sample_documents.encrypted_pdf("open")
    with pytest.raises(DocumentError) as caught:
        async with readers.open(content):
            pass
    assert caught.value.kind is ErrorKind.PASSWORD
    async with readers.open(content, "open") as document:
        assert len(document.inspection.pages) == 1


async def test_nothing_stays_on_the_disk(readers: ReaderPool) -> None:
    folder = readers._folder
    async with readers.open(sample_documents.text_pdf()):
        assert len(list(folder.glob("tmp*"))) == 1
    assert [path.name for path in folder.iterdir()] == [".lock"]
    with pytest.raises(DocumentError):
        async with readers.open(b"nothing that opens"):
            pass
    assert [path.name for path in folder.iterdir()] == [".lock"]
    readers.close()
    assert not folder.exists()


async def test_cancelling_frees_the_reader_at_once(readers: ReaderPool) -> None:
    async def draw_for_ever() -> None:
        async with readers.open(sample_documents.endless_pdf()) as document:
            await document.view(2, ROUTES)

    hangs = [asyncio.create_task(draw_for_ever()) for _ in range(2)]
    while len(readers.pids) < 2:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    begin = time.monotonic()
    for task in hangs:
        task.cancel()
    await asyncio.gather(*hangs, return_exceptions=True)
    async with readers.open(sample_documents.text_pdf()) as document:
        await document.view(1, ROUTES)
    assert time.monotonic() - begin < 35  # and not read.wall_s, twice


async def test_a_page_that_hangs_is_an_error_and_the_pool_goes_on() -> None:
    pool = ReaderPool(1, 0.5, ReadConfig(wall_s=2), RenderConfig(), InputConfig())
    async with pool.open(sample_documents.endless_pdf()) as document:
        with pytest.raises(PageError) as caught:
            await document.view(2, ROUTES)
    assert caught.value.kind is ErrorKind.TIMEOUT
    async with pool.open(sample_documents.text_pdf()) as document:
        await document.view(1, ROUTES)
    pids = pool.pids
    pool.close()
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_requests_share_the_readers(readers: ReaderPool) -> None:
    async def draw(pages: int) -> int:
        async with readers.open(sample_documents.text_pdf(pages)) as document:
            images = [await document.view(page, ROUTES) for page in range(1, pages + 1)]
        return len(images)

    assert await asyncio.gather(*(draw(pages) for pages in (1, 2, 3, 2))) == [1, 2, 3, 2]
    assert len(readers.pids) == 2


async def endless_page(pool: ReaderPool) -> None:
    async with pool.open(sample_documents.endless_pdf()) as document:
        await document.view(2, ROUTES)


async def both_spin(pool: ReaderPool) -> list[asyncio.Task[None]]:
    """Two documents that hold both readers; returns when both are at their slow page."""
    slow = [asyncio.create_task(endless_page(pool)) for _ in range(2)]
    while len(pool.pids) < 2 or not all(map(is_spinning, pool.pids)):
        assert not any(task.done() for task in slow)
        await asyncio.sleep(0.05)
    return slow


def is_spinning(pid: int) -> bool:
    return psutil.Process(pid).cpu_times().user > 1.0


async def test_two_slow_documents_leave_a_reader_to_the_others(readers: ReaderPool) -> None:
    slow = await both_spin(readers)
    begin = time.monotonic()
    for _ in range(3):
        async with readers.open(sample_documents.text_pdf()) as document:
            await document.view(1, ROUTES)
    assert time.monotonic() - begin < 12, "and not read.wall_s (20 s)"
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert readers._free.qsize() == 2
    assert not readers._slow_turns.locked()


async def test_slow_pages_are_not_stopped_while_nobody_waits(readers: ReaderPool) -> None:
    slow = await both_spin(readers)
    before = set(readers.pids)
    await asyncio.sleep(2)
    assert set(readers.pids) == before
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_a_slow_page_that_was_stopped_has_its_answer_in_the_end() -> None:
    pool = ReaderPool(2, 0.5, ReadConfig(wall_s=3), RenderConfig(), InputConfig())
    slow = await both_spin(pool)
    async with pool.open(sample_documents.text_pdf()) as document:
        await document.view(1, ROUTES)
    ends = await asyncio.gather(*slow, return_exceptions=True)
    pool.close()
    assert [end.kind for end in ends if isinstance(end, PageError)] == [ErrorKind.TIMEOUT] * 2


async def test_a_single_reader_finishes_its_slow_page() -> None:
    pool = ReaderPool(1, 0.2, ReadConfig(wall_s=2), RenderConfig(), InputConfig())
    slow = asyncio.create_task(endless_page(pool))
    await asyncio.sleep(0.1)
    async with pool.open(sample_documents.text_pdf()) as document:
        assert len(document.inspection.pages) == 1
    assert slow.done()
    assert isinstance(slow.exception(), PageError)
    pool.close()
