"""`pipeline.job.stages.rows`: what goes into a table between two stages comes out of it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from pipeline.documents.look import PageView
from pipeline.errors import ErrorKind
from pipeline.job.stages import rows
from pipeline.job.stages.records import PlannedPage, PreparedPage
from pipeline.output import schema
from pipeline.output.image_columns import image_buffers
from pipeline.text.text_layer_trust import Trust
from pipeline.types import (
    Block,
    Crop,
    Document,
    Failure,
    MixedPage,
    PageIds,
    PageRef,
    Request,
    Route,
    ScriptHint,
    Status,
    Task,
)
from tests.support import job_stages

REF = PageRef("/a.pdf", "d" * 64, 2, 3, "application/pdf", 612.0, 792.0)
IDS = PageIds("p" * 32, "c" * 32, "recipe")
PIXELS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
VIEW = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
TILES = np.arange(2 * 3 * 5 * 5, dtype=np.uint8).reshape(2, 3, 5, 5)


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
    assert rows.planned_pages(job_stages.todo(table)) == [page, replace(bad, position=1)]


REQUEST = Request(
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
    script_hint=ScriptHint("Cyrillic", is_certain=True),
    mixed=MixedPage(
        (Block("text", "of the layer", (1.0, 2.0, 3.0, 4.5)), Block("title", "no box")),
        (Crop((5.0, 6.0, 7.0, 8.0), 0, 0), Crop((5.0, 16.0, 7.0, 18.0), 0, 26)),
        31,
    ),
)


def test_a_page_without_tiles_is_not_one_that_was_not_cut() -> None:
    """A small page has a view and no tiles; where the engine cuts, there is neither."""
    plain = Request(image=PIXELS, page_width_px=4, page_height_px=2)
    small = replace(plain, view=VIEW, tiles=TILES[:0])
    pages = [PreparedPage(REF, IDS, one, PageView(4, 2, 150.0)) for one in (plain, small)]
    uncut, cut = (page.request for page in rows.prepared_pages(rows.prepared_table(pages)))
    assert uncut.view is uncut.tiles is None
    assert cut.tiles is not None
    assert cut.tiles.shape == (0, 3, 5, 5)


def test_prepared_pages() -> None:
    view = PageView(4, 2, 150.0, trust=Trust(0.5, ("few words",)), turned_deg=90)
    page = PreparedPage(REF, IDS, REQUEST, view, ("a warning",), 5.0, 3.0)
    table = rows.prepared_table([page, replace(page, ids=replace(IDS, page_id="q"))])
    assert table.schema == schema.PREPARED
    first, second = rows.prepared_pages(table)
    assert np.array_equal(first.request.image, PIXELS)
    assert first.request.view is not None
    assert np.array_equal(first.request.view, VIEW)
    assert first.request.tiles is not None
    assert np.array_equal(first.request.tiles, TILES)
    request = replace(first.request, image=PIXELS, view=VIEW, tiles=TILES)
    assert request == REQUEST
    assert replace(first, request=REQUEST) == page
    assert second.ids.page_id == "q"


def test_every_field_of_a_request_travels() -> None:
    """A field that is added to `Request` and not to the table would be lost in the batch alone."""
    arrays = {"image", "view", "tiles"}
    plain = {field.name: field.default for field in fields(Request) if field.name not in arrays}
    unchanged = {name for name, default in plain.items() if getattr(REQUEST, name) == default}
    assert unchanged == {"sampling"}, "the batch has one way to pick tokens"
    [page] = rows.prepared_pages(
        rows.prepared_table([PreparedPage(REF, IDS, REQUEST, PageView(4, 2, 150.0, turned_deg=90))])
    )
    for name in plain:
        assert getattr(page.request, name) == getattr(REQUEST, name), name


def test_an_image_is_in_the_table_without_a_copy() -> None:
    page = PreparedPage(REF, IDS, REQUEST, PageView(4, 2, 150.0))
    [buffer] = image_buffers(rows.prepared_table([page])["image"])
    assert buffer is not None
    assert buffer.address == PIXELS.ctypes.data


def test_warnings_of_a_document_stand_before_those_of_its_page() -> None:
    view = PageView(4, 2, 150.0, ("of the page",))
    table = rows.prepared_table([PreparedPage(REF, IDS, REQUEST, view, ("of the document",))])
    [page] = rows.prepared_pages(table)
    assert page.warnings == ("of the document", "of the page")
    assert page.view.warnings == ()
