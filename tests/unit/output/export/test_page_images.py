"""Pages drawn side by side come out in order, each process with a drawer of its own."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from pipeline.config import DatasetConfig
from pipeline.errors import ErrorKind, JobError, PageError
from pipeline.output.export.page_images import PageImages
from pipeline.types import PageImage, PageRef
from tests.support.exports import page


class Drawer:
    """Draws grey pages, odd ones slowly; knows its thread, and whether it is closed."""

    made: list[Drawer]

    def __init__(self) -> None:
        self.thread, self.is_closed = threading.get_ident(), False
        self.made.append(self)

    def page(self, ref: PageRef) -> PageImage:
        assert self.thread == threading.get_ident()
        if ref.page == 13:
            raise PageError(ErrorKind.RENDER, "broken")
        if ref.page == 99:
            raise JobError("no process")
        time.sleep(0.002 * (ref.page % 2))
        return PageImage(np.zeros((8, 8, 3), np.uint8), 72)

    def __enter__(self) -> Drawer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def _no_drawers() -> None:
    Drawer.made = []


def test_pages_are_in_order_and_a_bad_one_says_why() -> None:
    pages = [page(f"/in/{name}.pdf", number, "x") for name in "ab" for number in range(1, 30)]
    with PageImages(Drawer, DatasetConfig(readers=3)) as images:
        drawn = list(images.drawn(pages))
        assert list(images.drawn([])) == []
    assert [each.result for each in drawn] == pages
    missing = [each for each in drawn if not each.jpeg]
    assert [each.result.ref.page for each in missing] == [13, 13]
    assert {each.missing for each in missing} == {"the original cannot be read: broken"}
    assert 1 <= len(Drawer.made) <= 3
    assert all(drawer.is_closed for drawer in Drawer.made)


def test_no_more_pages_are_taken_than_are_soon_drawn() -> None:
    taken = 0

    def pages():
        nonlocal taken
        for number in range(1, 1000):
            taken += 1
            yield page("/in/a.pdf", number % 9, "x")

    with PageImages(Drawer, DatasetConfig(readers=2)) as images:
        next(images.drawn(pages()))
        assert taken <= 2 * 2 * 8 + 1


def test_an_error_that_is_not_the_pages_ends_the_export() -> None:
    with (
        pytest.raises(JobError, match="no process"),
        PageImages(Drawer, DatasetConfig(readers=2)) as images,
    ):
        list(images.drawn([page("/in/a.pdf", 99, "x")]))
    assert all(drawer.is_closed for drawer in Drawer.made)
