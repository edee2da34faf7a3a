"""`pipeline.job.stages.rows`: what goes into a table between two stages comes out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.documents.look import PageView
from pipeline.errors import ErrorKind
from pipeline.job.stages import rows
from pipeline.job.stages.records import PlannedPage, PreparedPage, RenderedPage
from pipeline.output import schema
from pipeline.recognition.recognise import failed
from pipeline.text.text_layer_trust import Trust
from pipeline.types import (
    Block,
    Document,
    Failure,
    PageIds,
    PageImage,
    PageRef,
    Recognition,
    Request,
    Route,
    Source,
    Status,
    Task,
)

REF = PageRef("/a.pdf", "d" * 64, 2, 3, "application/pdf", 612.0, 792.0)
IDS = PageIds("p" * 32, "c" * 32, "recipe")
PIXELS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
VIEW = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
TILES = np.arange(2 * 3 * 5 * 5, dtype=np.uint8).reshape(2, 3, 5, 5)
IMAGE = PageImage(PIXELS, 150.0, turned_deg=90, layer="the layer")
DRAWN = PageView(4, 2, 150.0, image=IMAGE, trust=Trust(0.5, ("few words",)), turned_deg=90)
TEXT = Recognition(Status.OK, "text", (Block("text", "text", (0.0, 1.0, 2.0, 3.0)),))


def test_documents() -> None:
    documents = [Document("/a.pdf", 1), Document("/b.pdf", 2)]
    table = rows.documents_table(documents)
    assert (table.schema, table.num_rows) == (schema.DOCUMENTS, 1)
    assert rows.documents(table) == documents


def test_planned_pages() -> None:
    page = PlannedPage(REF, IDS, Route.OCR, Status.OK, 99, None, ("a warning",), "/mail.pdf", 3)
    error = Failure(ErrorKind.PASSWORD, "give --password")
    bad = PlannedPage(replace(REF, page=0), IDS, Route.ERROR, None, 0, error)
    table = rows.plan_table([page, bad])
    assert table.schema == schema.PLAN
    assert rows.planned_pages(table) == [page, bad]


def test_rendered_pages() -> None:
    settled = PageView(4, 2, 150.0, settled=TEXT, source=Source.TEXT_LAYER, trust=Trust(1.0))
    blank = PageView(4, 2, 0.0, settled=Recognition(Status.BLANK), source=None)
    pages = [
        RenderedPage(REF, IDS, ("a warning",), DRAWN, None, 5.0),
        RenderedPage(REF, IDS, (), settled, TEXT, 1.0),
        RenderedPage(REF, IDS, (), blank, Recognition(Status.BLANK), 1.0),
        RenderedPage(REF, IDS, ("a warning",), None, failed(ErrorKind.RENDER, "cannot draw")),
    ]
    table = rows.rendered_table(pages)
    assert table.schema == schema.RENDERED
    first, *others = rows.rendered_pages(table)
    assert first.view is not None
    assert first.view.image is not None
    assert np.array_equal(first.view.image.pixels, PIXELS)
    assert replace(first.view.image, pixels=PIXELS) == IMAGE
    assert replace(first, view=DRAWN) == pages[0]
    # What became of a page is in one place of the record.
    for page, expected in zip(others, pages[1:], strict=True):
        view = expected.view and replace(expected.view, settled=None)
        assert page == replace(expected, view=view)


def test_warnings_of_a_document_stand_before_those_of_its_page() -> None:
    view = replace(DRAWN, warnings=("of the page",))
    [page] = rows.rendered_pages(
        rows.rendered_table([RenderedPage(REF, IDS, ("of the document",), view)])
    )
    assert page.warnings == ("of the document", "of the page")
    assert page.view is not None
    assert page.view.warnings == ()


def test_a_page_without_tiles_is_not_one_that_was_not_cut() -> None:
    """A small page has a view and no tiles; where the engine cuts, there is neither."""
    plain = Request(image=PIXELS, page_width_px=4, page_height_px=2)
    small = replace(plain, view=VIEW, tiles=TILES[:0])
    pages = [PreparedPage(RenderedPage(REF, IDS, (), DRAWN), one) for one in (plain, small)]
    uncut, cut = (page.request for page in rows.prepared_pages(rows.prepared_table(pages)))
    assert uncut is not None
    assert uncut.view is uncut.tiles is None
    assert cut is not None
    assert cut.tiles is not None
    assert cut.tiles.shape == (0, 3, 5, 5)


def test_prepared_pages() -> None:
    request = Request(
        image=PIXELS,
        page_width_px=2,
        page_height_px=4,
        prompt="read this",
        task=Task.TEXT,
        max_tokens=9,
        view=VIEW,
        tiles=TILES,
        grid=(2, 1),
        image_tokens=7,
        layer="the layer",
        turned_deg=90,
    )
    pages = [
        PreparedPage(RenderedPage(REF, IDS, (), DRAWN, None, 5.0), request, 3.0),
        PreparedPage(RenderedPage(REF, IDS, (), None, failed(ErrorKind.CRASH, "killed"))),
    ]
    table = rows.prepared_table(pages)
    assert table.schema == schema.PREPARED
    first, second = rows.prepared_pages(table)
    assert first.request is not None
    assert np.array_equal(first.request.image, PIXELS)
    assert first.request.tiles is not None
    assert np.array_equal(first.request.tiles, TILES)
    assert first.request.view is not None
    assert np.array_equal(first.request.view, VIEW)
    assert replace(first.request, image=PIXELS, view=VIEW, tiles=TILES) == request
    assert first.prepare_ms == 3.0
    assert first.page == replace(pages[0].page, view=replace(DRAWN, image=None))
    assert second == pages[1]
