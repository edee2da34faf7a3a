"""Pages that were drawn wait for an engine, up to a size of memory."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipeline.documents.look import PageView
from pipeline.job.stages.drawn import DrawnPages
from pipeline.job.stages.records import DrawnPage, PlannedPage
from pipeline.types import PageIds, PageImage, PageRef, Route


def planned(number: int) -> PlannedPage:
    ref = PageRef("a.pdf", "", number, 9, "application/pdf", 612.0, 792.0)
    return PlannedPage(ref, PageIds(f"{number:032x}"), Route.OCR, None, 1)


def drawn(number: int, height_px: int = 10) -> DrawnPage:
    """A page of 30 bytes a row."""
    page = planned(number)
    pixels = np.full((height_px, 10, 3), number, np.uint8)
    return DrawnPage(page, PageView(10, height_px, 150.0, image=PageImage(pixels, 150.0)))


def numbers(pages: list[DrawnPage]) -> list[int]:
    return [page.page.ref.page for page in pages]


def test_there_is_no_room_beyond_the_size_until_pages_are_taken() -> None:
    pages = DrawnPages(600)
    assert pages.has_room()
    assert not pages.is_half_full()
    pages.put(drawn(1))
    assert pages.has_room()
    assert pages.is_half_full()
    pages.put(drawn(2))
    assert not pages.has_room()
    assert numbers(pages.take(1)) == [1]
    assert pages.has_room()
    assert numbers(pages.take(5)) == [2]
    assert len(pages) == 0


def test_there_is_never_room_without_memory() -> None:
    assert not DrawnPages(0).has_room()


def test_pixels_that_were_lent_are_copied() -> None:
    pages, page = DrawnPages(600), drawn(7)
    assert page.view.image is not None
    pages.put(page)
    page.view.image.pixels[:] = 0
    [kept] = pages.take(1)
    assert kept.view.image is not None
    assert kept.view.image.pixels.max() == 7


def test_who_takes_pages_waits_until_there_are_some_or_no_more_come() -> None:
    pages, taken = DrawnPages(600), list[list[int]]()

    def take() -> None:
        while found := pages.take(8):
            taken.append(numbers(found))

    thread = threading.Thread(target=take)
    thread.start()
    pages.put(drawn(1))
    while not taken:
        time.sleep(0.01)
    assert thread.is_alive()
    pages.put(drawn(2))
    pages.end(time.monotonic() + 60)
    thread.join(10)
    assert not thread.is_alive()
    assert taken == [[1], [2]]


def test_after_the_end_no_page_is_kept_and_those_that_wait_are_taken() -> None:
    pages = DrawnPages(600)
    pages.put(drawn(1))
    pages.end(time.monotonic() + 60)
    assert not pages.has_room()
    assert not pages.put(drawn(2))
    assert numbers(pages.take(8)) == [1]
    assert pages.take(8) == []


def test_when_their_time_is_over_no_pages_are_taken() -> None:
    pages = DrawnPages(600)
    pages.put(drawn(1))
    pages.end(time.monotonic())
    assert pages.take(8) == []


def test_a_page_without_an_image_is_refused() -> None:
    page = DrawnPage(planned(1), PageView(10, 10, 150.0))
    with pytest.raises(ValueError, match="not drawn"):
        DrawnPages(600).put(page)
