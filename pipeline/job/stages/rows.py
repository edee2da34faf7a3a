"""Converts between the records of a job's stages and the tables between them.

Inside a stage there are records, at its edges tables. Every kind of row has two functions here, one
for each direction. Rows of the output are converted by `pipeline.output.rows`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.documents.look import PageView
from pipeline.job.stages.records import PlannedPage, PreparedPage
from pipeline.output import schema
from pipeline.output.image_columns import image_buffers, image_column, image_of
from pipeline.output.rows import (
    Row,
    block_of,
    block_row,
    box_of,
    box_row,
    failure_of,
    failure_row,
    identity_row,
    ids_of,
    ref_of,
)
from pipeline.text.text_layer_trust import Trust
from pipeline.types import (
    Crop,
    Document,
    MixedPage,
    Request,
    Route,
    ScriptHint,
    Source,
    Status,
    Task,
)


def documents_table(documents: Sequence[Document]) -> pa.Table:
    """One row of `DOCUMENTS`: documents that are planned together."""
    row = {
        "uri": [document.uri for document in documents],
        "size_bytes": [document.size_bytes for document in documents],
    }
    return pa.Table.from_pylist([row], schema=schema.DOCUMENTS)


def documents(table: pa.Table) -> list[Document]:
    """The documents of rows of `DOCUMENTS`, or of a table with one in each row."""
    columns = [table["uri"], table["size_bytes"]]
    if pa.types.is_list(columns[0].type):
        columns = [pc.list_flatten(column) for column in columns]
    return list(map(Document, *(column.to_pylist() for column in columns)))


def plan_table(pages: Sequence[PlannedPage]) -> pa.Table:
    """Rows of `PLAN`."""
    return pa.Table.from_pylist([_plan_row(page) for page in pages], schema=schema.PLAN)


def planned_pages(table: pa.Table) -> list[PlannedPage]:
    """The records of rows of `TODO`."""
    return [_planned_page(row) for row in table.to_pylist()]


def prepared_table(pages: Sequence[PreparedPage]) -> pa.Table:
    """Rows of `PREPARED`."""
    images: dict[str, list[np.ndarray | None]] = {
        name: [getattr(page.request, name) for page in pages] for name in _REQUEST_IMAGES
    }
    return _with_images([_prepared_row(page) for page in pages], schema.PREPARED, images)


def prepared_pages(table: pa.Table) -> list[PreparedPage]:
    """The records of rows of `PREPARED`; their images are views of the table's memory.

    The warnings of a page's view are among those of the page.
    """
    rows = table.drop_columns(_REQUEST_IMAGES).to_pylist()
    images = (image_buffers(table[name]) for name in _REQUEST_IMAGES)
    return [_prepared_page(row, *buffers) for row, *buffers in zip(rows, *images, strict=True)]


def _plan_row(page: PlannedPage) -> Row:
    return identity_row(page.ref, page.ids) | {
        "route": page.route,
        "done": page.done,
        "size_bytes": page.size_bytes,
        "outer": page.outer or None,
        "attachments_left_out": page.attachments_left_out,
        "warnings": list(page.warnings),
        **failure_row(page.failure),
    }


def _planned_page(row: Row) -> PlannedPage:
    return PlannedPage(
        ref=ref_of(row),
        ids=ids_of(row),
        route=Route(row["route"]),
        done=Status(row["done"]) if row["done"] else None,
        size_bytes=row["size_bytes"],
        failure=failure_of(row),
        warnings=tuple(row["warnings"] or ()),
        outer=row["outer"] or "",
        attachments_left_out=row["attachments_left_out"] or 0,
        position=row["position"],
    )


def _prepared_row(page: PreparedPage) -> Row:
    view, request = page.view, page.request
    row = identity_row(page.ref, page.ids)
    row |= {"render_ms": page.render_ms, "prepare_ms": page.prepare_ms}
    row |= {name: getattr(view, name) for name in _VIEW}
    row["warnings"] = [*page.warnings, *view.warnings]
    row["text_layer_trust"] = view.trust.score if view.trust else None
    row["text_layer_doubts"] = list(view.trust.doubts) if view.trust else []
    row["image_height_px"], row["image_width_px"] = request.image.shape[:2]
    row |= {name: getattr(request, name) for name in _REQUEST}
    for side, pixels in (("view_side_px", request.view), ("tile_side_px", request.tiles)):
        row[side] = 0 if pixels is None else pixels.shape[-1]
    row["grid_columns"], row["grid_rows"] = request.grid
    if hint := request.script_hint:
        row |= {"script_hint": hint.script, "script_is_certain": hint.is_certain}
    row["mixed"] = request.mixed and _mixed_row(request.mixed)
    return row


_VIEW = ("width_px", "height_px", "dpi", "source", "turned_deg")
_REQUEST_IMAGES = ["image", "view", "tiles"]
_REQUEST = (
    *("page_width_px", "page_height_px"),
    *("prompt", "task", "max_tokens", "image_tokens", "layer"),
)


def _mixed_row(mixed: MixedPage) -> Row:
    crops = [
        box_row(crop.box) | {"left_px": crop.left_px, "top_px": crop.top_px} for crop in mixed.crops
    ]
    blocks = [block_row(block) for block in mixed.blocks]
    return {"blocks": blocks, "crops": crops, "characters": mixed.characters}


def _mixed_page(row: Row) -> MixedPage:
    crops = (Crop(box_of(crop), crop["left_px"], crop["top_px"]) for crop in row["crops"])
    blocks = (block_of(block) for block in row["blocks"])
    return MixedPage(tuple(blocks), tuple(crops), row["characters"])


def _prepared_page(
    row: Row, image: pa.Buffer | None, view: pa.Buffer | None, tiles: pa.Buffer | None
) -> PreparedPage:
    score = row["text_layer_trust"]
    page_view = PageView(
        width_px=row["width_px"],
        height_px=row["height_px"],
        dpi=row["dpi"],
        source=Source(row["source"]) if row["source"] else None,
        trust=None if score is None else Trust(score, tuple(row["text_layer_doubts"] or ())),
        turned_deg=row["turned_deg"],
    )
    return PreparedPage(
        ref=ref_of(row),
        ids=ids_of(row),
        request=_request(row, image, view, tiles),
        view=page_view,
        warnings=tuple(row["warnings"] or ()),
        render_ms=row["render_ms"],
        prepare_ms=row["prepare_ms"],
    )


def _request(
    row: Row, image: pa.Buffer | None, view: pa.Buffer | None, tiles: pa.Buffer | None
) -> Request:
    pixels = image_of(image, (row["image_height_px"], row["image_width_px"], 3))
    if pixels is None:
        raise ValueError("a prepared page without an image")
    view_px, tile_px = row["view_side_px"], row["tile_side_px"]
    return Request(
        image=pixels,
        page_width_px=row["page_width_px"],
        page_height_px=row["page_height_px"],
        prompt=row["prompt"],
        task=Task(row["task"]),
        max_tokens=row["max_tokens"],
        view=image_of(view, (3, view_px, view_px)),
        tiles=image_of(tiles, (-1, 3, tile_px, tile_px)),
        grid=(row["grid_columns"], row["grid_rows"]),
        image_tokens=row["image_tokens"],
        layer=row["layer"],
        turned_deg=row["turned_deg"],
        script_hint=_script_hint(row),
        mixed=row["mixed"] and _mixed_page(row["mixed"]),
    )


def _script_hint(row: Row) -> ScriptHint | None:
    script = row["script_hint"]
    return None if script is None else ScriptHint(script, row["script_is_certain"])


def _with_images(
    rows: Sequence[Row], wanted: pa.Schema, images: dict[str, list[np.ndarray | None]]
) -> pa.Table:
    plain = pa.schema([field for field in wanted if field.name not in images])
    table = pa.Table.from_pylist(rows, schema=plain)
    columns = {name: table[name] for name in plain.names}
    columns |= {name: image_column(arrays) for name, arrays in images.items()}
    return pa.table([columns[name] for name in wanted.names], schema=wanted)
